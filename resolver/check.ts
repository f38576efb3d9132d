/**
 * Which releases of a universe can be installed at all, each alone, where nothing is installed yet.
 */
import type { Candidate, Universe } from '../model/universe.js';
import { explainRelease } from './explain.js';
import { Rules } from './rules.js';
import { Search } from './search.js';

/** A release that no set of packages allows. */
export interface Uninstallable {
  readonly candidate: Candidate;
  /** one sentence without the final stop */
  readonly reason: string;
}

/**
 * Looks at every release of `names`, recommendations aside. One search serves all, so what was learned of one package
 * helps the next; and what a solution holds needs no search of its own.
 * @throws GtpkgError LIMIT_EXCEEDED where a search is hopeless
 */
export function findUninstallable(
  universe: Universe,
  names: Iterable<string>,
  architecture: string,
): Uninstallable[] {
  const rules = new Rules({
    universe,
    architecture,
    installed: [],
    request: { kind: 'install', targets: [], recommends: false, dependencies: true },
  });
  const search = new Search(rules);
  const good = new Set<Candidate>();
  const found: Uninstallable[] = [];
  for (const name of names) {
    for (const candidate of rules.pool.named(name)) {
      if (good.has(candidate)) continue;
      if (search.possible(candidate)) for (const one of search.chosen()) good.add(one);
      else found.push(Object.freeze({ candidate, reason: explainRelease(search.core, name, rules) }));
    }
  }
  return found;
}

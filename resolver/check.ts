/**
 * Which releases of a universe can be installed at all, each alone, where nothing is installed yet.
 */
import type { Candidate, Universe } from '../model/universe.js';
import { qualify } from './architectures.js';
import { explainRelease } from './explain.js';
import type { Problem } from './problem.js';
import { Rules } from './rules.js';
import { Search } from './search.js';

/** A release that no set of packages allows. */
export interface Uninstallable {
  readonly candidate: Candidate;
  /** one sentence without the final stop */
  readonly reason: string;
}

/** Names after which clauses are forgotten: those of all of a distribution would fill the memory. */
const BATCH = 2500;

/**
 * Looks at every release of `names` (without architectures), recommendations aside. One search serves many, so what was learned of one package
 * helps the next; and what a solution holds needs no search of its own.
 * @throws GtpkgError LIMIT_EXCEEDED where a search is hopeless
 */
export function findUninstallable(
  universe: Universe,
  names: Iterable<string>,
  { architecture, foreign = [] }: Pick<Problem, 'architecture' | 'foreign'>,
): Uninstallable[] {
  const problem = qualify({
    universe,
    architecture,
    foreign,
    installed: [],
    request: { kind: 'install', targets: [], recommends: false, dependencies: true },
  });
  let rules = new Rules(problem);
  let search = new Search(rules);
  let looked = 0;
  const good = new Set<Candidate>();
  const found: Uninstallable[] = [];
  for (const name of names) {
    if (++looked % BATCH === 0) {
      rules = new Rules(problem);
      search = new Search(rules);
    }
    for (const instance of [name, ...rules.pool.instances(name)]) {
      for (const candidate of rules.pool.named(instance)) {
        if (good.has(candidate)) continue;
        if (search.possible(candidate)) for (const one of search.chosen()) good.add(one);
        else found.push(Object.freeze({ candidate, reason: explainRelease(search.core, instance, rules) }));
      }
    }
  }
  return found;
}

/**
 * Why packages are there: every package that is reached from the user's own through dependencies, recommendations and
 * suggestions, each by a shortest way. What is not reached came as a dependency and is needed no more. Suggestions count as
 * they do for apt (APT::AutoRemove::SuggestsImportant): nothing is installed because of one, but what is there is kept.
 */
import { compareBytes } from '../model/bytes.js';
import type { Clause } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import type { State } from './state.js';

/** A field by which one package keeps another. */
export type NeedField = 'Pre-Depends' | 'Depends' | 'Recommends' | 'Suggests';

/** One step of a reason: `from` has `clause` in `field`, and `to` satisfies it. */
export interface NeedLink {
  readonly from: string;
  readonly fromVersion: string;
  readonly field: NeedField;
  readonly clause: Clause;
  readonly to: string;
}

const FIELDS = [
  ['Pre-Depends', 'preDepends'],
  ['Depends', 'depends'],
  ['Recommends', 'recommends'],
] as const;
const SUGGESTS = [['Suggests', 'suggests']] as const;

/**
 * Walks breadth first from `roots` over everything in `state`; among ways of equal length the first by name and
 * field, ways without a suggestion before all others. Every alternative that is there counts, so a package is only called
 * unneeded when nothing speaks for it.
 * @returns reached name → the last step of its way; undefined for a root
 */
export function reach(state: State, roots: Iterable<string>): ReadonlyMap<string, NeedLink | undefined> {
  const reached = new Map<string, NeedLink | undefined>();
  let level: Candidate[] = [];
  for (const name of [...new Set(roots)].sort(compareBytes)) {
    const candidate = state.get(name);
    if (candidate === undefined) continue;
    reached.set(name, undefined);
    level.push(candidate);
  }
  const all = [...level];
  for (let suggesting = 0; ;) {
    while (level.length > 0) all.push(...(level = step(level, FIELDS)));
    // suggestions name a third of all that is named: they are looked at where something is left without a reason
    if (reached.size === state.size || suggesting === all.length) return reached;
    level = step(all.slice(suggesting), SUGGESTS);
    suggesting = all.length;
    all.push(...level);
  }

  function step(from: readonly Candidate[], fields: typeof FIELDS | typeof SUGGESTS): Candidate[] {
    const next: Candidate[] = [];
    for (const [field, key] of fields) {
      for (const candidate of from) {
        if (reached.size === state.size) return next;
        for (const clause of candidate.relations[key]) {
          for (const relation of clause) {
            for (const to of state.satisfiers(relation, candidate)) {
              if (reached.has(to.name)) continue;
              const { name, version: fromVersion } = candidate;
              reached.set(to.name, { from: name, fromVersion, field, clause, to: to.name });
              next.push(to);
            }
          }
        }
      }
    }
    return next.sort((a, b) => compareBytes(a.name, b.name));
  }
}

/** The steps from a root to `name`, first the root's. */
export function wayTo(reached: ReadonlyMap<string, NeedLink | undefined>, name: string): readonly NeedLink[] {
  const way: NeedLink[] = [];
  for (let link = reached.get(name); link !== undefined; link = reached.get(link.from)) way.push(link);
  return way.reverse();
}

/** What is in `state` that no root needs, by name. */
export function unneeded(state: State, roots: Iterable<string>): string[] {
  const reached = reach(state, roots);
  return [...state.all()].map(({ name }) => name).filter((name) => !reached.has(name));
}

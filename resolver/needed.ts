/**
 * Why packages are there: every package that is reached from the user's own through dependencies and
 * recommendations, each by a shortest way. What is not reached came as a dependency and is needed no more.
 */
import { compareBytes } from '../model/bytes.js';
import type { Clause } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import type { State } from './state.js';

/** A field by which one package keeps another. */
export type NeedField = 'Pre-Depends' | 'Depends' | 'Recommends';

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

/**
 * Walks breadth first from `roots` over everything in `state`; among ways of equal length the first by name and
 * field. Every alternative that is there counts, so a package is only called unneeded when nothing speaks for it.
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
  while (level.length > 0) {
    const next: Candidate[] = [];
    for (const [field, key] of FIELDS) {
      for (const candidate of level) {
        for (const clause of candidate.relations[key]) {
          for (const relation of clause) {
            for (const to of state.satisfiers(relation, candidate)) {
              if (reached.has(to.name)) continue;
              const { name: from, version: fromVersion } = candidate;
              reached.set(to.name, { from, fromVersion, field, clause, to: to.name });
              next.push(to);
            }
          }
        }
      }
    }
    level = next.sort((a, b) => compareBytes(a.name, b.name));
  }
  return reached;
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

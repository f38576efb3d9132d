/**
 * A plan whose outcome is known beforehand: the way to an earlier state, which nobody has to search for. Pure.
 */
import { formatClause, formatRelation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { makePlan, type Plan } from './plan.js';
import type { Installed } from './problem.js';
import { State } from './state.js';

/** From what is there to what shall be. */
export interface Towards {
  readonly installed: readonly Installed[];
  /** all packages that will be there */
  readonly chosen: readonly Candidate[];
  readonly architecture: string;
}

/** A relation that held before, or whose package was not there, and does not hold afterwards. */
export interface Broken {
  /** whose relation it is */
  readonly name: string;
  /** one sentence without the final stop */
  readonly sentence: string;
}

/** The steps in their order. Marks are the caller's business. */
export function planTowards({ installed, chosen, architecture }: Towards): Plan {
  const request = { kind: 'install', targets: [], recommends: false, dependencies: false } as const;
  const universe = { versions: () => [], providers: () => [] };
  const problem = { universe, installed, request, architecture };
  return makePlan({ problem, chosen, asked: new Set(), heldBack: [] });
}

/** What the way would break; what was broken before is not told again. By name. */
export function brokenBy({ installed, chosen, architecture }: Towards): Broken[] {
  const before = new State(
    installed.map(({ candidate }) => candidate),
    architecture,
  );
  const after = new State(chosen, architecture);
  const known = new Set(faults(before).map(({ sentence }) => sentence));
  return faults(after).filter(({ sentence }) => !known.has(sentence));
}

function faults(state: State): Broken[] {
  const found: Broken[] = state.unmet().map(({ name, version, field, clause }) => ({
    name,
    sentence: `${name} ${version} ${field === 'Depends' ? 'depends' : 'pre-depends'} on ${formatClause(clause)}`,
  }));
  for (const owner of state.all()) {
    const { name, version, relations } = owner;
    for (const [verb, list] of [
      ['conflicts with', relations.conflicts],
      ['breaks', relations.breaks],
    ] as const)
      for (const relation of list)
        for (const other of state.against(owner, relation))
          found.push({
            name,
            sentence: `${name} ${version} ${verb} ${formatRelation(relation)}, which ${other.name} ${other.version} is`,
          });
  }
  return found;
}

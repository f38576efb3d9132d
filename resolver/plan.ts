/**
 * What a request will change, decided and ordered: frozen data, carried out elsewhere, printed by a dry run.
 */
import { compareBytes } from '../model/bytes.js';
import { formatClause } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { compareVersions } from '../model/version.js';
import { reach } from './needed.js';
import { orderSteps } from './order.js';
import type { Problem } from './problem.js';
import { changeReasons } from './reasons.js';
import { State } from './state.js';
import { isRoot } from './why.js';

interface StepCommon {
  readonly name: string;
  /** the mark after the step: the user wants this package for its own sake */
  readonly manual: boolean;
  /** one sentence without the final stop, for the user */
  readonly reason: string;
}

/** A package that is not there yet. */
export interface InstallStep extends StepCommon {
  readonly kind: 'install';
  readonly from?: undefined;
  readonly to: Candidate;
}

/** A package that changes its release; `reinstall` where the version stays. */
export interface ChangeStep extends StepCommon {
  readonly kind: 'upgrade' | 'downgrade' | 'reinstall';
  readonly from: Candidate;
  readonly to: Candidate;
}

/** A package that goes. */
export interface RemoveStep extends StepCommon {
  readonly kind: 'remove';
  readonly from: Candidate;
  readonly to?: undefined;
  /** its configuration files go too */
  readonly purge: boolean;
}

export type Step = InstallStep | ChangeStep | RemoveStep;

/** An installed package for which something newer exists that this plan does not take. */
export interface HeldBack {
  readonly name: string;
  readonly installed: Candidate;
  readonly available: Candidate;
  /** one sentence without the final stop */
  readonly reason: string;
}

/** A dependency that stays unmet: it was broken before, or the user asked to look at none. */
export interface UnmetDependency {
  readonly name: string;
  readonly version: string;
  readonly field: 'Pre-Depends' | 'Depends';
  readonly relation: string;
}

/** A plan with no steps and no marks changes nothing. */
export interface Plan {
  /** in the order in which to carry them out */
  readonly steps: readonly Step[];
  /** marks of packages that do not otherwise change */
  readonly marks: readonly { readonly name: string; readonly manual: boolean }[];
  readonly heldBack: readonly HeldBack[];
  /** names that nothing needs once the plan is carried out */
  readonly autoremovable: readonly string[];
  readonly unmet: readonly UnmetDependency[];
  /** what new packages recommend and nothing that will be there satisfies, where recommendations were wanted */
  readonly missed: readonly { readonly name: string; readonly version: string; readonly relation: string }[];
  /** bytes to fetch, if nothing is held already */
  readonly downloadSize: number;
  /** KiB on disk, negative when space is freed */
  readonly sizeChange: number;
}

/** What a plan is made from. */
export interface Outcome {
  readonly problem: Problem;
  /** all packages that will be there */
  readonly chosen: Iterable<Candidate>;
  /** real names of the packages the user asked to install */
  readonly asked: ReadonlySet<string>;
  readonly heldBack: readonly HeldBack[];
}

/** The difference between what is installed and what was chosen, as steps in order. */
export function makePlan(outcome: Outcome): Plan {
  const { problem, asked } = outcome;
  const installed = new Map(problem.installed.map((one) => [one.candidate.name, one]));
  const before = new State(
    [...installed.values()].map(({ candidate }) => candidate),
    problem.architecture,
  );
  const after = new State(outcome.chosen, problem.architecture);
  const manual = (name: string): boolean => asked.has(name) || installed.get(name)?.manual === true;
  const { request } = problem;
  const purge = (request.kind === 'remove' || request.kind === 'autoremove') && request.purge === true;
  const roots = [...after.all()].flatMap(({ name, essential }) => {
    const one = installed.get(name);
    return manual(name) || (one !== undefined && isRoot(one)) || essential ? [name] : [];
  });
  // what is asked for often brings in all that will be there: then no more has to be looked at
  const brought = asked.size === 0 ? undefined : reach(after, asked);
  const needed = brought?.size === after.size ? brought : reach(after, roots);
  const reason = changeReasons({ request, asked, before, after, brought });
  const steps: Step[] = [];
  for (const to of after.all()) {
    const { name } = to;
    const from = before.get(name);
    if (from === to) continue;
    const common = { name, manual: manual(name), reason: reason(name) };
    if (from === undefined) steps.push(Object.freeze({ kind: 'install', ...common, to }));
    else steps.push(Object.freeze({ kind: changeKind(from, to), ...common, from, to }));
  }
  for (const from of before.all()) {
    const { name } = from;
    if (after.get(name) !== undefined) continue;
    steps.push(Object.freeze({ kind: 'remove', name, manual: false, reason: reason(name), from, purge }));
  }
  const marks = [...asked]
    .filter((name) => installed.get(name)?.manual === false && before.get(name) === after.get(name))
    .sort(compareBytes)
    .map((name) => Object.freeze({ name, manual: true }));
  return Object.freeze({
    steps: Object.freeze(orderSteps(steps, { before, after, architecture: problem.architecture })),
    marks: Object.freeze(marks),
    heldBack: Object.freeze([...outcome.heldBack]),
    autoremovable: Object.freeze(
      [...after.all()].map(({ name }) => name).filter((name) => !needed.has(name)),
    ),
    // the search leaves unmet only what was so before, or what it was told to
    unmet: Object.freeze(
      (before.size === 0 && request.kind === 'install' && request.dependencies !== false
        ? []
        : after.unmet()
      ).map(({ clause, ...rest }) => Object.freeze({ ...rest, relation: formatClause(clause) })),
    ),
    missed: Object.freeze(missedBy(steps, after, request)),
    downloadSize: sum(steps, (step) => step.to?.downloadSize ?? 0),
    sizeChange: sum(steps, (step) => (step.to?.installedSize ?? 0) - (step.from?.installedSize ?? 0)),
  });
}

function missedBy(
  steps: readonly Step[],
  after: State,
  request: Problem['request'],
): Plan['missed'][number][] {
  if (request.kind !== 'install' || !request.recommends || !request.dependencies) return [];
  return steps.flatMap((step) =>
    step.kind !== 'install'
      ? []
      : step.to.relations.recommends
          .filter((clause) => !after.satisfied(clause, step.to))
          .map((clause) =>
            Object.freeze({ name: step.name, version: step.to.version, relation: formatClause(clause) }),
          ),
  );
}

function changeKind(from: Candidate, to: Candidate): ChangeStep['kind'] {
  const order = compareVersions(to.version, from.version);
  return order > 0 ? 'upgrade' : order < 0 ? 'downgrade' : 'reinstall';
}

function sum(steps: readonly Step[], of: (step: Step) => number): number {
  return steps.reduce((total, step) => total + of(step), 0);
}

/**
 * One sentence for each change of a plan: which wish, dependency or conflict brings it about.
 */
import { formatClause, formatRelation, type Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { packageOf } from './architectures.js';
import { coexist } from './match.js';
import { reach, type NeedLink } from './needed.js';
import type { Request } from './problem.js';
import type { State } from './state.js';

/** What the reasons are found in. */
export interface Change {
  readonly request: Request;
  /** real names of the packages the user asked to install */
  readonly asked: ReadonlySet<string>;
  readonly before: State;
  readonly after: State;
  /** ways from what the user asked to install; undefined where that is nothing */
  readonly brought: ReadonlyMap<string, NeedLink | undefined> | undefined;
}

const VERB = {
  'Pre-Depends': 'pre-depends on',
  Depends: 'depends on',
  Recommends: 'recommends',
  Suggests: 'suggests',
} as const;

/** Gives the reason for each package that changes; sentences without the final stop. */
export function changeReasons(change: Change): (name: string) => string {
  const { request, asked, before, after, brought } = change;
  let wanted: ReadonlyMap<string, NeedLink | undefined> | undefined;
  const removed = new Set(request.kind === 'remove' ? request.names : []);
  // Shortest ways start at what the user asked for, else at everything that was there and stays.
  const waysTo = (): ReadonlyMap<string, NeedLink | undefined> =>
    brought ??
    reach(
      after,
      [...after.all()].map(({ name }) => name).filter((name) => before.get(name) !== undefined),
    );

  return (name) => {
    if (asked.has(name)) return 'you asked for it';
    const from = before.get(name);
    const to = after.get(name);
    if (to === undefined) return from === undefined ? '' : removal(from);
    return from === undefined ? addition(name) : move(from, to);
  };

  function addition(name: string): string {
    wanted ??= waysTo();
    const link =
      wanted.get(name) ??
      reach(
        after,
        [...after.all()].map((c) => c.name).filter((n) => n !== name),
      ).get(name);
    return link === undefined
      ? 'it completes the set'
      : `${link.from} ${VERB[link.field]} ${formatClause(link.clause)}`;
  }

  function removal(from: Candidate): string {
    if (removed.has(from.name)) return 'you asked to remove it';
    if (request.kind === 'autoremove') return 'it came as a dependency and nothing needs it any more';
    return excluded(from) ?? starved(from) ?? 'nothing that stays needs it';
  }

  function move(from: Candidate, to: Candidate): string {
    if (request.kind === 'upgrade' && (request.names === undefined || request.names.includes(to.name))) {
      return `${to.version} is newer than ${from.version}`;
    }
    const needing = needed(from);
    return needing ?? excluded(from) ?? starved(from) ?? `${to.version} fits with what changes`;
  }

  // Who excludes `from`, or whom `from` excludes, in what will be there.
  function excluded(from: Candidate): string | undefined {
    for (const other of after.all()) {
      if (other.name === from.name) continue;
      if (packageOf(other.name) === packageOf(from.name) && !coexist(other, from))
        return `${other.name} ${other.version} takes its place`;
      const relation = excluding(other, from);
      if (relation !== undefined) return `${other.name} ${other.version} ${relation}`;
    }
    for (const [verb, relations] of exclusions(from)) {
      for (const relation of relations) {
        const [other] = after.against(from, relation);
        if (other !== undefined) return `it ${verb} ${other.name} ${other.version}`;
      }
    }
    return undefined;
  }

  function excluding(owner: Candidate, from: Candidate): string | undefined {
    for (const [verb, relations] of exclusions(owner)) {
      for (const relation of relations) {
        if (before.against(owner, relation).includes(from)) return `${verb} ${formatRelation(relation)}`;
      }
    }
    return undefined;
  }

  // A dependency of `from` that was met and will not be.
  function starved(from: Candidate): string | undefined {
    for (const clause of [...from.relations.preDepends, ...from.relations.depends]) {
      if (before.satisfied(clause, from) && !after.satisfied(clause, from))
        return `it depends on ${formatClause(clause)}`;
    }
    return undefined;
  }

  // A dependency, of what will be there, that `from` would not meet.
  function needed(from: Candidate): string | undefined {
    for (const other of after.all()) {
      for (const clause of [...other.relations.preDepends, ...other.relations.depends]) {
        if (!clause.some((relation) => relation.name === packageOf(from.name))) continue;
        if (!before.satisfied(clause, other))
          return `${other.name} ${other.version} depends on ${formatClause(clause)}`;
      }
    }
    return undefined;
  }
}

function exclusions(candidate: Candidate): readonly (readonly [string, readonly Relation[]])[] {
  return [
    ['conflicts with', candidate.relations.conflicts],
    ['breaks', candidate.relations.breaks],
  ];
}

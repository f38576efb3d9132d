/**
 * Ways out of a contradiction: small changes of what the user said, each tried before it is named.
 */
import { formatRelation } from '../model/relation.js';
import type { Blocked, Reason } from './facts.js';
import type { Installed, Policy, Problem, Target } from './problem.js';
import { label, type Rules } from './rules.js';

/** One way out. */
export interface Fix {
  /** a command to run, where one does it */
  readonly command?: string;
  /** in the imperative, fits after "To get further," */
  readonly text: string;
  /** tried: with it the request has a solution */
  readonly proven: boolean;
}

/** The reasons against a changed problem, or undefined when it has a solution. */
export type Attempt = (problem: Problem) => readonly Reason[] | undefined;

/** Ways out that are named at most. */
const MAX_FIXES = 2;
/** Packages that a way out names at most. */
const MAX_NAMED = 4;
/** Solutions that are looked for at most, over all ways out. */
const MAX_ATTEMPTS = 24;

/** The ways out that work, the smallest change first; else what the world outside would have to bring. */
export function findFixes(reasons: readonly Reason[], rules: Rules, attempt: Attempt): Fix[] {
  const fixes: Fix[] = [];
  let attempts = 0;
  const tried: Attempt = (problem) => (++attempts > MAX_ATTEMPTS ? [] : attempt(problem));
  for (const way of [unhold, open, takeAlso, goDown, remove, loosen, leaveOut]) {
    for (const fix of way(reasons, rules.problem, tried)) {
      if (fixes.length < MAX_FIXES && !fixes.some(({ text }) => text === fix.text)) fixes.push(fix);
    }
    if (fixes.length >= MAX_FIXES) break;
  }
  return fixes.length > 0 ? fixes : outside(reasons, rules);
}

type Way = (reasons: readonly Reason[], problem: Problem, attempt: Attempt) => Fix[];

function command(text: string): Fix {
  return { command: text, text: `run ${text}`, proven: true };
}

const blockedBy = (reasons: readonly Reason[], why: Blocked['why']): Blocked[] =>
  reasons.flatMap((reason) => ('blocked' in reason ? reason.blocked.filter((one) => one.why === why) : []));

const keptAs = (reasons: readonly Reason[], why: string): string[] =>
  reasons.flatMap((reason) => (reason.kind === 'kept' && reason.why === why ? [reason.name] : []));

const askedFor = (reasons: readonly Reason[]): string[] =>
  reasons.flatMap((reason) => (reason.kind === 'asked' ? [reason.name] : []));

const unique = (items: readonly string[]): string[] => [...new Set(items)].sort();

function withInstalled(problem: Problem, change: (one: Installed) => Installed | undefined): Problem {
  return { ...problem, installed: problem.installed.flatMap((one) => change(one) ?? []) };
}

const unhold: Way = (reasons, problem, attempt) => {
  const names = unique([...blockedBy(reasons, 'held').map(({ name }) => name), ...keptAs(reasons, 'held')]);
  const lift = (some: readonly string[]): Problem =>
    withInstalled(problem, (one) => (some.includes(one.candidate.name) ? { ...one, held: false } : one));
  for (const some of [...names.map((name) => [name]), ...(names.length > 1 ? [names] : [])]) {
    if (attempt(lift(some)) === undefined) return [command(`gtpkg unhold ${some.join(' ')}`)];
  }
  return [];
};

// What another source has, where nothing else will do: pins that say it may be taken from there, one after the other.
const open: Way = (reasons, problem, attempt) => {
  const { policy } = problem;
  if (policy?.allows === undefined) return [];
  const opened = new Map<string, { readonly name: string; readonly source: string }>();
  let against: readonly Reason[] | undefined = reasons;
  while (against !== undefined) {
    const [one] = blockedBy(against, 'source').filter(({ name, source }) => !opened.has(`${name}@${source}`));
    if (one === undefined) return [];
    opened.set(`${one.name}@${one.source}`, one);
    const allows: Policy['allows'] = (owner, candidate) =>
      opened.has(`${candidate.name}@${candidate.source}`) || policy.allows?.(owner, candidate) === true;
    against = attempt({ ...problem, policy: { priority: (each) => policy.priority(each), allows } });
  }
  return [command(`gtpkg pin ${unique([...opened.keys()]).join(' ')}`)];
};

// A removal that a manual package stands against: name that one too, until nothing does.
const takeAlso: Way = (reasons, problem, attempt) => {
  const { request } = problem;
  if (request.kind !== 'remove') return [];
  const names = new Set(request.names);
  let against: readonly Reason[] | undefined = reasons;
  while (against !== undefined) {
    const more = keptAs(against, 'manual').filter((name) => !names.has(name));
    if (more.length === 0) return [];
    for (const name of more) names.add(name);
    against = attempt({ ...problem, request: { ...request, names: [...names] } });
  }
  return [command(`gtpkg remove ${request.purge ? '--purge ' : ''}${unique([...names]).join(' ')}`)];
};

// An older version that drags others down: name theirs too.
const goDown: Way = (reasons, problem, attempt) => {
  const { request } = problem;
  if (request.kind !== 'install') return [];
  const targets = new Map<string, Target>(request.targets.map((target) => [target.name, target]));
  let against: readonly Reason[] | undefined = reasons;
  while (against !== undefined) {
    const more = blockedBy(against, 'downgrade').filter(
      ({ name, version }) => targets.get(name)?.version !== version,
    );
    const [one] = more;
    if (one === undefined) return [];
    targets.set(one.name, { name: one.name, version: one.version });
    against = attempt({ ...problem, request: { ...request, targets: [...targets.values()] } });
  }
  return [command(`gtpkg install ${unique([...targets.values()].map(label)).join(' ')}`)];
};

const remove: Way = (reasons, problem, attempt) => {
  if (problem.request.kind === 'remove') return [];
  const names = unique(keptAs(reasons, 'manual'));
  const without = (name: string): Problem =>
    withInstalled(problem, (one) => (one.candidate.name === name ? undefined : one));
  return names
    .filter((name) => attempt(without(name)) === undefined)
    .map((name) => ({ ...command(`gtpkg remove ${name}`), text: `run gtpkg remove ${name} first` }));
};

function installing(
  problem: Problem,
  attempt: Attempt,
  change: (target: Target) => Target | undefined,
): Fix[] {
  const { request } = problem;
  if (request.kind !== 'install') return [];
  const targets = request.targets.flatMap((target) => change(target) ?? []);
  if (targets.length === 0 || attempt({ ...problem, request: { ...request, targets } }) !== undefined)
    return [];
  return [command(`gtpkg install ${unique(targets.map(label)).join(' ')}`)];
}

const loosen: Way = (reasons, problem, attempt) => {
  const held = new Set(blockedBy(reasons, 'held').map(({ name }) => name));
  const names = unique([...askedFor(reasons), ...blockedBy(reasons, 'wish').map(({ name }) => name)]);
  const narrow = (target: Target): boolean => target.candidate === undefined && label(target) !== target.name;
  return names
    .filter((name) => !held.has(name))
    .filter(
      (name) =>
        problem.request.kind === 'install' &&
        problem.request.targets.some((one) => one.name === name && narrow(one)),
    )
    .flatMap((name) => installing(problem, attempt, (target) => (target.name === name ? { name } : target)));
};

const leaveOut: Way = (reasons, problem, attempt) =>
  unique(askedFor(reasons)).flatMap((name) =>
    installing(problem, attempt, (target) => (target.name === name ? undefined : target)).map((fix) => ({
      ...fix,
      text: `leave out ${name}`,
    })),
  );

/** Nothing the user can say differently: what a source would have to bring. */
function outside(reasons: readonly Reason[], rules: Rules): Fix[] {
  const missing = reasons.flatMap((reason) =>
    reason.kind === 'depends' && reason.on.length === 0 && reason.blocked.length === 0
      ? reason.clause.slice(0, 1).map((relation) => ({ relation, owner: reason.name }))
      : [],
  );
  const [first] = missing;
  if (first !== undefined) {
    const { pool } = rules;
    const { archQualifier } = first.relation;
    const unknown = [pool.architecture, ...pool.foreign, 'any', 'native', undefined].includes(archQualifier)
      ? undefined
      : archQualifier;
    if (unknown !== undefined)
      return [{ text: `look at packages for ${unknown}, too (--foreign ${unknown})`, proven: false }];
    const own = first.owner.split(':', 2)[1];
    const what = formatRelation({
      ...first.relation,
      ...(own === undefined || archQualifier !== undefined ? {} : { archQualifier: own }),
    });
    return [
      { text: `run gtpkg update or add a source that has ${what}`, command: 'gtpkg update', proven: false },
    ];
  }
  const essential = keptAs(reasons, 'essential');
  if (essential.length > 0 && rules.problem.request.kind === 'remove')
    return [{ text: `keep ${essential.join(' and ')}: the system cannot do without it`, proven: false }];
  const [pinned] = blockedBy(reasons, 'pinned');
  if (pinned !== undefined)
    return [
      { text: `lift the pin on ${pinned.name}, which gtpkg policy ${pinned.name} shows`, proven: false },
    ];
  if (rules.problem.request.kind !== 'install') return [];
  const apart = unique(
    reasons.flatMap((reason) =>
      reason.kind === 'excludes' || reason.kind === 'instances'
        ? [reason.name, reason.other]
        : reason.kind === 'single'
          ? [reason.name]
          : [],
    ),
  );
  const others =
    apart.length === 0 || apart.length > MAX_NAMED
      ? 'other releases'
      : `another release of ${apart.join(' or ')}`;
  return [{ text: `wait for ${others}: no change of the request makes it possible`, proven: false }];
}

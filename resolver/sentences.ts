/**
 * Facts as sentences: what was asked, how that leads on, where it ends, in at most five with the way out.
 */
import { formatRelation, type Clause } from '../model/relation.js';
import { packageOf } from './architectures.js';
import { list, whyBlocked, whyNothing, type Reason } from './facts.js';
import type { Rules } from './rules.js';

type Depends = Reason & { readonly kind: 'depends' };

const KEPT = {
  manual: (name: string) => `${name} is there because you installed it`,
  held: (name: string, version: string) => `${name} is held at ${version}`,
  essential: (name: string) => `${name} is essential`,
  unasked: (name: string) => `${name} was not to go`,
} as const;

const VERB = {
  Depends: 'depends on',
  'Pre-Depends': 'pre-depends on',
  Conflicts: 'conflicts with',
  Breaks: 'breaks',
};

/** Chains longer than this are told by their ends. */
const MAX_HOPS = 5;
/** Statements in one sentence. */
const MAX_JOINED = 3;

/** The user's own part in the contradiction, one sentence without the final stop. */
export function requestSentence(reasons: readonly Reason[], rules: Rules): string {
  const asked = reasons.flatMap((reason) => (reason.kind === 'asked' ? reason.wanted : []));
  const parts: string[] = [];
  if (asked.length > 0) parts.push(`You asked for ${list(asked)}`);
  else if (rules.removed.size > 0) parts.push(`You asked to remove ${list([...rules.removed].sort())}`);
  const kept: string[] = [];
  for (const reason of reasons) {
    if (reason.kind === 'kept') kept.push(KEPT[reason.why](reason.name, reason.version));
    if (reason.kind === 'asked' && reason.blocked.length > 0) {
      for (const blocked of reason.blocked) kept.push(whyBlocked(blocked, rules));
    }
  }
  const told = [...new Set(kept)];
  if (told.length > 0)
    parts.push(
      told.length > MAX_JOINED
        ? `${told.slice(0, 2).join(', ')} and ${told.length - 2} more must stay`
        : told.join(' and '),
    );
  return parts.join(', and ');
}

/** How one thing leads to another, from `roots` on: each a statement without the final stop. */
export function pathStatements(reasons: readonly Reason[], roots: readonly string[], rules: Rules): string[] {
  const bySubject = new Map<string, Depends[]>();
  for (const reason of reasons) {
    if (reason.kind !== 'depends') continue;
    const known = bySubject.get(reason.name);
    if (known === undefined) bySubject.set(reason.name, [reason]);
    else known.push(reason);
  }
  const told = new Set<Depends>();
  const untold = (name: string): Depends[] =>
    (bySubject.get(name) ?? []).filter((reason) => !told.has(reason));
  const statements: string[] = [];
  // the next one stands last: a clause may have thousands of alternatives
  const queue = [...roots, ...bySubject.keys()].reverse();
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const start of untold(name)) {
      const chain = [start];
      told.add(start);
      for (let last = start; ;) {
        const [only] = last.on;
        const next = last.on.length === 1 && only !== undefined ? untold(only) : [];
        const [link] = next;
        if (link === undefined || next.length !== 1) break;
        told.add(link);
        chain.push(link);
        last = link;
      }
      statements.push(chainStatement(chain, rules));
      for (const on of [...(chain.at(-1)?.on ?? [])].reverse()) queue.push(on);
    }
  }
  return statements;
}

function chainStatement(chain: readonly Depends[], rules: Rules): string {
  const left = chain.length - MAX_HOPS;
  const told = left > 0 ? [...chain.slice(0, 2), ...chain.slice(-2)] : chain;
  let text = '';
  told.forEach((reason, at) => {
    const before = told[at - 1];
    const what = `${VERB[reason.field]} ${clauseText(reason.clause)}`;
    if (before === undefined) text = `${reason.name} ${list(reason.versions)} ${what}`;
    else if (left > 0 && at === 2)
      text += `, which by way of ${chain.length - told.length} more packages needs ${reason.name}, which ${what}`;
    else
      text += `${isPlain(before.clause, reason.name) ? '' : `, where only ${reason.name} would do`}, which ${what}`;
  });
  const last = told.at(-1);
  if (last === undefined) return text;
  if (last.on.length === 0) return `${text}, but ${whyNothing(last, rules)}`;
  const only = last.on.filter((name) => !isPlain(last.clause, name));
  if (only.length > 0 && last.clause.length === 1)
    text += `, for which there ${only.length > 1 ? 'are' : 'is'} ${list(last.on)}`;
  const out = [...new Set(last.blocked.map((blocked) => whyBlocked(blocked, rules)))];
  return out.length === 0
    ? text
    : `${text} (${out.length > MAX_JOINED ? `${out.length} candidates are out` : out.join(' and ')})`;
}

/** What cannot be together: each a statement without the final stop. */
export function clashStatements(reasons: readonly Reason[]): string[] {
  return reasons.flatMap((reason) => {
    if (reason.kind === 'single') return [`only one version of ${reason.name} can be there at a time`];
    if (reason.kind === 'instances')
      return [
        reason.same
          ? `${reason.name} ${list(reason.versions)} and ${reason.other} ${list(reason.otherVersions)} can be there together only in one version`
          : `${reason.name} and ${reason.other} cannot be there together, since they are not marked Multi-Arch: same`,
      ];
    if (reason.kind !== 'excludes') return [];
    const through =
      reason.about === packageOf(reason.other)
        ? ''
        : `, which ${reason.other} ${list(reason.otherVersions)} provides`;
    return [`${reason.name} ${list(reason.versions)} ${VERB[reason.field]} ${reason.relation}${through}`];
  });
}

/** Several statements as one sentence without the final stop. */
export function join(statements: readonly string[]): string {
  if (statements.length <= MAX_JOINED) return statements.join('; ');
  const more = statements.length - MAX_JOINED + 1;
  return `${statements.slice(0, MAX_JOINED - 1).join('; ')}; and ${more} more of the same kind`;
}

function clauseText(clause: Clause): string {
  const few = clause.slice(0, 4).map(formatRelation);
  return clause.length > 4
    ? `one of ${clause.length} packages (${few.slice(0, 2).join(', ')}, …)`
    : few.join(' | ');
}

function isPlain(clause: Clause, name: string): boolean {
  return clause.length === 1 && clause[0]?.name === packageOf(name);
}

/**
 * A contradiction as facts about packages: what was proven, grouped so that a person can follow it.
 */
import { compareBytes } from '../model/bytes.js';
import { nameFor, placeOf } from './architectures.js';
import { formatClause, formatRelation, type Clause, type Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { label, type Exclusion, type KeepReason, type Rules } from './rules.js';
import type { Fact, Origin } from './origin.js';

/** A release that would have done, and why it is out of the question. */
export interface Blocked {
  readonly name: string;
  readonly version: string;
  /** `source`: it is another source's, and no pin opens that */
  readonly why: Exclusion | 'source';
  readonly source: string;
}

/** One part of a proof; `versions` are those of the package that the proof has to look at. */
export type Reason =
  | {
      readonly kind: 'asked';
      readonly name: string;
      readonly wanted: readonly string[];
      readonly blocked: readonly Blocked[];
    }
  | { readonly kind: 'kept'; readonly name: string; readonly version: string; readonly why: KeepReason }
  | {
      readonly kind: 'depends';
      readonly name: string;
      readonly versions: readonly string[];
      readonly field: 'Depends' | 'Pre-Depends';
      readonly relation: string;
      readonly clause: Clause;
      /** names of the packages that may still satisfy it; empty when nothing does */
      readonly on: readonly string[];
      readonly blocked: readonly Blocked[];
    }
  | {
      readonly kind: 'excludes';
      readonly name: string;
      readonly versions: readonly string[];
      readonly field: 'Conflicts' | 'Breaks';
      readonly relation: string;
      readonly about: string;
      readonly other: string;
      readonly otherVersions: readonly string[];
    }
  | {
      /** one package for two architectures */
      readonly kind: 'instances';
      readonly name: string;
      readonly versions: readonly string[];
      readonly other: string;
      readonly otherVersions: readonly string[];
      /** both could be there in one version */
      readonly same: boolean;
    }
  | { readonly kind: 'single'; readonly name: string; readonly versions: readonly string[] };

/** Groups the facts of one proof: same package, same statement, whatever the version. */
export function readFacts(facts: readonly Fact[], rules: Rules): readonly Reason[] {
  const groups = new Map<string, Reason>();
  const add = (key: string, reason: Reason): void => {
    const known = groups.get(key);
    groups.set(key, known === undefined ? reason : merge(known, reason));
  };
  for (const { origin } of facts) add(keyOf(origin), reasonOf(origin, rules));
  return [...groups.values()];
}

function keyOf(origin: Origin): string {
  switch (origin.kind) {
    case 'asked':
      return `asked ${origin.wish.name}`;
    case 'kept':
      return `kept ${origin.installed.candidate.name}`;
    case 'depends':
      return `depends ${origin.candidate.name} ${origin.field} ${formatClause(origin.clause)}`;
    case 'excludes':
      return `excludes ${origin.candidate.name} ${origin.field} ${formatRelation(origin.relation)} ${origin.other.name}`;
    case 'instances':
      return `instances ${[origin.candidate.name, origin.other.name].sort(compareBytes).join(' ')}`;
    case 'single':
    case 'stays':
      return `${origin.kind} ${origin.name}`;
  }
}

function reasonOf(origin: Origin, rules: Rules): Reason {
  switch (origin.kind) {
    case 'asked': {
      const { name, targets, meant } = origin.wish;
      return {
        kind: 'asked',
        name,
        wanted: [...new Set(targets.map(label))],
        blocked: blockedOf(meant, rules),
      };
    }
    case 'kept': {
      const { name, version } = origin.installed.candidate;
      return { kind: 'kept', name, version, why: origin.why };
    }
    case 'depends': {
      const { candidate, field, clause } = origin;
      const all = clause.flatMap((relation) => rules.pool.matching(relation, candidate));
      const on = all
        .filter((option) => rules.exclusion(option) === undefined && !rules.closed(candidate, option))
        .map(({ name }) => name);
      return {
        kind: 'depends',
        name: candidate.name,
        versions: [candidate.version],
        field,
        relation: formatClause(clause),
        clause,
        on: [...new Set(on)],
        blocked: blockedOf(all, rules, candidate),
      };
    }
    case 'excludes': {
      const { candidate, field, relation, other } = origin;
      return {
        kind: 'excludes',
        name: candidate.name,
        versions: [candidate.version],
        field,
        relation: formatRelation(relation),
        about: relation.name,
        other: other.name,
        otherVersions: [other.version],
      };
    }
    case 'instances': {
      const [a, b] = [origin.candidate, origin.other].sort((x, y) => compareBytes(x.name, y.name));
      return {
        kind: 'instances',
        name: a?.name ?? '',
        versions: [a?.version ?? ''],
        other: b?.name ?? '',
        otherVersions: [b?.version ?? ''],
        same: a?.multiArch === 'same' && b?.multiArch === 'same',
      };
    }
    case 'single':
      return { kind: 'single', name: origin.name, versions: origin.pair.map(({ version }) => version) };
    case 'stays':
      return { kind: 'single', name: origin.name, versions: [] };
  }
}

function blockedOf(candidates: readonly Candidate[], rules: Rules, owner?: Candidate): readonly Blocked[] {
  return [...new Set(candidates)].flatMap((candidate) => {
    const closed = owner !== undefined && rules.closed(owner, candidate);
    const why = rules.exclusion(candidate) ?? (closed ? 'source' : undefined);
    const { name, version, source } = candidate;
    return why === undefined ? [] : [{ name, version, why, source }];
  });
}

const union = (a: readonly string[], b: readonly string[]): string[] =>
  [...new Set([...a, ...b])].sort(compareBytes);

function merge(a: Reason, b: Reason): Reason {
  if (a.kind === 'depends' && b.kind === 'depends') return { ...a, versions: union(a.versions, b.versions) };
  if (a.kind === 'single' && b.kind === 'single') return { ...a, versions: union(a.versions, b.versions) };
  if (
    (a.kind === 'excludes' && b.kind === 'excludes') ||
    (a.kind === 'instances' && b.kind === 'instances')
  ) {
    return {
      ...a,
      versions: union(a.versions, b.versions),
      otherVersions: union(a.otherVersions, b.otherVersions),
    };
  }
  return a;
}

/** Why nothing satisfies a dependency, as the rest of a sentence after "but". */
export function whyNothing(reason: Reason & { readonly kind: 'depends' }, rules: Rules): string {
  const { clause, blocked } = reason;
  const parts = new Set<string>();
  const [owner] = rules.pool.named(reason.name);
  for (const relation of clause) {
    const matching = owner === undefined ? [] : rules.pool.matching(relation, owner);
    const names = new Set(matching.map(({ name }) => name));
    if (names.size === 0) parts.add(whyAbsent(relation, rules, owner));
    for (const one of blocked) if (names.has(one.name)) parts.add(whyBlocked(one, rules));
  }
  if (parts.size > 3)
    return `none of the ${clause.length > 1 ? `${clause.length} alternatives` : 'candidates'} can be had`;
  return [...parts].join(' and ');
}

/** Why one release is out of the question, as the rest of a sentence. */
export function whyBlocked({ name, version, why, source }: Blocked, rules: Rules): string {
  const present = rules.pool.installed(name)?.candidate.version ?? '';
  switch (why) {
    case 'removed':
      return `${name} is to go`;
    case 'held':
      return `${name} is held at ${present}`;
    case 'wish':
      return `you asked for ${[...new Set(rules.wishes.get(name)?.targets.map(label) ?? [])].join(' and ')}`;
    case 'downgrade':
      return `${name} ${version} would be a downgrade from ${present}`;
    case 'new':
      return `${name} would be new`;
    case 'untouched':
      return `${name} was not to change from ${present}`;
    case 'pinned':
      return `${name} ${version} is pinned away`;
    case 'source':
      return `${name} ${version} is of another source, ${source}`;
  }
}

function whyAbsent(relation: Relation, rules: Rules, owner: Candidate | undefined): string {
  const { name, archQualifier: qualifier } = relation;
  const { pool } = rules;
  const native = pool.architecture;
  const plain = pool.meant(withoutQualifier(relation));
  if (qualifier === 'any' && plain.length > 0) return `${name} is not marked Multi-Arch: allowed`;
  const place =
    qualifier === undefined || qualifier === 'any'
      ? owner === undefined
        ? native
        : placeOf(owner, native)
      : qualifier === 'native'
        ? native
        : qualifier;
  const here = nameFor(name, place, native);
  if (place !== native && !pool.foreign.includes(place)) return `nothing for ${place} is looked at`;
  const versions = pool.named(here).map((candidate) => candidate.version);
  if (versions.length > 0) return `only ${here} ${list(versions)} is there`;
  const [elsewhere] = plain;
  if (elsewhere !== undefined) {
    const foreign = qualifier === undefined ? ', not marked Multi-Arch: foreign' : '';
    return `there is only ${name} for ${placeOf(elsewhere, native)}${foreign}`;
  }
  const [provider] = pool.providers(name);
  if (provider !== undefined) {
    const given = provider.relations.provides.find((one) => one.name === name)?.version;
    return given === undefined
      ? `${provider.name} provides ${name} without a version`
      : `${provider.name} provides only ${name} ${given}`;
  }
  return `no source has ${here}`;
}

function withoutQualifier({ name, operator, version }: Relation): Relation {
  return operator === undefined || version === undefined ? { name } : { name, operator, version };
}

/** `1`, `1 and 2`, `1, 2 and 7 others`. */
export function list(items: readonly string[]): string {
  if (items.length > 3) return `${items.slice(0, 2).join(', ')} and ${items.length - 2} others`;
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}

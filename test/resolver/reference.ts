/**
 * A second opinion on small problems: every set of releases is looked at, by rules written down anew.
 *
 * Nothing here uses the resolver's own matching, exclusion or search.
 */
import { compareVersions, type Candidate, type Clause, type Relation } from '../../model/index.js';
import type { Installed, Request } from '../../resolver/index.js';

export interface Small {
  readonly releases: readonly Candidate[];
  readonly installed: readonly Installed[];
  readonly request: Request;
}

const same = (a: Candidate, b: Candidate): boolean => a.name === b.name && a.version === b.version;

function meets(version: string, relation: Relation): boolean {
  if (relation.operator === undefined) return true;
  const order = compareVersions(version, relation.version ?? '');
  return { '<<': order < 0, '<=': order <= 0, '=': order === 0, '>=': order >= 0, '>>': order > 0 }[
    relation.operator
  ];
}

/** Whether a relation means a release. */
export function isMeant(c: Candidate, r: Relation): boolean {
  if (c.name === r.name && meets(c.version, r)) return true;
  return c.relations.provides.some(
    (p) =>
      p.name === r.name && (r.operator === undefined || (p.version !== undefined && meets(p.version, r))),
  );
}

const isMet = (set: readonly Candidate[], clause: Clause): boolean =>
  clause.some((r) => set.some((c) => isMeant(c, r)));

/** All that a release needs. */
export const needsOf = (c: Candidate): readonly Clause[] => [
  ...c.relations.preDepends,
  ...c.relations.depends,
];

/** Whether one says that it cannot be with the other. */
export const clashes = (x: Candidate, y: Candidate): boolean =>
  x.name !== y.name && [...x.relations.conflicts, ...x.relations.breaks].some((r) => isMeant(y, r));

/** Whether a set may be the answer to a problem: everything the user was promised, said plainly. */
export function isAnswer(
  set: readonly Candidate[],
  { releases, installed, request }: Small,
  narrow = false,
): boolean {
  const targets = request.kind === 'install' ? request.targets : [];
  const named = new Set(targets.map(({ name }) => name));
  const before = installed.map(({ candidate }) => candidate);
  const wasThere = (c: Candidate): boolean => before.some((b) => same(b, c)) && !named.has(c.name);
  const noDeps = 'dependencies' in request && request.dependencies === false;
  if (!noDeps) {
    for (const c of set) {
      for (const need of needsOf(c)) {
        if (!isMet(set, need) && !(wasThere(c) && !isMet(before, need))) return false;
      }
    }
  }
  for (const x of set) for (const y of set) if (clashes(x, y) && !(wasThere(x) && wasThere(y))) return false;
  for (const { name, version } of targets) {
    if (!set.some((c) => c.name === name && (version === undefined || c.version === version))) return false;
  }
  const gone = new Set(request.kind === 'remove' ? request.names : []);
  if (set.some((c) => gone.has(c.name))) return false;
  const plain = request.kind === 'upgrade' && !request.full;
  for (const one of installed) {
    const { name } = one.candidate;
    const now = set.find((c) => c.name === name);
    if (one.held && (now === undefined || !same(now, one.candidate))) return false;
    if (one.candidate.essential && now === undefined) return false;
    const mayGo = gone.has(name) || (!one.manual && !plain && !noDeps);
    if (now === undefined && !mayGo) return false;
    if (now === undefined) continue;
    const exact = targets.some((t) => t.name === name && t.version !== undefined);
    if (compareVersions(now.version, one.candidate.version) < 0 && !exact) return false;
    if (same(now, one.candidate)) continue;
    if (narrow) return false;
    const meant = request.kind === 'upgrade' && (request.names === undefined || request.names.includes(name));
    if (noDeps && !named.has(name) && !meant) return false;
  }
  return set.every((c) => {
    if (!releases.some((r) => same(r, c)) && !before.some((b) => same(b, c))) return false;
    const isNew = !before.some((b) => b.name === c.name);
    return !isNew || named.has(c.name) || !(plain || narrow || noDeps);
  });
}

/** Every answer there is. */
export function allAnswers(small: Small, narrow = false): Candidate[][] {
  const byName = new Map<string, Candidate[]>();
  for (const c of [...small.installed.map(({ candidate }) => candidate), ...small.releases]) {
    const known = byName.get(c.name) ?? [];
    if (!known.some((k) => same(k, c))) known.push(c);
    byName.set(c.name, known);
  }
  let sets: Candidate[][] = [[]];
  for (const choices of byName.values())
    sets = sets.flatMap((set) => [set, ...choices.map((c) => [...set, c])]);
  return sets.filter((set) => isAnswer(set, small, narrow));
}

/**
 * How good an answer is, as far as the order of preferences is fixed by the question alone: smaller is better,
 * place by place. The named packages' versions, then who stays, then who stays as it is.
 */
export function badness(set: readonly Candidate[], { releases, installed, request }: Small): number[] {
  const named = request.kind === 'install' ? request.targets.map(({ name }) => name) : [];
  const byName = [...installed].sort((a, b) => (a.candidate.name < b.candidate.name ? -1 : 1));
  const rank = (name: string): number => {
    const now = set.find((c) => c.name === name);
    const all = [...releases, ...installed.map(({ candidate }) => candidate)].filter((c) => c.name === name);
    const versions = [...new Set(all.map((c) => c.version))].sort((a, b) => compareVersions(b, a));
    return now === undefined ? versions.length : versions.indexOf(now.version);
  };
  const newer = ({ candidate: { name, version } }: Installed): boolean =>
    releases.some((c) => c.name === name && compareVersions(c.version, version) > 0);
  const upgraded =
    request.kind === 'upgrade'
      ? [...byName]
          .filter(newer)
          .filter(({ candidate }) => request.names === undefined || request.names.includes(candidate.name))
          .sort((a, b) => Number(b.manual) - Number(a.manual))
          .map(({ candidate }) => candidate.name)
      : [];
  const gone = request.kind === 'remove' ? request.names : [];
  const others = byName.filter(({ candidate: { name } }) => !named.includes(name) && !gone.includes(name));
  return [
    ...[...new Set(named)].sort().map(rank),
    ...upgraded.map(rank),
    ...others.map(({ candidate }) => (set.some((c) => c.name === candidate.name) ? 0 : 1)),
    ...others.map(({ candidate }) => (set.some((c) => same(c, candidate)) ? -1 : rank(candidate.name))),
  ];
}

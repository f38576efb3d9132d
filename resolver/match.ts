/**
 * Whether one release satisfies one relation: Policy §7.1 and §7.5, deb-control(5), and for architectures Debian's multiarch
 * specification.
 */
import type { Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { versionSatisfies } from '../model/version.js';
import { packageOf, placeOf } from './architectures.js';

/** Whether a version, of a release or of what it provides, lies within the bound of a relation. */
export function versionFits(version: string | undefined, relation: Relation): boolean {
  if (relation.operator === undefined || relation.version === undefined) return true;
  // Policy §7.5: a Provides without a version never satisfies a relation with one.
  return version !== undefined && versionSatisfies(version, relation.operator, relation.version);
}

/** Whether a release is, or provides, what a relation names, whatever the architecture. */
export function fits(candidate: Candidate, relation: Relation): boolean {
  if (isNamed(candidate, relation.name) && versionFits(candidate.version, relation)) return true;
  return candidate.relations.provides.some(
    (given) => given.name === relation.name && versionFits(given.version, relation),
  );
}

const isNamed = ({ name }: Candidate, wanted: string): boolean =>
  name === wanted || packageOf(name) === wanted;

/** Whether the words after the colon leave this release in: one architecture, or any. */
export function inPlace(candidate: Candidate, relation: Relation, native: string): boolean {
  const qualifier = relation.archQualifier;
  return (
    qualifier === undefined ||
    qualifier === 'any' ||
    placeOf(candidate, native) === (qualifier === 'native' ? native : qualifier)
  );
}

/**
 * Whether the architecture of a release lets it serve `owner`, who depends on it: the same one, or Multi-Arch: foreign; with `:any`
 * every one, where the release is Multi-Arch: allowed; with an architecture that one.
 */
export function serves(
  candidate: Candidate,
  relation: Relation,
  asked: { readonly owner: Candidate; readonly native: string },
): boolean {
  const { owner, native } = asked;
  if (relation.archQualifier === 'any') return candidate.multiArch === 'allowed';
  if (relation.archQualifier !== undefined) return inPlace(candidate, relation, native);
  return candidate.multiArch === 'foreign' || placeOf(candidate, native) === placeOf(owner, native);
}

/** Whether `candidate` satisfies a dependency of `owner`. */
export function satisfies(
  candidate: Candidate,
  relation: Relation,
  asked: { readonly owner: Candidate; readonly native: string },
): boolean {
  return serves(candidate, relation, asked) && fits(candidate, relation);
}

/**
 * Whether a Conflicts or Breaks of `owner` means `candidate`, of whatever architecture unless one stands there. A package never excludes
 * its own name: it may provide what it conflicts with, and its other versions go by the rule of one version at a time.
 */
export function excludes(
  owner: Candidate,
  relation: Relation,
  other: { readonly candidate: Candidate; readonly native: string },
): boolean {
  const { candidate, native } = other;
  return (
    packageOf(candidate.name) !== packageOf(owner.name) &&
    inPlace(candidate, relation, native) &&
    fits(candidate, relation)
  );
}

/**
 * Whether two packages of one name, for different architectures, may be there together: only Multi-Arch: same in the same version,
 * because they share files.
 */
export function coexist(a: Candidate, b: Candidate): boolean {
  return a.multiArch === 'same' && b.multiArch === 'same' && a.version === b.version;
}

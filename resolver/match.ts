/**
 * Whether one release satisfies one relation: Policy §7.1 and §7.5, deb-control(5).
 */
import type { Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { versionSatisfies } from '../model/version.js';

/** Whether a version, of a release or of what it provides, lies within the bound of a relation. */
export function versionFits(version: string | undefined, relation: Relation): boolean {
  if (relation.operator === undefined || relation.version === undefined) return true;
  // Policy §7.5: a Provides without a version never satisfies a relation with one.
  return version !== undefined && versionSatisfies(version, relation.operator, relation.version);
}

/** Whether a release is, or provides, what a relation names, whatever the architecture. */
export function fits(candidate: Candidate, relation: Relation): boolean {
  if (candidate.name === relation.name && versionFits(candidate.version, relation)) return true;
  return candidate.relations.provides.some(
    (given) => given.name === relation.name && versionFits(given.version, relation),
  );
}

/** An architecture after the colon that is neither a wildcard nor ours: nothing we look at has it. */
export function foreign(relation: Relation, architecture: string): boolean {
  const qualifier = relation.archQualifier;
  return (
    qualifier !== undefined && qualifier !== 'any' && qualifier !== 'native' && qualifier !== architecture
  );
}

/** Whether `candidate` satisfies a dependency; `:any` needs a release that is `Multi-Arch: allowed`. */
export function satisfies(candidate: Candidate, relation: Relation, architecture: string): boolean {
  if (foreign(relation, architecture)) return false;
  if (relation.archQualifier === 'any' && candidate.multiArch !== 'allowed') return false;
  return fits(candidate, relation);
}

/**
 * Whether a Conflicts or Breaks of the package `owner` means `candidate`. A package never excludes its own name:
 * it may provide what it conflicts with, and its other versions go by the rule of one version at a time.
 */
export function excludes(
  owner: string,
  relation: Relation,
  options: { readonly candidate: Candidate; readonly architecture: string },
): boolean {
  if (options.candidate.name === owner || foreign(relation, options.architecture)) return false;
  return fits(options.candidate, relation);
}

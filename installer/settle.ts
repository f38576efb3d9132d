/**
 * Two packages and one path: who gets it. Debian Policy §7.6.1 (Replaces), as dpkg decides it.
 */
import { pathToText } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Relation } from '../model/relation.js';
import { versionSatisfies } from '../model/version.js';

/** A package that brings, or has, a path which is no directory. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  readonly replaces: readonly Relation[];
  /** later ones win when both replace each other; installed packages come before all new ones */
  readonly order: number;
}

/** A path that two packages cannot share; exit 7. */
export function fileConflict(path: string, one: string, other: string, why = 'both have it'): GtpkgError {
  return new GtpkgError('FILE_CONFLICT', `${one} and ${other} conflict over /${pathToText(path)}: ${why}`, {
    hint: `Remove one of them first; or the maintainer of ${one} declares "Replaces: ${other}". Nothing was changed.`,
    data: { path: pathToText(path), packages: [one, other] },
  });
}

function replaces(one: Contender, other: Contender): boolean {
  return one.replaces.some(
    ({ name, operator, version }) =>
      name === other.name &&
      (operator === undefined || version === undefined || versionSatisfies(other.version, operator, version)),
  );
}

/** The one of the two that gets the path. @throws GtpkgError FILE_CONFLICT when neither replaces the other */
export function settle<A extends Contender, B extends Contender>(one: A, other: B, path: string): A | B {
  const [a, b] = [replaces(one, other), replaces(other, one)];
  if (a && b) return one.order > other.order ? one : other;
  if (a) return one;
  if (b) return other;
  throw one.order > other.order
    ? fileConflict(path, one.name, other.name)
    : fileConflict(path, other.name, one.name);
}

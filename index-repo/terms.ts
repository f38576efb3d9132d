/**
 * The terms on which an index is kept: dates, roots, names. Pure.
 */
import { GtpkgError, limits, type Fingerprint } from '../model/index.js';
import type { PublicKey, Signer } from '../trust/index.js';
import { isIndexName, type Authorizations } from './documents.js';

/** A day in milliseconds. */
export const DAY = 86_400_000;

/** Who keeps an index. */
export interface Roots {
  /** root keys that sign now: at least `threshold` */
  readonly roots: readonly Signer[];
  /** all root keys; those of `roots` are added */
  readonly rootKeys?: readonly PublicKey[];
  /** default 1 */
  readonly threshold?: number;
}

/** Date and Valid-Until of a commit made now. @throws GtpkgError USAGE */
export function dates(now: Date, days: number): { date: Date; validUntil: Date } {
  if (!(days > 0 && days <= 36_500))
    throw new GtpkgError('USAGE', `An index cannot be valid for ${days} days`);
  const date = new Date(Math.floor(now.getTime() / 1000) * 1000);
  return {
    date,
    validUntil: new Date(date.getTime() + Math.max(1000, Math.round((days * DAY) / 1000) * 1000)),
  };
}

/** Authorizations and keys of new roots. @throws GtpkgError USAGE */
export function rootsOf(
  options: Roots,
  since: number,
): { authorizations: Authorizations; keys: PublicKey[] } {
  const keys = new Map<Fingerprint, PublicKey>();
  for (const key of [...options.roots.map((signer) => signer.publicKey), ...(options.rootKeys ?? [])])
    keys.set(key.fingerprint, key);
  return {
    authorizations: authorizationsFor([...keys.values()], options.threshold ?? 1, since),
    keys: [...keys.values()],
  };
}

/** @throws GtpkgError USAGE for a threshold that does not fit */
export function authorizationsFor(
  keys: readonly PublicKey[],
  threshold: number,
  since: number,
): Authorizations {
  const roots = [...new Set(keys.map((key) => key.fingerprint))].sort();
  if (roots.length > limits.MAX_ROOTS)
    throw new GtpkgError('USAGE', `An index has at most ${limits.MAX_ROOTS} roots`);
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > roots.length) {
    throw new GtpkgError('USAGE', `A threshold of ${threshold} does not fit ${roots.length} root keys`);
  }
  return { threshold, since, roots };
}

/** Files of keys. */
export function keyFiles(keys: readonly PublicKey[]): Map<string, Buffer> {
  return new Map(keys.map((key) => [`keys/${key.fingerprint}.asc`, Buffer.from(key.armored, 'utf8')]));
}

/** Names that become path components. @throws GtpkgError BAD_NAME */
export function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (isIndexName(name)) continue;
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" cannot be the name of an index or a suite`, {
      hint: 'Letters, digits, . + - and _, at most 64.',
    });
  }
}

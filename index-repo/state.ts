/**
 * What a client remembers of an index that it trusts, as JSON. Pure; loads neither git nor openpgp, so that every
 * command can ask whether an index is still fresh.
 */
import { GtpkgError } from '../model/errors.js';
import { CLOCK_SKEW } from '../model/limits.js';
import type { CoreKey, Oid, Sha256 } from '../model/ids.js';

/** A trusted index, ready to be stored. */
export interface TrustedState {
  readonly format: 1;
  /** canonical line, hints left out: whom we trust */
  readonly introduction: string;
  /** the commit that the introduction authorised */
  readonly anchor: Oid;
  readonly head: Oid;
  /** SHA-256 of the raw head commit */
  readonly headSha256: Sha256;
  readonly name: string;
  readonly sequence: number;
  /** RFC 3339 */
  readonly date: string;
  readonly validUntil: string;
  /** the log that the head names: another one than it was read from when the index has moved; absent in older files */
  readonly indexCore?: CoreKey;
}

/** @throws GtpkgError INDEX_CORRUPT when this is no state of ours */
export function parseState(json: unknown): TrustedState {
  const state = json as Partial<Record<keyof TrustedState, unknown>> | null;
  const text = (field: keyof TrustedState, pattern: RegExp): boolean =>
    typeof state?.[field] === 'string' && pattern.test(state[field]);
  const good =
    typeof state === 'object' &&
    state !== null &&
    state.format === 1 &&
    text('introduction', /^gtpkg:\/\//) &&
    text('anchor', /^[0-9a-f]{40}$/) &&
    text('head', /^[0-9a-f]{40}$/) &&
    text('headSha256', /^[0-9a-f]{64}$/) &&
    text('name', /./) &&
    Number.isSafeInteger(state.sequence) &&
    [state.date, state.validUntil].every(
      (date) => typeof date === 'string' && !Number.isNaN(Date.parse(date)),
    );
  if (!good) {
    throw new GtpkgError('INDEX_CORRUPT', 'The stored state of the index cannot be read', {
      hint: 'Remove the source and add it again.',
    });
  }
  return state as TrustedState;
}

/**
 * Refuses to use an index that its maker no longer vouches for; what is trusted stays trusted and is not forgotten.
 * index.md §8: valid until Valid-Until, and CLOCK_SKEW longer.
 * @throws GtpkgError INDEX_EXPIRED
 */
export function checkFresh(
  index: { readonly name: string; readonly validUntil: Date | string },
  now: Date,
): void {
  const until = new Date(index.validUntil);
  if (now.getTime() <= until.getTime() + CLOCK_SKEW) return;
  throw new GtpkgError(
    'INDEX_EXPIRED',
    `The index ${index.name} expired on ${until.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    {
      hint: 'Run gtpkg update; if that does not help, ask the distribution to publish, or check the clock of this machine.',
      data: { index: index.name, validUntil: until.toISOString() },
    },
  );
}

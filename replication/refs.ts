/**
 * Lists of cores that somebody asks for. Pure.
 */
import { GtpkgError, limits, type CoreKey, type CoreRef } from '../model/index.js';

/** Each core once. @throws GtpkgError CORE_MISMATCH when one key is given with two sizes, LIMIT_EXCEEDED */
export function unique(refs: readonly CoreRef[]): CoreRef[] {
  if (refs.length > limits.MAX_REFS)
    throw new GtpkgError('LIMIT_EXCEEDED', `more than ${limits.MAX_REFS} cores asked for at once`);
  const known = new Map<CoreKey, CoreRef>();
  for (const ref of refs) {
    const other = known.get(ref.key);
    if (other !== undefined && other.byteLength !== ref.byteLength) {
      throw new GtpkgError(
        'CORE_MISMATCH',
        `core ${ref.key} is announced with ${other.byteLength} and with ${ref.byteLength} bytes`,
      );
    }
    if (!Number.isSafeInteger(ref.byteLength) || ref.byteLength <= 0) {
      throw new GtpkgError('CORE_MISMATCH', `core ${ref.key} is announced with a size of ${ref.byteLength}`);
    }
    known.set(ref.key, ref);
  }
  return [...known.values()];
}

/** How many bytes they have together, or so many blocks from the beginning of each. */
export function bytesOf(refs: readonly CoreRef[], first = Infinity): number {
  const most = first * limits.RELEASE_CHUNK;
  return refs.reduce((sum, ref) => sum + Math.min(ref.byteLength, most), 0);
}

/** They are not here, and the network may not be used. */
export function offline(missing: readonly CoreRef[]): GtpkgError {
  return new GtpkgError(
    'OFFLINE',
    `${missing.length} core${missing.length === 1 ? ' is' : 's are'} not here, and --offline forbids to fetch`,
    {
      hint: 'Try again without --offline.',
      data: { cores: missing.length, missing: missing.slice(0, 20).map((ref) => ({ core: ref.key })) },
    },
  );
}

/**
 * Failures of the store and the sockets under it, in the project's words.
 */
import { GtpkgError, systemCode, type ErrorCode } from '../model/index.js';

/** RocksDB and the device lock report in prose; each row: what they say, our code, what happened, what to do. */
const STORE: readonly (readonly [RegExp, ErrorCode, string, string])[] = [
  [
    /could not be locked|lock hold by|LOCK: Resource temporarily unavailable/i,
    'HOME_BUSY',
    'another gtpkg process is using this home',
    'Wait until it has finished, or run gtpkg seed: then all commands share the store through it.',
  ],
  [
    /no space left|ENOSPC|disk quota/i,
    'NO_SPACE',
    'the disk that holds the store is full',
    'Free some space, or choose another --home.',
  ],
  [
    /read-only file system|EROFS/i,
    'READ_ONLY',
    'the store is on a read-only file system',
    'Choose another --home.',
  ],
  [
    /permission denied|EACCES|EPERM/i,
    'PERMISSION',
    'the store cannot be opened: permission denied',
    'Check who owns the home, or choose another --home.',
  ],
  [
    /device file/i,
    'IO_ERROR',
    'the store was copied or restored from somewhere else, and two copies of one store do harm',
    'Use the original; or remove the folder "store" in the home: releases are fetched again, but logs of indexes kept here are in it.',
  ],
  [
    /WRITE_FAILED|batch was not applied|corruption|IO error|EIO/i,
    'IO_ERROR',
    'the store cannot be read or written',
    'Check the disk, and restart gtpkg seed if it runs; a damaged store can be removed, releases are fetched again.',
  ],
];

/** What the store threw, as a GtpkgError: HOME_BUSY, NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR, else INTERNAL. */
export function storeFailure(cause: unknown): GtpkgError {
  if (cause instanceof GtpkgError) return cause;
  const text = wordsOf(cause);
  for (const [pattern, code, message, hint] of STORE) {
    if (pattern.test(text)) return new GtpkgError(code, message, { hint, cause });
  }
  return new GtpkgError('INTERNAL', `the store failed: ${text.trim()}`, { cause });
}

/** Code and message, those of what caused it included: RocksDB's own error stands behind "Batch was not applied". */
function wordsOf(cause: unknown, depth = 3): string {
  const words = `${systemCode(cause) ?? ''} ${cause instanceof Error ? cause.message : String(cause)}`;
  return depth > 0 && cause instanceof Error && cause.cause !== undefined
    ? `${words} ${wordsOf(cause.cause, depth - 1)}`
    : words;
}

/**
 * Whether a block was refused for what the peer sent: undefined, or our own failure to store it, for which nobody else is to blame.
 * @param cause - of hypercore's `verification-error`, which is said for both
 */
export function ownFailure(cause: unknown): GtpkgError | undefined {
  const failure = storeFailure(cause);
  return failure.code === 'INTERNAL' ? undefined : failure;
}

/** What reading a file that the user named threw. */
export function fileFailure(path: string, cause: unknown): GtpkgError {
  if (cause instanceof GtpkgError) return cause;
  const code = systemCode(cause);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new GtpkgError('FILE_NOT_FOUND', `there is no file ${path}`, { hint: 'Check the path.', cause });
  if (code === 'EACCES' || code === 'EPERM')
    return new GtpkgError('PERMISSION', `${path} may not be read`, { cause });
  if (code === 'EISDIR') return new GtpkgError('USAGE', `${path} is a directory`, { cause });
  return storeFailure(cause);
}

/** The answer to an aborted signal. */
export function aborted(signal: AbortSignal): GtpkgError {
  return signal.reason instanceof GtpkgError
    ? signal.reason
    : new GtpkgError('TIMEOUT', 'stopped before it was finished', { cause: signal.reason });
}

/** The system's errors in words: what happened, and what to do. Exit 7 for all of them. */
import { GtpkgError, systemCode, type ErrorCode } from '../model/errors.js';

interface Words {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const FULL: Words = {
  code: 'NO_SPACE',
  what: 'the file system of the root is full',
  hint: 'Free some space there (df shows how much is left), then run the command again.',
};
const DENIED: Words = {
  code: 'PERMISSION',
  what: 'the root may not be changed by this user',
  hint: 'Run the command as the user that owns the root, or choose another with --root.',
};

const WORDS: Readonly<Record<string, Words>> = {
  ENOSPC: FULL,
  EDQUOT: { ...FULL, what: "this user's quota on the file system of the root is used up" },
  EROFS: {
    code: 'READ_ONLY',
    what: 'the root is on a read-only file system',
    hint: 'Mount it read-write, or choose another root with --root.',
  },
  EACCES: DENIED,
  EPERM: DENIED,
};

/**
 * `error` as a GtpkgError; one that is already is handed through.
 * @param doing - what was being done, as in "while staging hello"
 * @param kept - what state the root is in now, one sentence
 */
export function diskError(error: unknown, doing: string, kept = 'Nothing was changed.'): GtpkgError {
  if (error instanceof GtpkgError) return error;
  const system = systemCode(error);
  const detail = error instanceof Error ? error.message : String(error);
  const words = WORDS[system ?? ''];
  if (words !== undefined) {
    return new GtpkgError(words.code, `${words.what} (${doing}: ${detail})`, {
      hint: `${words.hint} ${kept}`,
      data: { system },
      cause: error,
    });
  }
  if (system === undefined || !/^E[A-Z0-9]+$/.test(system)) {
    return new GtpkgError('INTERNAL', `${doing}: ${detail}`, { hint: kept, cause: error });
  }
  return new GtpkgError('IO_ERROR', `the disk of the root failed (${doing}: ${detail})`, {
    hint: `Look at the disk and at the kernel's messages (dmesg). ${kept}`,
    data: { system },
    cause: error,
  });
}

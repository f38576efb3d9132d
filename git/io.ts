/**
 * File-system errors as GtpkgErrors, and files that appear whole or not at all. For the two repository rooms.
 */
import { randomBytes } from 'node:crypto';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GtpkgError, systemCode, type ErrorCode } from '../model/index.js';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'FILE_NOT_FOUND',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EROFS: 'READ_ONLY',
  EACCES: 'PERMISSION',
  EPERM: 'PERMISSION',
};

/** What the system threw, with a code of ours; GtpkgErrors pass as they are. */
export function ioError(cause: unknown, what: string): GtpkgError {
  if (cause instanceof GtpkgError) return cause;
  const system = systemCode(cause);
  const code = CODES[system ?? ''] ?? (system === undefined ? 'INTERNAL' : 'IO_ERROR');
  return new GtpkgError(code, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}

/** Runs `work`; what it throws becomes a GtpkgError that starts with `what`. */
export async function withIo<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ioError(error, what);
  }
}

/**
 * Writes a file beside `path`, syncs it and renames it into place; on any failure nothing is left.
 * @param write - fills the open file; its result is passed on
 */
export async function writeAtomically<T>(
  path: string,
  write: (handle: FileHandle) => Promise<T>,
  mode = 0o644,
): Promise<T> {
  // the prefix lets git gc remove what a killed process leaves among its packs
  const draft = join(dirname(path), `tmp_${randomBytes(8).toString('hex')}`);
  return withIo(`Cannot write ${path}`, async () => {
    const handle = await open(draft, 'wx+', mode);
    try {
      let result: T;
      try {
        result = await write(handle);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
      return result;
    } catch (error) {
      await unlink(draft).catch(() => undefined);
      throw error;
    }
  });
}

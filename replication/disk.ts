/**
 * The disk under a home: small files, read with a bound and written whole or not at all; and how much room is left.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GtpkgError, systemCode } from '../model/index.js';
import { storeFailure } from './failure.js';

/** The file's bytes, undefined when there is none. @throws GtpkgError LIMIT_EXCEEDED, IO_ERROR, PERMISSION */
export async function readSmall(path: string, limit: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > limit) throw new GtpkgError('LIMIT_EXCEEDED', `${path} is larger than ${limit} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw storeFailure(cause);
  }
}

/** Replaces the file: after a crash it is the old or the new one. @throws GtpkgError NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR */
export async function writeAtomic(path: string, bytes: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storeFailure(cause);
  }
}

/** Room on the disk that holds `directory`; undefined when the system does not tell. */
export async function freeBytes(directory: string): Promise<number | undefined> {
  const found = await statfs(directory).catch(() => undefined);
  return found === undefined ? undefined : found.bavail * found.bsize;
}

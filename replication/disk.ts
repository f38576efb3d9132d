/**
 * The disk under a home: small files, read with a bound and written whole or not at all; and how much room is left.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GtpkgError, systemCode } from '../model/index.js';
import { fileFailure, storeFailure } from './failure.js';

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

/** Opens a file to read; never waits for the other end of a FIFO. @throws GtpkgError FILE_NOT_FOUND, PERMISSION, USAGE (no regular file) */
export async function openRegular(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
  } catch (cause) {
    await file?.close();
    throw fileFailure(path, cause);
  }
  await file.close();
  throw new GtpkgError('USAGE', `${path} is no regular file`, { hint: 'Give the path of a file.' });
}

/** Up to `length` bytes from `position`: fewer when the file ends before. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
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

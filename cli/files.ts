/**
 * Small files of the home: read whole, written whole or not at all.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GtpkgError, systemCode, type ErrorCode } from '../model/index.js';

const SYSTEM: Readonly<Record<string, readonly [ErrorCode, string, string]>> = {
  ENOSPC: ['NO_SPACE', 'no space is left', 'Free some space and run the command again.'],
  EDQUOT: ['NO_SPACE', 'the quota is used up', 'Free some space and run the command again.'],
  EFBIG: [
    'NO_SPACE',
    'the file is too large for its file system',
    'FAT holds no file over 4 GiB: format the stick otherwise, or export fewer packages.',
  ],
  EROFS: [
    'READ_ONLY',
    'the file system is read-only',
    'Mount it writable, or choose another --home or --root.',
  ],
  EACCES: [
    'PERMISSION',
    'permission was denied',
    'Choose a --home and --root that you may write, or run as their owner.',
  ],
  EPERM: [
    'PERMISSION',
    'the operation is not permitted',
    'Choose a --home and --root that you may write, or run as their owner.',
  ],
  ENOTDIR: ['ROOT_OBSTRUCTED', 'a file is where a directory must be', 'Choose another --home or --root.'],
  EIO: ['IO_ERROR', 'the disk failed', 'Check the disk and the system log before going on.'],
};

/** What to do about a failed disk, for whatever room met it. */
export const DISK_HINTS: ReadonlyMap<ErrorCode, string> = new Map(
  Object.values(SYSTEM).map(([code, , hint]) => [code, hint]),
);

/** A failed system call in the project's words; anything else as it is. */
export function systemFailure(error: unknown, path: string): unknown {
  const known = SYSTEM[systemCode(error) ?? ''];
  if (known === undefined || error instanceof GtpkgError) return error;
  const [code, what, hint] = known;
  return new GtpkgError(code, `${path}: ${what}`, { hint, cause: error, data: { path } });
}

/**
 * Makes a directory and what is missing above it, whatever the umask not for everybody to write.
 * Node says ENOENT for every failure of a recursive mkdir on a read-only disk; here it is what the system said.
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    for (let at = path, above = dirname(at); ; at = above, above = dirname(above))
      if (above === at || existsSync(above)) {
        await mkdir(at, 0o755);
        break;
      }
    await mkdir(path, { recursive: true, mode: 0o755 });
  }
}

/** Writes `bytes` durably under `path`, through a neighbour that is renamed. @throws GtpkgError NO_SPACE, READ_ONLY, PERMISSION */
export async function writeWhole(path: string, bytes: string | Uint8Array, mode = 0o644): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    const draft = `${path}.${process.pid}.new`;
    const file = await open(draft, 'w', mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    throw systemFailure(error, path);
  }
}

/** The file's text, undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw systemFailure(error, path);
  }
}

/** A file the user named. @throws GtpkgError FILE_NOT_FOUND */
export async function readGiven(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new GtpkgError('FILE_NOT_FOUND', `${path} does not exist`, {
        hint: 'Check the path.',
        cause: error,
      });
    throw systemFailure(error, path);
  }
}

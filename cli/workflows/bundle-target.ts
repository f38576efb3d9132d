/**
 * Where a bundle is written: a file that appears whole or not at all, or standard output.
 */
import { once } from 'node:events';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GtpkgError, systemCode } from '../../model/index.js';
import { systemFailure } from '../files.js';

/** What every bundle begins with, of whatever version. */
const FIRST = 'gtpkg bundle ';

/** How bytes are handed on. */
export type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * A bundle replaces nothing but another bundle.
 * @param path - undefined: standard output
 * @throws GtpkgError USAGE, ALREADY_EXISTS, FILE_NOT_FOUND, PERMISSION
 */
export async function checkTarget(path: string | undefined, json: boolean): Promise<void> {
  if (path === undefined) {
    if (json || process.stdout.isTTY) {
      throw new GtpkgError(
        'USAGE',
        `a bundle cannot go to standard output ${json ? 'together with --json' : 'of a terminal'}`,
        {
          hint: 'Name a file, or pipe it: gtpkg bundle export - hello | ssh host …',
        },
      );
    }
    return;
  }
  try {
    const found = await stat(path);
    if (!found.isFile())
      throw new GtpkgError('USAGE', `${path} is ${found.isDirectory() ? 'a directory' : 'no regular file'}`, {
        hint: 'Name a file to write.',
      });
    if (found.size > 0 && !(await isBundle(path)))
      throw new GtpkgError('ALREADY_EXISTS', `${path} is there already, and is no bundle`, {
        hint: 'Choose another name, or remove that file first.',
      });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw systemFailure(error, path);
    const above = await stat(dirname(path)).catch(() => undefined);
    if (above?.isDirectory() === true) return;
    throw new GtpkgError('FILE_NOT_FOUND', `there is no directory ${dirname(path)}`, {
      hint: 'Is the stick mounted?',
    });
  }
}

async function isBundle(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST.length), 0, FIRST.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === FIRST;
  } finally {
    await file.close();
  }
}

/**
 * Lets `work` write, and puts the file in place when all of it is on the disk; else leaves what was there.
 * @throws GtpkgError NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR, and what `work` throws
 */
export async function writeTarget(
  path: string | undefined,
  work: (write: Write) => Promise<void>,
): Promise<void> {
  if (path === undefined) return work(toStandardOutput);
  const draft = `${path}.${process.pid}.part`;
  const interrupted = (signal: NodeJS.Signals): void => {
    void rm(draft, { force: true }).finally(() => process.kill(process.pid, signal));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const file = await open(draft, 'wx');
    try {
      await work(async (bytes) => {
        for (let at = 0; at < bytes.byteLength;)
          at += (await file.write(bytes, at, bytes.byteLength - at)).bytesWritten;
      });
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw systemFailure(error, path);
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

// Sticks are pulled out early. Not every file system can do it.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}

async function toStandardOutput(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}

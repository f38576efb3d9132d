/**
 * Small files, written so that a crash leaves the old one or the new one, never half of either.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GtpkgError, systemCode } from '../model/index.js';

/** What the system said, as an error a user can act on. */
export function fileError(cause: unknown, path: string): GtpkgError {
  const code = systemCode(cause);
  const data = { path, system: code };
  if (code === 'EACCES' || code === 'EPERM') {
    return new GtpkgError('PERMISSION', `${path}: permission denied`, {
      hint: 'Check who owns it.',
      data,
      cause,
    });
  }
  if (code === 'EROFS')
    return new GtpkgError('READ_ONLY', `${path}: the file system is read-only`, { data, cause });
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new GtpkgError('NO_SPACE', `${path}: no space left`, { data, cause });
  return new GtpkgError(
    'IO_ERROR',
    `${path}: ${cause instanceof Error ? cause.message : 'can not be used'}`,
    { data, cause },
  );
}

/** The text of a file, undefined when there is none. @throws GtpkgError PERMISSION, IO_ERROR */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw fileError(cause, path);
  }
}

/** Makes a private directory, and what is missing above it. @throws GtpkgError PERMISSION, READ_ONLY, NO_SPACE, IO_ERROR */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    // Node says ENOENT when a recursive mkdir meets a read-only disk; a plain one says what it is
    const told = await mkdir(path, { mode: 0o700 }).catch((error: unknown) => error);
    if (told !== undefined) throw fileError(systemCode(cause) === 'ENOENT' ? told : cause, path);
  }
}

/** Replaces a file; `mode` holds whatever the umask. @throws GtpkgError PERMISSION, READ_ONLY, NO_SPACE, IO_ERROR */
export async function writeText(path: string, text: string, mode: number): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text, 'latin1');
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const directory = await open(dirname(path), 'r');
    await directory.sync().finally(() => directory.close());
  } catch (cause) {
    await rm(draft, { force: true });
    throw fileError(cause, path);
  }
}

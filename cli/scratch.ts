/**
 * Scratch directories in the home: removed at the end, and those of killed processes by whoever makes the next one.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../model/errors.js';
import type { Context } from './context.js';
import { makeDirectory, systemFailure } from './files.js';

/** ms. A process that cannot be seen from here may still use a younger one: it may run in another container. */
const STALE = 3_600_000;

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^[a-z]+-(\d{1,10})-\w{6}$/.exec(name)?.[1];
    if (pid === undefined || runs(Number(pid))) continue;
    const age = await stat(join(parent, name)).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > STALE) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/**
 * Gives `work` an empty directory, and removes it when that is done.
 * @param purpose - lower-case letters
 * @throws GtpkgError NO_SPACE, READ_ONLY, PERMISSION, and what `work` throws
 */
export async function withScratch<T>(
  context: Context,
  purpose: string,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const parent = context.home('tmp');
  let directory: string;
  try {
    await makeDirectory(parent);
    await sweep(parent);
    directory = await mkdtemp(join(parent, `${purpose}-${process.pid}-`));
  } catch (error) {
    throw systemFailure(error, parent);
  }
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

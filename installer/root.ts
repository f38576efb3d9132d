/**
 * Opening a root: the lock, and first of all the end of what a killed process left behind.
 *
 * Opened `exclusive`, a root is always in one whole state: an unfinished transaction is finished or undone
 * before openRoot returns, and `report` says so.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Report } from '../model/events.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { Disk, type DiskOptions } from './disk.js';
import { diskError } from './disk-error.js';
import { sweepLocks, takeLock, type RootLock } from './lock.js';
import { noteOutcome } from './outcomes.js';
import { recover, type Recovery } from './recover.js';
import { FORMAT, statePaths, type StatePaths } from './state.js';
import { readStatus, type RootStatus } from './status.js';

export type LockMode = 'shared' | 'exclusive' | 'none';

export interface OpenRootOptions extends DiskOptions {
  /** make the root and its state when they are not there; needs `exclusive` */
  readonly create?: boolean;
  readonly lock: LockMode;
  readonly report: Report;
  /** ms to wait for another process; default limits.TIMEOUT.lock */
  readonly wait?: number;
}

/** A root that is held. Close it in a `finally`. */
export interface OpenRoot {
  /** absolute */
  readonly dir: string;
  readonly lock: LockMode;
  readonly disk: Disk;
  readonly state: StatePaths;
  /** what openRoot finished or undid */
  readonly recovered: Recovery | undefined;
  /** read again at each call */
  status(): RootStatus;
  close(): void;
}

/**
 * Opens the root at `dir`.
 * - `exclusive`: to change it. Recovers first.
 * - `shared`: to read it while nobody changes it; on a root where no lock can be written, as `none`.
 * - `none`: to read whatever is there, also nothing.
 * @throws GtpkgError ROOT_BUSY (`data.pid`), READ_ONLY, PERMISSION, NO_SPACE, IO_ERROR, JOURNAL_CORRUPT, STATUS_CORRUPT,
 *   FILE_NOT_FOUND (no root there and `create` not given), ROOT_OBSTRUCTED
 */
export async function openRoot(dir: string, options: OpenRootOptions): Promise<OpenRoot> {
  const disk = new Disk(resolve(dir), options);
  try {
    if (options.create === true && options.lock === 'exclusive') makeRoot(disk);
    const state = statePaths(disk.root);
    if (options.lock !== 'none') checkFormat(disk, state, options.lock);
    const lock = await lockFor(disk, state, options);
    try {
      const recovered = await settleRoot({ disk, state }, options);
      return {
        dir: disk.root,
        lock: options.lock,
        disk,
        state,
        recovered,
        status: () => readStatus(disk.root),
        close: () => {
          try {
            lock?.release();
          } catch {
            // the disk failed or became read-only: the lock is void as soon as this process ends
          }
        },
      };
    } catch (error) {
      lock?.release();
      throw error;
    }
  } catch (error) {
    throw diskError(error, `opening the root ${disk.root}`);
  }
}

const SCRIPTS_UNDONE =
  'Its maintainer scripts had begun; those that take such things back were called. What scripts do outside of packages, nobody can promise to undo.';

function makeTop(root: string): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o755 }); // whatever the umask: not everybody's to write
  } catch (cause) {
    const system = systemCode(cause);
    // Node says ENOENT when a recursive mkdir meets a read-only disk; a plain one says what it is
    if (system === 'ENOENT') return mkdirSync(root, { mode: 0o755 });
    if (system !== 'EEXIST' && system !== 'ENOTDIR') throw cause;
    throw new GtpkgError('ROOT_OBSTRUCTED', `${root} cannot be a root: a file is where a directory must be`, {
      hint: 'Choose another --root, or move that file away.',
      data: { root },
      cause,
    });
  }
}

function makeRoot(disk: Disk): void {
  makeTop(disk.root);
  const state = statePaths(disk.root);
  const missing: BytePath[] = [];
  for (let at = state.top; at !== '' && !disk.exists(at); at = parentPath(at)) missing.unshift(at);
  const parts = [state.manifests, state.scripts, state.history, state.staging].filter(
    (path) => !disk.exists(path),
  );
  for (const path of [...missing, ...parts]) {
    try {
      disk.mkdir(path, path === state.staging ? 0o700 : 0o755);
      // whatever the umask says: packages share these directories
      if (path !== state.staging) disk.setAttributes(path, { mode: 0o755, ...disk.self });
    } catch (error) {
      // another process makes the same root at this moment
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
  if (disk.exists(state.format)) return;
  const draft = joinPath(state.top, `format.new-${process.pid}`);
  if (disk.exists(draft)) disk.unlink(draft);
  disk.create(draft, Buffer.from(FORMAT), {
    mode: 0o644,
    ...disk.self,
  });
  disk.fsync(draft);
  disk.rename(draft, state.format);
  disk.fsync(state.top);
}

function checkFormat(disk: Disk, state: StatePaths, lock: LockMode): void {
  let text: string;
  try {
    text = disk.read(state.format).toString('latin1');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    if (lock === 'shared') return;
    throw new GtpkgError(
      'FILE_NOT_FOUND',
      `${disk.root} is not a root of gtpkg: nothing was ever installed there`,
      {
        hint: 'Name the right directory with --root, or install something into it first.',
        data: { root: disk.root },
      },
    );
  }
  if (text === FORMAT) return;
  throw new GtpkgError(
    'STATUS_CORRUPT',
    `${disk.root} has a state of another format: ${JSON.stringify(text.slice(0, 40))}`,
    {
      hint: 'It was written by a later gtpkg; use that one.',
    },
  );
}

async function lockFor(
  disk: Disk,
  state: StatePaths,
  { lock, wait }: OpenRootOptions,
): Promise<RootLock | undefined> {
  if (lock === 'none' || !disk.exists(state.top)) return undefined;
  try {
    return await takeLock(disk, state.lock, {
      shared: lock === 'shared',
      ...(wait === undefined ? {} : { wait }),
    });
  } catch (error) {
    // who may not write here cannot be written against by us; a reader reads on, at its own risk
    if (lock === 'shared' && ['EROFS', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}

async function settleRoot(
  { disk, state }: { disk: Disk; state: StatePaths },
  { lock, report }: OpenRootOptions,
): Promise<Recovery | undefined> {
  if (lock !== 'exclusive') {
    if (lock === 'shared' && disk.exists(state.journal)) {
      report({
        kind: 'warning',
        text: 'A transaction was interrupted in this root. gtpkg recover finishes or undoes it.',
      });
    }
    return undefined;
  }
  sweepLocks(disk, state.lock);
  const recovered = await recover(disk, state);
  if (recovered === undefined) return undefined;
  const { id, command, outcome } = recovered;
  noteOutcome(disk, state, { id, command, result: outcome === 'finished' ? 'recovered' : 'undone', why: '' });
  const what = `transaction ${recovered.id} (${recovered.command})`;
  const text =
    recovered.outcome === 'finished'
      ? `${what} had been interrupted after all was in place; it is finished now.`
      : `${what} had been interrupted; the root is back in the state before it.`;
  report({ kind: 'note', text });
  if (recovered.outcome === 'undone' && recovered.scripts) report({ kind: 'note', text: SCRIPTS_UNDONE });
  for (const failure of recovered.failures) report({ kind: 'warning', text: failure });
  return recovered;
}

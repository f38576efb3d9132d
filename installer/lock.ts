/**
 * One writer, or several readers, of a root at a time; real across processes, and free again when its holder dies.
 *
 * A lock is a small file that says who holds it (process id, start time, boot, namespace, a random token). It is
 * written beside and linked into place, so it is never seen half written. The lock of a dead process is broken by
 * whoever holds `<lock>.break-<token of the dead one>`, which is a lock of the same kind: only its holder may unlink a lock
 * with that token, so two breakers can never remove each other's fresh lock. docs/formats/root-state.md §lock.
 *
 * A process of another pid namespace or host cannot be judged from here: its lock counts as held.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError, systemCode } from '../model/errors.js';
import { TIMEOUT } from '../model/limits.js';
import type { Disk } from './disk.js';

interface Holder {
  readonly pid: number;
  /** kernel's start time of the process, '' where /proc is not to be had */
  readonly start: string;
  readonly boot: string;
  readonly space: string;
  readonly host: string;
  readonly token: string;
}

/** A lock that is held. */
export interface RootLock {
  /** Gives it up; does nothing the second time. */
  release(): void;
}

const POLL = 50;
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

const readProc = (path: string): string => {
  try {
    return fs.readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
};

// proc(5): the command may hold anything, even ')', so fields are counted after the last one.
function startTime(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat === '' ? '' : (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '');
}

function namespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function self(): Holder {
  return {
    pid: process.pid,
    start: startTime(process.pid),
    boot: readProc('/proc/sys/kernel/random/boot_id'),
    space: namespace(),
    host: hostname(),
    token: randomBytes(12).toString('hex'),
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
  return true;
}

function isAlive(holder: Holder, me: Holder): boolean {
  if (holder.host === me.host && holder.boot !== me.boot) return false;
  if (holder.host !== me.host || holder.space !== me.space) return true;
  if (!isRunning(holder.pid)) return false;
  return holder.start === '' || startTime(holder.pid) === holder.start;
}

/** The holder, undefined when the file is gone, 'torn' when it says nothing (a disk that lost its bytes). */
function holderOf(disk: Disk, path: string): Holder | 'torn' | undefined {
  let text: string;
  try {
    text = disk.read(path).toString('utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    if (typeof value?.pid === 'number' && /^[0-9a-f]{24}$/.test(value.token ?? '')) return value as Holder;
  } catch {
    // falls through: not ours to judge
  }
  return 'torn';
}

// Writes the lock file complete, or reports that one is there.
function tryCreate(disk: Disk, path: string, me: Holder): boolean {
  const draft = `${path}.new-${me.pid}-${me.token}`;
  const text = Buffer.from(`${JSON.stringify(me)}\n`);
  try {
    disk.create(draft, text);
    disk.fsync(draft);
    try {
      disk.link(draft, path);
    } catch (error) {
      if (!NO_LINKS.has(systemCode(error) ?? '')) throw error;
      disk.create(path, text); // vfat and its like: may be seen half written, and then counts as held
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    if (disk.exists(draft)) disk.unlink(draft);
  }
}

/** Removes what killed processes left beside the lock; call it while holding the lock. */
export function sweepLocks(disk: Disk, lock: string): void {
  const cut = lock.lastIndexOf('/');
  const me = self();
  for (const name of disk.list(lock.slice(0, cut))) {
    if (!name.startsWith(`${lock.slice(cut + 1)}.`)) continue;
    const path = `${lock.slice(0, cut)}/${name}`;
    const holder = holderOf(disk, path);
    // a draft whose writer was killed may be empty: its name says whose it is
    const writer = Number(/\.new-(\d+)-/.exec(name)?.[1] ?? 0);
    const isDead =
      holder === 'torn' ? writer > 0 && !isRunning(writer) : holder !== undefined && !isAlive(holder, me);
    if (isDead) disk.unlink(path);
  }
}

// One attempt: undefined when we hold it now, else who does.
function attempt(disk: Disk, path: string, me: Holder): Holder | 'torn' | undefined {
  for (;;) {
    if (tryCreate(disk, path, me)) return undefined;
    const holder = holderOf(disk, path);
    if (holder === undefined) continue;
    if (holder === 'torn' || isAlive(holder, me)) return holder;
    const breaker = `${path}.break-${holder.token}`;
    const other = attempt(disk, breaker, me);
    if (other !== undefined) return other;
    try {
      const now = holderOf(disk, path);
      if (now !== undefined && now !== 'torn' && now.token === holder.token) disk.unlink(path);
    } finally {
      disk.unlink(breaker);
    }
  }
}

function busy(disk: Disk, holder: Holder | 'torn', path: string): GtpkgError {
  const who = holder === 'torn' ? 'a process that cannot be named' : `process ${holder.pid}`;
  const far = holder !== 'torn' && holder.host !== hostname() ? ` on ${holder.host}` : '';
  return new GtpkgError('ROOT_BUSY', `${disk.root} is in use by ${who}${far}`, {
    hint: `Wait for it to finish, or end it; when no such process exists any more, remove ${disk.root}/${path}.`,
    data: { root: disk.root, pid: holder === 'torn' ? null : holder.pid },
  });
}

function readersOf(disk: Disk, lock: string): string[] {
  const cut = lock.lastIndexOf('/');
  const prefix = `${lock.slice(cut + 1)}.read-`;
  return disk
    .list(lock.slice(0, cut))
    .flatMap((name) => (name.startsWith(prefix) ? `${lock.slice(0, cut)}/${name}` : []));
}

// Both sides write their own file first and look for the other's then, so at least one of the two sees the other.
function tryOnce(disk: Disk, lock: string, me: Holder, shared: boolean): Holder | 'torn' | undefined {
  if (shared) {
    const mine = `${lock}.read-${me.token}`;
    tryCreate(disk, mine, me);
    const writer = holderOf(disk, lock);
    if (writer === undefined || (writer !== 'torn' && !isAlive(writer, me))) return undefined;
    disk.unlink(mine);
    return writer;
  }
  const holder = attempt(disk, lock, me);
  if (holder !== undefined) return holder;
  for (const path of readersOf(disk, lock)) {
    const reader = holderOf(disk, path);
    if (reader === undefined) continue;
    if (reader === 'torn' || isAlive(reader, me)) {
      disk.unlink(lock);
      return reader;
    }
    disk.unlink(path);
  }
  return undefined;
}

/**
 * Waits up to `wait` ms (default limits.TIMEOUT.lock) for the lock at `lock`, a path below the root.
 * @throws GtpkgError ROOT_BUSY with `data.pid`; the system's errors when the file cannot be written
 */
export async function takeLock(
  disk: Disk,
  lock: string,
  options: { shared: boolean; wait?: number },
): Promise<RootLock> {
  const until = performance.now() + (options.wait ?? TIMEOUT.lock);
  const me = self();
  for (;;) {
    const holder = tryOnce(disk, lock, me, options.shared);
    if (holder === undefined) break;
    if (performance.now() >= until) throw busy(disk, holder, lock);
    await sleep(POLL);
  }
  let held = true;
  const path = options.shared ? `${lock}.read-${me.token}` : lock;
  return {
    release: () => {
      if (!held) return;
      held = false;
      const now = holderOf(disk, path);
      if (now !== undefined && now !== 'torn' && now.token === me.token) disk.unlink(path);
    },
  };
}

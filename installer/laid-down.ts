/**
 * Diversions and overrides on the way back: what scripts of a transaction did with dpkg-divert and dpkg-statoverride is undone by what was noted before they ran. ADR 0015.
 *
 * A note is taken with each act of the journal, before its script starts, where something is otherwise than in the last note. So every state between two scripts is known; the way back
 * goes to the one in which the operations of a phase were done before it undoes them, and in the end to the first. It may be repeated: what is moved is found out from the disk.
 *
 * dpkg-divert moves a file by rename(2), so it is known again by its inode: one that lay at its other name and now lies at its own was moved. Of a diversion that is new, that name was
 * not noted; what lies there was moved by a script when its inode changed since the note was taken (rename(2) sets its ctime), and nothing that is older stands at its own name.
 */
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { readManifest } from './claims.js';
import type { Disk } from './disk.js';
import { DPKG_DIR, parseDiversions, parseStatOverrides, readDpkgFile, type Diversion } from './diversions.js';
import { Owners } from './owners.js';
import { readStatus } from './status.js';
import { quietly, Walk } from './walk.js';

/** dpkg's two files, one character a byte; null: not there. */
export interface LaidDown {
  readonly diversions: string | null;
  readonly overrides: string | null;
  /** by the other name of each diversion: the inode there, `device:inode` */
  readonly inodes: Readonly<Record<string, string>>;
  /** when this was noted, ms since 1970 by the clock of the file system */
  readonly at: number;
}

/** Takes note. @param clock - a file that was just written on the root's file system */
export function noteLaidDown(disk: Disk, clock: string): LaidDown {
  const diversions = readDpkgFile(disk, 'diversions') ?? null;
  const overrides = readDpkgFile(disk, 'statoverride') ?? null;
  const walk = walkOf(disk);
  const inodes: Record<string, string> = {};
  for (const { to } of parseDiversions(diversions ?? '')) {
    const inode = inodeAt(disk, quietly(walk, to));
    if (inode !== undefined) inodes[to] = inode;
  }
  return { diversions, overrides, inodes, at: disk.lstat(clock)?.mtimeMs ?? 0 };
}

/** The same, but for the time. */
export function isSameLaidDown(one: LaidDown, other: LaidDown): boolean {
  return (
    one.diversions === other.diversions &&
    one.overrides === other.overrides &&
    JSON.stringify(one.inodes) === JSON.stringify(other.inodes)
  );
}

/** A note as a journal has it. */
export function isLaidDown(value: unknown): value is LaidDown {
  if (typeof value !== 'object' || value === null) return false;
  const { diversions, overrides, inodes, at } = value as Record<string, unknown>;
  const isText = (one: unknown): boolean => one === null || typeof one === 'string';
  return (
    isText(diversions) &&
    isText(overrides) &&
    typeof at === 'number' &&
    typeof inodes === 'object' &&
    inodes !== null &&
    Object.values(inodes).every((inode) => typeof inode === 'string')
  );
}

/**
 * Makes diversions and overrides those of the note, and moves files back that were moved with them. Of overrides that are new, what packages have gets their permissions again.
 * @param since - ms: when the first note was taken
 * @returns directories that changed, for the flush
 * @throws the system's errors
 */
export function restoreLaidDown(disk: Disk, note: LaidDown, since: number): BytePath[] {
  const touched = new Set<BytePath>();
  const then = parseDiversions(note.diversions ?? '');
  const now = parseDiversions(readDpkgFile(disk, 'diversions') ?? '');
  const walk = walkOf(disk);
  const move = (from: BytePath, to: BytePath): void => {
    if (disk.look(from).kind === 'dir' || disk.look(to).kind === 'dir') return;
    try {
      disk.rename(from, to);
    } catch (error) {
      // its directory went, or is another file system: dpkg-divert would not have moved it either
      if (!['ENOENT', 'ENOTDIR', 'EXDEV'].includes(systemCode(error) ?? '')) throw error;
      return;
    }
    touched.add(parentPath(from)).add(parentPath(to));
  };
  for (const diversion of minus(now, then)) {
    const [from, to] = ends(walk, diversion);
    if (from === undefined || to === undefined || from === to) continue;
    if (isNew(disk, to, since) && (!disk.exists(from) || isNew(disk, from, since))) move(to, from);
  }
  for (const diversion of minus(then, now)) {
    const [from, to] = ends(walk, diversion);
    const inode = note.inodes[diversion.to];
    if (from === undefined || to === undefined || inode === undefined) continue;
    if (inodeAt(disk, to) !== inode && inodeAt(disk, from) === inode) move(from, to);
  }
  for (const [name, text] of [
    ['diversions', note.diversions],
    ['statoverride', note.overrides],
  ] as const) {
    const at = putBack(disk, name, text);
    if (at !== undefined) touched.add(parentPath(at));
  }
  return [...touched];
}

/**
 * Gives back what overrides took: the paths of packages whose override is another than in the note. To be called when the status is that of before.
 * @param changed - what dpkg's file said before it was put back
 * @throws the system's errors; GtpkgError STATUS_CORRUPT
 */
export function restoreOwners(disk: Disk, note: LaidDown, changed: string): void {
  const then = parseStatOverrides(note.overrides ?? '');
  const paths = new Set<string>(
    [...parseStatOverrides(changed)].flatMap(([path, { user, group, mode }]) => {
      const old = then.get(path);
      return old?.user === user && old.group === group && old.mode === mode ? [] : path;
    }),
  );
  if (paths.size === 0) return;
  const owners = new Owners(disk);
  const walk = walkOf(disk);
  for (const pkg of readStatus(disk.root).values()) {
    if (pkg.state !== 'installed') continue;
    for (const entry of readManifest(disk.root, pkg)) {
      if (!paths.has(entry.path) || entry.type === 'l') continue;
      const at = quietly(walk, entry.path);
      const stats = at === undefined ? undefined : disk.lstat(at);
      if (at === undefined || (stats?.isFile() !== true && stats?.isDirectory() !== true)) continue;
      const { mode, uid, gid } = owners.attributes(entry);
      disk.setAttributes(at, { mode, uid, gid });
    }
  }
}

/** What dpkg's file of overrides says now. @throws the system's errors */
export function overridesNow(disk: Disk): string {
  return readDpkgFile(disk, 'statoverride') ?? '';
}

const walkOf = (disk: Disk): Walk => new Walk((path) => disk.look(path), disk.root === '/');
const ends = (walk: Walk, { from, to }: Diversion): [BytePath | undefined, BytePath | undefined] => [
  quietly(walk, from),
  quietly(walk, to),
];

function minus(some: readonly Diversion[], others: readonly Diversion[]): Diversion[] {
  return some.filter(({ from, to }) => !others.some((other) => other.from === from && other.to === to));
}

function inodeAt(disk: Disk, path: BytePath | undefined): string | undefined {
  const stats = path === undefined ? undefined : disk.lstat(path);
  return stats === undefined || stats.isDirectory() ? undefined : `${stats.dev}:${stats.ino}`;
}

function isNew(disk: Disk, path: BytePath, since: number): boolean {
  const stats = disk.lstat(path);
  return stats !== undefined && !stats.isDirectory() && stats.ctimeMs >= since;
}

// @returns its path when something was to be done
function putBack(disk: Disk, name: string, text: string | null): BytePath | undefined {
  if ((readDpkgFile(disk, name) ?? null) === text) return undefined;
  const directory = directoryOf(disk);
  if (directory === undefined) return undefined;
  const path = joinPath(directory, name);
  const stats = disk.lstat(path);
  if (text === null) {
    disk.unlink(path);
    return path;
  }
  const draft = joinPath(directory, `${name}.gtpkg`);
  if (disk.exists(draft)) disk.unlink(draft);
  const attributes =
    stats === undefined
      ? { mode: 0o644, ...disk.self }
      : { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  disk.create(draft, Buffer.from(text, 'latin1'), attributes);
  disk.fsync(draft);
  disk.rename(draft, path);
  return path;
}

function directoryOf(disk: Disk): BytePath | undefined {
  try {
    const at = walkOf(disk).directory(DPKG_DIR);
    return disk.look(at).kind === 'dir' ? at : undefined;
  } catch (error) {
    if (error instanceof GtpkgError) return undefined;
    throw error;
  }
}

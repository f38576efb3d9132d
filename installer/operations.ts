/**
 * What a transaction does to the root, as data: each kind's `do` stands beside its `undo`.
 *
 * Paths are physical, below the root. A `staged` or `backup` path lies in a staging area on the same file
 * system as `path`, so every step is one atomic rename or link. `undo` finds out by itself whether `do` ever
 * happened (a staged name that is gone has been placed; a backup that is there has been taken), and may be
 * repeated: a killed rollback is simply run again.
 */
import { pathToText } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import type { Attributes, Disk } from './disk.js';
import { obstructed } from './walk.js';

/** A file, link or whole new directory tree comes to a free path. */
export interface Place {
  readonly kind: 'place';
  readonly staged: string;
  readonly path: string;
}
/** A file or link takes the place of another one, which is never missing in between. */
export interface Replace {
  readonly kind: 'replace';
  readonly staged: string;
  readonly path: string;
  readonly backup: string;
}
/** A file, link or directory tree goes away. */
export interface Remove {
  readonly kind: 'remove';
  readonly path: string;
  readonly backup: string;
}
/** A second name for a file that stays with the user. */
export interface Save {
  readonly kind: 'save';
  readonly path: string;
  readonly copy: string;
}
/** A directory or a file that stays gets other permissions or extended attributes; never a link, which chmod(2) would follow. */
export interface Change {
  readonly kind: 'attributes';
  readonly path: string;
  readonly before: Attributes;
  readonly after: Attributes;
}

export type Operation = Place | Replace | Remove | Save | Change;

type Steps = {
  readonly [K in Operation['kind']]: {
    do(disk: Disk, operation: Extract<Operation, { kind: K }>): void;
    undo(disk: Disk, operation: Extract<Operation, { kind: K }>): void;
  };
};

// File systems without hard links, inodes with too many, files that protected_hardlinks guards.
const NO_LINK = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

const changedMeanwhile = (path: string): Error =>
  obstructed(path, 'changed while the transaction was being prepared', 'Run the command again.');

const STEPS: Steps = {
  place: {
    do(disk, { staged, path }) {
      if (disk.exists(path)) throw changedMeanwhile(path);
      disk.rename(staged, path);
    },
    undo(disk, { staged, path }) {
      if (!disk.exists(staged) && disk.exists(path)) disk.rename(path, staged);
    },
  },
  replace: {
    do(disk, { staged, path, backup }) {
      try {
        disk.link(path, backup);
      } catch (error) {
        if (systemCode(error) === 'ENOENT') throw changedMeanwhile(path);
        if (!NO_LINK.has(systemCode(error) ?? '')) throw error;
        disk.rename(path, backup);
      }
      disk.rename(staged, path);
    },
    undo(disk, { staged, path, backup }) {
      if (!disk.exists(backup)) return;
      // Not yet replaced, and the backup is a second name of what is still in place. rename(2) would keep both.
      if (disk.exists(staged) && disk.exists(path)) disk.unlink(backup);
      else disk.rename(backup, path);
    },
  },
  remove: {
    do(disk, { path, backup }) {
      try {
        disk.rename(path, backup);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
      }
    },
    undo(disk, { path, backup }) {
      if (disk.exists(backup) && !disk.exists(path)) disk.rename(backup, path);
    },
  },
  save: {
    do(disk, { path, copy }) {
      disk.link(path, copy);
    },
    undo(disk, { path, copy }) {
      // another inode is an older copy, which was still to make room for this one
      const [one, other] = [disk.lstat(path), disk.lstat(copy)];
      if (one !== undefined && one.ino === other?.ino && one.dev === other.dev) disk.unlink(copy);
    },
  },
  attributes: {
    do(disk, { path, after }) {
      disk.changeAttributes(path, after);
    },
    undo(disk, { path, before }) {
      const stats = disk.lstat(path);
      if (stats?.isDirectory() === true || stats?.isFile() === true) disk.changeAttributes(path, before);
    },
  },
};

/** Does it. @throws the system's errors; GtpkgError ROOT_OBSTRUCTED when the path is not as it was surveyed */
export function perform(disk: Disk, operation: Operation): void {
  (STEPS[operation.kind].do as (disk: Disk, operation: Operation) => void)(disk, operation);
}

/** Undoes it if it was done. @throws the system's errors */
export function revert(disk: Disk, operation: Operation): void {
  (STEPS[operation.kind].undo as (disk: Disk, operation: Operation) => void)(disk, operation);
}

/** For people: what is being done. */
export function describe(operation: Operation): string {
  return `${operation.kind} /${pathToText(operation.path)}`;
}

/**
 * The end of a transaction, in the process that ran it or in the next one: forward after the commit, back before it.
 *
 * Both ways may themselves be killed anywhere and run again. Order matters: the journal goes when the root is in its final
 * state, the staging areas (with the backups) only after the journal.
 */
import { isSafePath, joinPath } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import type { Disk } from './disk.js';
import { readJournal, touchedDirectories, type Journal } from './journal.js';
import { revert } from './operations.js';
import { AREAS_FILE } from './stage.js';
import type { StatePaths } from './state.js';
import type { Unwind } from './unwind.js';

/** What recovery found and did. */
export interface Recovery {
  readonly id: number;
  readonly command: string;
  readonly outcome: 'finished' | 'undone';
  /** maintainer scripts that were to take back what others did, and failed: one sentence each */
  readonly failures: readonly string[];
  /** scripts had begun */
  readonly scripts: boolean;
}

/**
 * Puts everything back as it was; scripts are called to take back what scripts did.
 * @returns what they could not, for people
 * @throws the system's errors; the journal stays then, for the next try
 */
export async function rollBack(disk: Disk, state: StatePaths, journal: Journal): Promise<readonly string[]> {
  const touched = touchedDirectories(journal.operations);
  const unwind = journal.acts.length === 0 ? undefined : await unwinding(disk, state, journal);
  try {
    const { operations } = journal;
    const ends = journal.ends ?? [operations.length];
    for (let phase = Math.max(ends.length - 1, unwind?.lastPhase ?? 0); phase >= 0; phase--) {
      await unwind?.call(phase, 'placed');
      const from = phase === 0 ? 0 : (ends[phase - 1] ?? operations.length);
      const due = operations.slice(from, ends[phase]).reverse();
      if (due.length > 0) touched.push(...(unwind?.layDownAfter(from + due.length) ?? []));
      for (const operation of due) revert(disk, operation);
      await unwind?.call(phase, 'restored');
    }
    touched.push(...(unwind?.end() ?? []));
  } finally {
    await unwind?.close();
  }
  await disk.flush([...new Set(touched)], [state.top, ...journal.areas.filter((area) => disk.exists(area))]);
  dropJournal(disk, state);
  sweepStaging(disk, state);
  return unwind?.failures ?? [];
}

// Only who meets a script needs the code for it.
async function unwinding(disk: Disk, state: StatePaths, journal: Journal): Promise<Unwind> {
  const { Unwind } = await import('./unwind.js');
  return Unwind.begin(disk, state, journal);
}

/**
 * Clears up after a commit.
 * @returns the directories that were to go and are not empty
 */
export function finish(disk: Disk, state: StatePaths, journal: Journal): readonly string[] {
  const left = journal.prune.filter((path) => !removeIfEmpty(disk, path));
  dropJournal(disk, state);
  sweepStaging(disk, state);
  return left;
}

/** Finishes or undoes what was killed. Undefined when there was nothing. @throws GtpkgError JOURNAL_CORRUPT; the system's errors */
export async function recover(disk: Disk, state: StatePaths): Promise<Recovery | undefined> {
  const found = readJournal(disk, state);
  if (found === undefined) {
    sweepStaging(disk, state);
    return undefined;
  }
  const { journal, committed } = found;
  const { id, command, acts } = journal;
  const scripts = acts.length > 0;
  if (!committed) {
    const failures = await rollBack(disk, state, journal);
    return { id, command, outcome: 'undone', failures, scripts };
  }
  finish(disk, state, journal);
  return { id, command, outcome: 'finished', failures: [], scripts };
}

function dropJournal(disk: Disk, state: StatePaths): void {
  disk.unlink(state.journal);
  disk.fsync(state.top);
}

// True when it is gone.
function removeIfEmpty(disk: Disk, path: string): boolean {
  try {
    disk.rmdir(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return true;
    // not empty, a mount point, somebody's working place on a network: it stays, and nothing is lost
    if (['ENOTEMPTY', 'EEXIST', 'EBUSY', 'EACCES', 'EPERM'].includes(code ?? '')) return false;
    throw error;
  }
}

/** Removes staging areas that no journal speaks for, those on other file systems included. */
export function sweepStaging(disk: Disk, state: StatePaths): void {
  const draft = joinPath(state.top, 'journal.new');
  if (disk.exists(draft)) disk.unlink(draft);
  if (!disk.exists(state.staging)) return;
  for (const name of disk.list(state.staging)) {
    const area = joinPath(state.staging, name);
    for (const other of otherAreas(disk, area, name)) disk.removeTree(other);
    disk.removeTree(area);
  }
}

// The list may be cut short (killed while it was written): then the areas in it were not made yet.
function otherAreas(disk: Disk, area: string, id: string): string[] {
  const path = `${area}/${AREAS_FILE}`;
  if (disk.lstat(path)?.isFile() !== true) return [];
  try {
    const areas: unknown = JSON.parse(disk.read(path).toString('utf8'));
    if (!Array.isArray(areas)) return [];
    return areas.filter(
      (at): at is string =>
        typeof at === 'string' && isSafePath(at) && at.split('/').at(-1) === `.gtpkg-${id}`,
    );
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/**
 * The journal: everything that one transaction will do, on the disk before the first of it is done.
 * docs/formats/root-state.md §journal, version 1; ADR 0005.
 *
 *     {"journal":1,"id":…,"command":…,"areas":[…],"prune":[…]}
 *     {"kind":"place",…}            one operation a line, in order
 *     {"end":N,"sha256":"…"}        N operations; digest of all bytes before this line
 *     {"committed":true}            appended, so it may be missing or cut short: then it is not there
 *
 * Without the last line the transaction is undone; with it only the clearing up is left.
 */
import { createHash } from 'node:crypto';
import { isSafePath, joinPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Disk } from './disk.js';
import type { Operation } from './operations.js';
import { readStateFile, type StatePaths } from './state.js';

export interface Journal {
  /** number of the transaction in the history */
  readonly id: number;
  readonly command: string;
  /** staging directories, one on each file system concerned; removed at the end */
  readonly areas: readonly string[];
  /** directories that go when they are empty, deepest first, after the commit */
  readonly prune: readonly string[];
  readonly operations: readonly Operation[];
}

/** A journal as it was found. */
export interface FoundJournal {
  readonly journal: Journal;
  readonly committed: boolean;
}

const COMMITTED = '{"committed":true}\n';
// how many paths each kind of operation names
const SPELLING = { place: 2, replace: 3, remove: 2, save: 2, attributes: 1 } as const;

function encode(journal: Journal): Buffer {
  const { operations, ...head } = journal;
  const body = [{ journal: 1, ...head }, ...operations].map((line) => `${JSON.stringify(line)}\n`).join('');
  const sha256 = createHash('sha256').update(body).digest('hex');
  return Buffer.from(`${body}${JSON.stringify({ end: operations.length, sha256 })}\n`);
}

/**
 * Writes the journal and waits until it is on the disk. From here on the transaction is undone, not forgotten.
 * @returns its length in bytes, for markJournal
 */
export function writeJournal(disk: Disk, state: StatePaths, journal: Journal): number {
  const bytes = encode(journal);
  const draft = joinPath(state.top, 'journal.new');
  if (disk.exists(draft)) disk.unlink(draft);
  disk.create(draft, bytes);
  disk.fsync(draft);
  disk.rename(draft, state.journal);
  disk.fsync(state.top);
  return bytes.length;
}

/** From here on the transaction is finished, not undone. On the disk when this returns. */
export function commitJournal(disk: Disk, state: StatePaths): void {
  disk.append(state.journal, Buffer.from(COMMITTED));
}

/** Takes back a commit that may have been written but did not reach the disk; `length` is writeJournal's. */
export function uncommitJournal(disk: Disk, state: StatePaths, length: number): void {
  if (disk.lstat(state.journal)?.size === length) return;
  disk.truncate(state.journal, length);
  disk.fsync(state.journal);
}

function corrupt(state: StatePaths, why: string): GtpkgError {
  return new GtpkgError('JOURNAL_CORRUPT', `/${state.journal}: ${why}`, {
    hint: 'The disk lost what was written to it. Look at the files it names, then remove it to go on.',
  });
}

function checkOperation(value: unknown): Operation | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const operation = value as Record<string, unknown>;
  const kind = operation['kind'];
  if (typeof kind !== 'string' || !(kind in SPELLING)) return undefined;
  const paths = ['path', 'staged', 'backup', 'copy'].filter((name) => name in operation);
  if (paths.length !== SPELLING[kind as keyof typeof SPELLING]) return undefined;
  if (!paths.every((name) => typeof operation[name] === 'string' && isSafePath(operation[name])))
    return undefined;
  return value as Operation;
}

/** The journal of an unfinished transaction, undefined when there is none. @throws GtpkgError JOURNAL_CORRUPT */
export function readJournal(disk: Disk, state: StatePaths): FoundJournal | undefined {
  const bytes = readStateFile(disk.root, state.journal);
  if (bytes === undefined) return undefined;
  const lines = bytes.toString('utf8').split('\n');
  const end = lines.findIndex((line) => line.startsWith('{"end":'));
  if (end < 1) throw corrupt(state, 'it has no end');
  const body = lines.slice(0, end).join('\n') + '\n';
  try {
    const { end: count, sha256 } = JSON.parse(lines[end] ?? '') as { end: number; sha256: string };
    if (createHash('sha256').update(body).digest('hex') !== sha256)
      throw corrupt(state, 'its digest is wrong');
    const head = JSON.parse(lines[0] ?? '') as Omit<Journal, 'operations'> & { journal: number };
    if (head.journal !== 1) throw corrupt(state, `it has version ${head.journal}, this gtpkg knows 1`);
    const operations = lines.slice(1, end).map((line) => checkOperation(JSON.parse(line)));
    if (operations.length !== count || operations.includes(undefined))
      throw corrupt(state, 'an operation is wrong');
    if (![...head.areas, ...head.prune].every(isSafePath)) throw corrupt(state, 'a path is wrong');
    const { id, command, areas, prune } = head;
    return {
      journal: { id, command, areas, prune, operations: operations as Operation[] },
      // a line without its newline was never acknowledged
      committed: lines.slice(end + 1).join('\n') === COMMITTED,
    };
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw new GtpkgError('JOURNAL_CORRUPT', `/${state.journal} cannot be read`, { cause });
  }
}

/** Directories that a path's change must reach the disk in: the one it is in, and the one its backup went to. */
export function touchedDirectories(operations: readonly Operation[]): BytePath[] {
  const found = new Set<string>();
  for (const operation of operations) {
    const cut = operation.path.lastIndexOf('/');
    found.add(cut < 0 ? '' : operation.path.slice(0, cut));
  }
  return [...found] as BytePath[];
}

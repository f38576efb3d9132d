/**
 * The journal: everything that one transaction will do, on the disk before the first of it is done.
 * docs/formats/root-state.md §journal, version 3; ADR 0005 and 0015.
 *
 *     {"journal":3,"id":…,"command":…,"areas":[…],"prune":[…],"ends":[…],"scripts":…,"acts":[…]}
 *     {"kind":"place",…}            one operation a line, in order
 *     {"end":N,"sha256":"…"}        N operations; digest of all bytes before this line
 *     {"act":{…}}                   appended before a maintainer script starts
 *     {"committed":true}            appended; whatever is cut short at the end is not there
 *
 * Without the last line the transaction is undone; with it only the clearing up is left. A transaction that runs scripts before files change
 * writes a journal without operations first, and then a second one in its place; one of several phases (phases.ts) a longer one for each.
 */
import { createHash } from 'node:crypto';
import { isSafePath, joinPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { Disk } from './disk.js';
import { isLaidDown } from './laid-down.js';
import type { Operation } from './operations.js';
import { MAINTAINER_SCRIPTS, type Act, type ScriptCall } from './script-acts.js';
import type { ScriptPolicy } from './script-runner.js';
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
  /** of each phase that has begun to change files: how many operations there are up to its end; undefined: there is one */
  readonly ends?: readonly number[];
  /** how scripts run; undefined: none does */
  readonly scripts?: ScriptPolicy | undefined;
  /** those that were begun, in order */
  readonly acts: readonly Act[];
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
  const body = [{ journal: 3, ...head }, ...operations].map((line) => `${JSON.stringify(line)}\n`).join('');
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

/** Notes that an act begins; on the disk when this returns. @returns the bytes that the journal grew by */
export function appendAct(disk: Disk, state: StatePaths, act: Act): number {
  const line = Buffer.from(`${JSON.stringify({ act })}\n`);
  disk.append(state.journal, line);
  return line.length;
}

/** Takes back a commit that may have been written but did not reach the disk; `length` is what the journal had before. */
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

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const STEPS = ['deconfigure', 'prerm', 'preinst', 'postrm', 'configure', 'triggered', 'purge'];

function isCall(value: unknown): value is ScriptCall {
  if (typeof value !== 'object' || value === null) return false;
  const { package: name, architecture, script, args, file } = value as Record<string, unknown>;
  return (
    [name, architecture, file].every((one) => typeof one === 'string') &&
    isSafePath(file as string) &&
    (MAINTAINER_SCRIPTS as readonly unknown[]).includes(script) &&
    Array.isArray(args) &&
    args.every((arg) => typeof arg === 'string')
  );
}

function checkAct(value: unknown): Act | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { package: name, phase, step, call, rescue, undo, done, laidDown } = value as Record<string, unknown>;
  if (![phase, done].every((one) => one === undefined || isCount(one))) return undefined;
  if (laidDown !== undefined && !isLaidDown(laidDown)) return undefined;
  if (typeof name !== 'string' || !STEPS.includes(step as string)) return undefined;
  if (![call, rescue].every((one) => one === undefined || isCall(one))) return undefined;
  const { placed, restored } = (undo ?? {}) as Record<string, unknown>;
  const areCalls = [placed, restored].every((list) => Array.isArray(list) && list.every(isCall));
  return areCalls ? (value as Act) : undefined;
}

function areEnds(ends: unknown, total: number): ends is readonly number[] {
  return (
    Array.isArray(ends) &&
    ends.every((end, at) => isCount(end) && end >= (at === 0 ? 0 : ends[at - 1])) &&
    (ends.at(-1) ?? 0) === total
  );
}

// What was appended: acts, perhaps a commit. A line without its newline was never acknowledged.
function checkTail(lines: readonly string[]): { acts: (Act | undefined)[]; committed: boolean } {
  const whole = lines.slice(0, -1);
  const committed = whole.at(-1) === COMMITTED.trimEnd();
  const acts = (committed ? whole.slice(0, -1) : whole).map((line) =>
    checkAct((JSON.parse(line) as { act?: unknown }).act),
  );
  return { acts, committed };
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
    // version 1 knew no scripts, version 2 no phases
    if (![1, 2, 3].includes(head.journal))
      throw corrupt(state, `it has version ${head.journal}, this gtpkg knows 3`);
    const operations = lines.slice(1, end).map((line) => checkOperation(JSON.parse(line)));
    if (operations.length !== count || operations.includes(undefined))
      throw corrupt(state, 'an operation is wrong');
    if (![...head.areas, ...head.prune].every(isSafePath)) throw corrupt(state, 'a path is wrong');
    const { ends } = head;
    if (ends !== undefined && !areEnds(ends, operations.length)) throw corrupt(state, 'its phases are wrong');
    const tail = checkTail(lines.slice(end + 1));
    const acts = [...(head.journal === 1 ? [] : head.acts.map(checkAct)), ...tail.acts];
    if (acts.includes(undefined)) throw corrupt(state, 'an act is wrong');
    const { id, command, areas, prune, scripts } = head;
    return {
      journal: {
        id,
        command,
        areas,
        prune,
        operations: operations as Operation[],
        ...(ends === undefined ? {} : { ends }),
        scripts,
        acts: acts as Act[],
      },
      committed: tail.committed,
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

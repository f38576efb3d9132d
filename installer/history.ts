/**
 * What was done to a root, one JSON file a transaction. docs/formats/root-state.md §history, version 1.
 *
 * Every change of the status is in it with full pins before and after, so that any earlier state can be told by
 * walking back from the present one (stateAfter), and fetched again.
 */
import { GtpkgError } from '../model/errors.js';
import type { CoreKey, Fingerprint, Oid, Sha256 } from '../model/ids.js';
import { joinPath } from '../model/bytes.js';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { readStateFile, statePaths } from './state.js';
import { readStatus, type InstalledPackage, type PackageState } from './status.js';
import { rootBytes } from './walk.js';
import type { ChangeAction, PackageChange } from './plan.js';

/** Exactly which release, and how it is marked. */
export interface HistoryPin {
  readonly version: string;
  readonly architecture: string;
  readonly state: PackageState;
  readonly core: CoreKey;
  readonly coreSize: number;
  readonly tag: Oid;
  readonly tree: Sha256;
  readonly signer: Fingerprint;
  readonly source: string;
  readonly suite: string;
  readonly auto: boolean;
  readonly held: boolean;
}

export interface HistoryChange {
  readonly name: string;
  readonly action: ChangeAction;
  readonly from: HistoryPin | null;
  readonly to: HistoryPin | null;
}

/** One transaction. */
export interface HistoryEntry {
  readonly id: number;
  /** ISO 8601, UTC */
  readonly date: string;
  readonly command: string;
  readonly user: string;
  readonly changes: readonly HistoryChange[];
  /** by source: the index commit that it followed */
  readonly indexCommits: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** A package as the history writes it. */
export function pinOf(pkg: InstalledPackage): HistoryPin {
  const { version, architecture, state, pin, source, suite, auto, held } = pkg;
  return {
    version,
    architecture,
    state,
    core: pin.core.key,
    coreSize: pin.core.byteLength,
    tag: pin.tag,
    tree: pin.tree,
    signer: pin.signer,
    source,
    suite,
    auto,
    held,
  };
}

/** The change as the history writes it. */
export function historyChange({ name, action, from, to }: PackageChange): HistoryChange {
  return {
    name,
    action,
    from: from === undefined ? null : pinOf(from),
    to: to === undefined ? null : pinOf(to),
  };
}

/** The file name of a transaction. */
export function historyName(id: number): string {
  return String(id).padStart(4, '0');
}

/** The entry's bytes. */
export function formatHistory(entry: HistoryEntry): Buffer {
  return Buffer.from(`${JSON.stringify({ history: 1, ...entry }, undefined, 1)}\n`);
}

function ids(dir: string): number[] {
  const { history } = statePaths(dir);
  try {
    const names = readdirSync(Buffer.from(`${rootBytes(resolve(dir))}/${history}`, 'latin1'), 'latin1');
    return names.flatMap((name) => (/^\d{4,9}$/.test(name) ? Number(name) : [])).sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** The number of the next transaction; the first is 1. */
export function nextId(dir: string): number {
  return (ids(dir).at(-1) ?? 0) + 1;
}

/** All transactions of the root, oldest first. @throws GtpkgError STATUS_CORRUPT, PERMISSION, IO_ERROR */
export function readHistory(dir: string): HistoryEntry[] {
  return ids(dir).map((id) => readHistoryEntry(dir, id));
}

/** One transaction. @throws GtpkgError HISTORY_NOT_FOUND, STATUS_CORRUPT */
export function readHistoryEntry(dir: string, id: number): HistoryEntry {
  const path = joinPath(statePaths(dir).history, historyName(id));
  const bytes = readStateFile(dir, path);
  if (bytes === undefined) {
    throw new GtpkgError('HISTORY_NOT_FOUND', `there is no transaction ${id} in the history of this root`, {
      hint: 'gtpkg history lists them.',
      data: { id },
    });
  }
  try {
    const { history, ...entry } = JSON.parse(bytes.toString('utf8')) as HistoryEntry & { history: number };
    if (history === 1 && entry.id === id && Array.isArray(entry.changes)) return entry;
  } catch (cause) {
    throw new GtpkgError('STATUS_CORRUPT', `/${path} is damaged`, { cause });
  }
  throw new GtpkgError('STATUS_CORRUPT', `/${path} is damaged, or was written by a later gtpkg`);
}

/**
 * The packages of the root as they were after transaction `id` (0: before the first).
 * @throws GtpkgError HISTORY_NOT_FOUND when a transaction since then is missing from the history
 */
export function stateAfter(dir: string, id: number): ReadonlyMap<string, HistoryPin> {
  const state = new Map([...readStatus(dir)].map(([name, pkg]) => [name, pinOf(pkg)]));
  const last = nextId(dir) - 1;
  if (id > last) readHistoryEntry(dir, id);
  for (let at = last; at > id; at--) {
    for (const { name, from } of readHistoryEntry(dir, at).changes) {
      if (from === null) state.delete(name);
      else state.set(name, from);
    }
  }
  return state;
}

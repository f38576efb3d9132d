/**
 * What was done to a root, one JSON file a transaction. docs/formats/root-state.md §history, version 2 (1 is read too).
 *
 * Every change of the status is in it with full pins before and after, so that any earlier state can be told by
 * walking back from the present one (stateAfter), and fetched again. The file is placed with the transaction's other
 * files: it is there if and only if the transaction happened.
 */
import { userInfo } from 'node:os';
import { GtpkgError } from '../model/errors.js';
import { MAX_HISTORY_COMMAND, MAX_HISTORY_NOTES } from '../model/limits.js';
import type { CoreKey, Fingerprint, Oid, Sha256 } from '../model/ids.js';
import { joinPath, printable } from '../model/bytes.js';
import type { DeltaRef, ReleasePin } from '../model/release.js';
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
  /** when the index listed it, ISO 8601; absent where that is not known */
  readonly listed?: string;
}

export interface HistoryChange {
  readonly name: string;
  readonly action: ChangeAction;
  readonly from: HistoryPin | null;
  readonly to: HistoryPin | null;
  /** the delta that it came as, so that it can be made again from what is held */
  readonly via?: { readonly from: string; readonly core: CoreKey; readonly coreSize: number };
}

/** What a transaction was made for: what was asked, or an earlier state. */
export type Purpose =
  | { readonly kind: 'change' }
  | {
      readonly kind: 'rollback' | 'undo';
      /** the transaction gone back to, or undone */ readonly of: number;
    };

/** One transaction. */
export interface HistoryEntry {
  readonly id: number;
  /** ISO 8601, UTC */
  readonly date: string;
  readonly purpose: Purpose;
  readonly command: string;
  /** whose process it was: name, number (null where the system has none) */
  readonly user: string;
  readonly uid: number | null;
  /** who became that user with sudo */
  readonly sudoUser: string | null;
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
    ...(pin.listed === undefined ? {} : { listed: pin.listed.toISOString() }),
  };
}

/** The change as the history writes it; `via` is the delta that brought it. */
export function historyChange(
  { name, action, from, to }: PackageChange,
  via: Pick<DeltaRef, 'from' | 'core'> | undefined,
): HistoryChange {
  return {
    name,
    action,
    from: from === undefined ? null : pinOf(from),
    to: to === undefined ? null : pinOf(to),
    ...(via === undefined
      ? {}
      : { via: { from: via.from, core: via.core.key, coreSize: via.core.byteLength } }),
  };
}

/** Who this process works for. `SUDO_USER` is what its starter says, and believed as far as that goes. */
export function actor(env: NodeJS.ProcessEnv = process.env): Pick<HistoryEntry, 'user' | 'uid' | 'sudoUser'> {
  const uid = process.getuid?.() ?? null;
  let user = String(uid ?? '');
  try {
    user = userInfo().username;
  } catch {
    // a user without an entry in the password file is its number
  }
  const sudo = env['SUDO_USER'] ?? '';
  return { user, uid, sudoUser: /^[\w.@+-]{1,64}\$?$/.test(sudo) ? sudo : null };
}

/** A command line on one line, without control characters and not longer than is worth keeping. */
export function historyCommand(text: string): string {
  const line = printable(text.slice(0, MAX_HISTORY_COMMAND + 1)).replace(/[\n\t]/g, ' ');
  return line.length <= MAX_HISTORY_COMMAND ? line : `${line.slice(0, MAX_HISTORY_COMMAND - 1)}…`;
}

/** The file name of a transaction. */
export function historyName(id: number): string {
  return String(id).padStart(4, '0');
}

/** The entry's bytes. */
export function formatHistory(entry: HistoryEntry): Buffer {
  const notes = entry.notes.slice(0, MAX_HISTORY_NOTES);
  return Buffer.from(`${JSON.stringify({ history: 2, ...entry, notes }, undefined, 1)}\n`);
}

/** Numbers of the transactions that are remembered, oldest first. */
export function historyIds(dir: string): number[] {
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
  return (historyIds(dir).at(-1) ?? 0) + 1;
}

/** All transactions of the root, oldest first. @throws GtpkgError STATUS_CORRUPT, PERMISSION, IO_ERROR */
export function readHistory(dir: string): HistoryEntry[] {
  return historyIds(dir).map((id) => readHistoryEntry(dir, id));
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
    const whole =
      entry.id === id &&
      Array.isArray(entry.changes) &&
      entry.changes.every(({ from, to }) => isPin(from) && isPin(to));
    if (history === 2 && whole) return entry;
    // version 1 had one user, whoever that was, and no way back
    if (history === 1 && whole) return { ...entry, purpose: { kind: 'change' }, uid: null, sudoUser: null };
  } catch (cause) {
    throw new GtpkgError('STATUS_CORRUPT', `/${path} is damaged`, { cause });
  }
  throw new GtpkgError('STATUS_CORRUPT', `/${path} is damaged, or was written by a later gtpkg`);
}

function isPin(pin: HistoryPin | null): boolean {
  if (pin === null) return true;
  const { core, coreSize, tag, tree, signer, version, architecture, state } = pin;
  return (
    [/^[a-z0-9]{52}$/.test(core), /^[0-9a-f]{40}$/.test(tag), /^[0-9a-f]{64}$/.test(tree)].every(Boolean) &&
    /^[0-9A-F]{40}$/.test(signer) &&
    Number.isSafeInteger(coreSize) &&
    typeof version === 'string' &&
    typeof architecture === 'string' &&
    (state === 'installed' || state === 'config-files')
  );
}

/** The pin that a release is verified against. */
export function releasePin(name: string, pin: HistoryPin): ReleasePin {
  const { version, architecture, core, coreSize, tag, tree, signer, listed } = pin;
  return {
    name,
    version,
    architecture,
    core: { key: core, byteLength: coreSize },
    tag,
    tree,
    signer,
    ...(listed === undefined ? {} : { listed: new Date(listed) }),
  };
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

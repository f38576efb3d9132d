/**
 * The way back: which steps bring a root from its present state to an earlier one, or take one transaction back. Decides; changes nothing.
 *
 * A *wish* says how a package is to be: the pin that the history has of it, or null where it was not there. What the user made is not
 * lost on the way: a package that goes is purged only where nothing but what it shipped itself would go with it.
 */
import { GtpkgError } from '../model/errors.js';
import { joinPath } from '../model/bytes.js';
import { readManifest } from './claims.js';
import { digestOnDisk } from './conffile-decisions.js';
import { CONFFILE_NEW, copiesOf } from './conffiles.js';
import { historyIds, pinOf, readHistoryEntry, stateAfter, type HistoryPin } from './history.js';
import type { TransactionStep } from './plan.js';
import type { OpenRoot } from './root.js';
import type { InstalledPackage, RootStatus } from './status.js';
import { Walk, quietly } from './walk.js';

/** How packages are to be, by name; null: not there. Who is not named stays as it is. */
export type Wishes = ReadonlyMap<string, HistoryPin | null>;

/** One package that changes on the way back. */
export type BackStep =
  | {
      readonly kind: 'install';
      readonly name: string;
      readonly pin: HistoryPin;
      readonly from: InstalledPackage | undefined;
    }
  | {
      readonly kind: 'remove';
      readonly name: string;
      readonly from: InstalledPackage;
      readonly purge: boolean;
    }
  | { readonly kind: 'mark'; readonly name: string; readonly auto: boolean; readonly held: boolean };

/** What backSteps() has to know of the disk. */
export interface BackFacts {
  /** packages that may be purged: nothing of the user's goes with them */
  readonly clean: ReadonlySet<string>;
  /** whether an installed package has this path in its manifest */
  has(name: string, path: string): boolean;
}

/** Every package as it was after transaction `id`; 0: before the first. @throws GtpkgError HISTORY_NOT_FOUND, STATUS_CORRUPT */
export function wishesOfRollback(dir: string, status: RootStatus, id: number): Wishes {
  const then = stateAfter(dir, id);
  return new Map(
    [...new Set([...status.keys(), ...then.keys()])].map((name) => [name, then.get(name) ?? null]),
  );
}

/** Why a change cannot be taken back: a later one stands upon it. */
export interface ChangedSince {
  readonly name: string;
  readonly by: number;
}

/**
 * The packages of transaction `id` as they were before it; what later transactions did to others stays.
 * - what it installed goes, whatever version it has now; what it removed comes back, unless it is there again
 * - what it moved to another release goes back, unless it is gone; one that was moved again since is in `blocked`
 * - marks that it changed are set back
 * @throws GtpkgError HISTORY_NOT_FOUND, STATUS_CORRUPT
 */
export function wishesOfUndo(
  dir: string,
  status: RootStatus,
  id: number,
): { readonly wishes: Wishes; readonly blocked: readonly ChangedSince[] } {
  const wishes = new Map<string, HistoryPin | null>();
  const blocked: ChangedSince[] = [];
  for (const change of readHistoryEntry(dir, id).changes) {
    const { name, from, to } = change;
    const now = status.get(name);
    const was = from?.state === 'installed' ? from : undefined;
    const became = to?.state === 'installed' ? to : undefined;
    if (was === undefined) {
      if (became !== undefined) wishes.set(name, from);
    } else if (now?.state !== 'installed') {
      if (became === undefined) wishes.set(name, was);
    } else if (became !== undefined) {
      const stays = was.core === became.core || now.pin.core.key === was.core;
      if (!stays && now.pin.core.key !== became.core) blocked.push({ name, by: lastChange(dir, name) });
      else wishes.set(name, { ...(stays ? pinOf(now) : was), ...marksBack({ from: was, to: became }, now) });
    }
  }
  return { wishes, blocked };
}

// Marks that the transaction did not touch stay as they are now.
function marksBack(
  { from, to }: { readonly from: HistoryPin; readonly to: HistoryPin },
  now: InstalledPackage,
): Pick<HistoryPin, 'auto' | 'held'> {
  const back = (mark: 'auto' | 'held'): boolean => (from[mark] === to[mark] ? now[mark] : from[mark]);
  return { auto: back('auto'), held: back('held') };
}

// The last transaction that moved the package to another release.
function lastChange(dir: string, name: string): number {
  for (const id of historyIds(dir).reverse()) {
    const changes = readHistoryEntry(dir, id).changes.filter((change) => change.name === name);
    if (changes.some(({ action }) => action !== 'mark')) return id;
  }
  return 0;
}

/** The steps from `status` to what is wished, by name. Pure. */
export function backSteps(status: RootStatus, wishes: Wishes, facts: BackFacts): BackStep[] {
  const steps = [...wishes].flatMap(([name, pin]) => stepOf(name, pin, { now: status.get(name), facts }));
  const moving = new Set(steps.flatMap((step) => (step.kind === 'mark' ? [] : step.name)));
  // what a package that goes, or changes, had taken over from one that stays comes back only with that one's files
  const robbed = [...status.values()].filter(
    ({ name, state, replaced }) =>
      state === 'installed' &&
      !moving.has(name) &&
      replaced.some((path) => [...moving].some((other) => facts.has(other, path))),
  );
  const names = new Set(robbed.map(({ name }) => name));
  return [
    ...steps.filter(({ name }) => !names.has(name)),
    ...robbed.map((from) => ({
      kind: 'install' as const,
      name: from.name,
      pin: wishes.get(from.name) ?? pinOf(from),
      from,
    })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function stepOf(
  name: string,
  pin: HistoryPin | null,
  { now, facts }: { readonly now: InstalledPackage | undefined; readonly facts: BackFacts },
): BackStep[] {
  if (pin?.state === 'installed') {
    if (now?.state !== 'installed' || !isSame(now, pin)) return [{ kind: 'install', name, pin, from: now }];
    const { auto, held } = pin;
    return now.auto === auto && now.held === held ? [] : [{ kind: 'mark', name, auto, held }];
  }
  if (now === undefined) return [];
  const purge = pin === null && facts.clean.has(name);
  return now.state === 'installed' || purge ? [{ kind: 'remove', name, from: now, purge }] : [];
}

/** The same release, taken from the same place. */
function isSame({ pin, source, suite }: InstalledPackage, other: HistoryPin): boolean {
  return pin.core.key === other.core && source === other.source && suite === other.suite;
}

/** A release that comes back, and what the status is to say of it. */
export type Returning = Pick<
  Extract<TransactionStep, { kind: 'install' }>,
  'release' | 'source' | 'suite' | 'via'
>;

/** The steps as a transaction takes them, in their order. */
export function backTransaction(
  steps: readonly BackStep[],
  returning: (step: Extract<BackStep, { kind: 'install' }>) => Returning,
): TransactionStep[] {
  return steps.flatMap((step): TransactionStep[] => {
    const { kind, name } = step;
    if (kind === 'mark') return [{ kind, name, auto: step.auto, held: step.held }];
    if (kind === 'remove') return [{ kind, name, purge: step.purge }];
    const { auto, held } = step.pin;
    return [
      { kind, auto, ...returning(step) },
      { kind: 'mark', name, held },
    ];
  });
}

/** What backSteps() has to know, read from the disk. */
export async function backFacts(
  root: Pick<OpenRoot, 'dir' | 'disk' | 'state' | 'status'>,
  names: Iterable<string>,
  options: { /** the user wants it all gone */ readonly purge: boolean; readonly runsScripts: boolean },
): Promise<BackFacts> {
  const { dir, state } = root;
  const status = root.status();
  const clean = new Set<string>();
  for (const name of names) {
    const pkg = status.get(name);
    if (pkg !== undefined && (options.purge || (await goesClean(root, pkg, options)))) clean.add(name);
  }
  const paths = new Map<string, ReadonlySet<string>>();
  const has = (name: string, path: string): boolean => {
    const pkg = status.get(name);
    if (pkg?.state !== 'installed') return false;
    const known =
      paths.get(name) ?? new Set(readManifest(dir, pkg, state).map((entry) => entry.path as string));
    paths.set(name, known);
    return known.has(path);
  };
  return { clean, has };
}

// A postrm that is called to purge takes away what the package's programs made: databases, users. Nobody asked for that.
async function goesClean(
  { disk, state }: Pick<OpenRoot, 'disk' | 'state'>,
  pkg: InstalledPackage,
  { runsScripts }: { readonly runsScripts: boolean },
): Promise<boolean> {
  if (runsScripts && !pkg.scriptsSkipped && disk.exists(joinPath(state.scripts, `${pkg.name}/postrm`)))
    return false;
  const walk = new Walk((path) => disk.look(path), disk.root === '/');
  for (const { path, sha256 } of pkg.conffiles) {
    const at = quietly(walk, path);
    const found = at === undefined ? 'special' : await digestOnDisk(disk, at);
    if (found !== 'absent' && found !== sha256) return false;
    // a purge takes these too: the user's version of before, what an editor kept
    if (at !== undefined && copiesOf(at).some((copy) => !copy.endsWith(CONFFILE_NEW) && disk.exists(copy)))
      return false;
  }
  return true;
}

/** NO_SOLUTION: what was changed again cannot be taken back alone. */
export function changedSince(id: number, blocked: readonly ChangedSince[]): GtpkgError {
  const [first] = blocked;
  const list = blocked.map(({ name, by }) => `${name} was changed again by transaction ${by}`).join(', ');
  return new GtpkgError('NO_SOLUTION', `transaction ${id} cannot be undone alone: ${list}`, {
    hint: `Undo that first (gtpkg history undo ${first?.by ?? 'ID'}), or go back to before both: gtpkg rollback ${id - 1}.`,
    data: { undo: id, blocked },
  });
}

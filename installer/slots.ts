/**
 * Which package gets which path: incoming ones among each other, then against those that stay. Pure.
 */
import { isSafePath, pathToText, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { parseRelations } from '../model/relation.js';
import type { ExpectedDiversion, Incoming, PlanInput, Slot } from './plan.js';
import { fileConflict, settle, type Contender } from './settle.js';
import type { RootStatus } from './status.js';

/** Hears of each path that a package loses, or does not get. */
export type Lose = (name: string, path: string) => void;

/** Every path of the incoming packages with the one that gets it. @throws GtpkgError FILE_CONFLICT, MANIFEST_MALFORMED */
export function fillSlots(
  incoming: readonly Incoming[],
  { diversions }: Pick<PlanInput, 'diversions'>,
  lose: Lose,
): Map<string, Slot> {
  const slots = new Map<string, Slot>();
  for (const by of incoming) {
    for (const entry of by.release.manifest) {
      if (!isSafePath(entry.path))
        throw new GtpkgError(
          'MANIFEST_MALFORMED',
          `${by.name}: the path ${pathToText(entry.path)} is not safe`,
        );
      const path = entry.type === 'd' ? entry.path : diversions.place(entry.path, by.name);
      const there = slots.get(path);
      const slot: Slot = { path, entry, by };
      if (there === undefined) slots.set(path, slot);
      else slots.set(path, meet(there, slot, lose));
    }
  }
  return slots;
}

// Two incoming packages bring one path.
function meet(one: Slot, other: Slot, lose: Lose): Slot {
  const [a, b] = [one.entry.type, other.entry.type];
  if (a === 'd' && b === 'd') return one;
  if (a === 'l' && b === 'd') return { ...one, directoryOf: other.by.name };
  if (a === 'd' && b === 'l') return { ...other, directoryOf: one.by.name };
  if (a === 'd' || b === 'd')
    throw fileConflict(one.path, other.by.name, one.by.name, 'a directory in one, not in the other');
  const winner = settle(one.by, other.by, one.path);
  const [slot, loser] = winner === one.by ? [one, other] : [other, one];
  lose(loser.by.name, loser.entry.path);
  const directoryOf = one.directoryOf ?? other.directoryOf;
  if (directoryOf === undefined || slot.entry.type !== 'l') {
    if (directoryOf !== undefined)
      throw fileConflict(one.path, slot.by.name, directoryOf, 'a directory in one, not in the other');
    return slot;
  }
  return { ...slot, directoryOf };
}

/** Lets the packages that stay have their say about the slots. @throws GtpkgError FILE_CONFLICT */
export function settleClaims(
  slots: Map<string, Slot>,
  { claims, status, runsScripts }: PlanInput,
  { lose, expect }: { readonly lose: Lose; readonly expect: (expected: ExpectedDiversion) => void },
): void {
  for (const [path, holders] of claims) {
    for (const claim of holders) {
      const slot = slots.get(path);
      if (slot === undefined) break;
      const isDirectory = slot.entry.type === 'd';
      // a conffile that nobody ships any more is anyone's to take over, as a conffile
      if (claim.obsolete === true && isConffile(slot)) continue;
      if (claim.type === 'd') {
        if (isDirectory) continue;
        if (slot.entry.type !== 'l')
          throw fileConflict(path, slot.by.name, claim.name, 'a directory in the other');
        slots.set(path, { ...slot, directoryOf: claim.name });
      } else if (isDirectory) {
        if (claim.type !== 'l') throw fileConflict(path, slot.by.name, claim.name, 'a directory in the one');
        slots.set(path, { ...slot, linkOf: claim.name });
      } else if (runsScripts === true && divertsFirst(slot, contender(status, claim.name))) {
        expect({ slot, other: claim.name, spelled: claim.spelled ?? slot.path });
      } else if (settle(slot.by, contender(status, claim.name), path) === slot.by) {
        lose(claim.name, claim.spelled ?? (path as BytePath));
      } else {
        lose(slot.by.name, slot.entry.path);
        slots.set(path, { ...slot, lostTo: claim.name });
      }
    }
  }
}

/** The path is a conffile of the package that brings it. */
export function isConffile({ by, entry }: Slot): boolean {
  return by.release.conffiles.includes(entry.path);
}

/**
 * A conffile that one incoming package no longer ships is still its own: another one that brings a plain file there must replace it, as with dpkg.
 * @throws GtpkgError FILE_CONFLICT
 */
export function settleDropped(
  slots: ReadonlyMap<string, Slot>,
  incoming: readonly Incoming[],
  { diversions, status }: Pick<PlanInput, 'diversions' | 'status'>,
): void {
  for (const by of incoming) {
    if (by.old?.state !== 'installed') continue;
    for (const { path: spelled } of by.old.conffiles) {
      const path = diversions.place(spelled, by.name);
      const slot = slots.get(path);
      if (slot === undefined || slot.by === by || slot.entry.type === 'd' || isConffile(slot)) continue;
      // Replaces speaks of the version that shipped it: Policy §7.6.1
      const old = contender(status, by.name);
      if (settle(slot.by, old, path) === old) throw fileConflict(path, slot.by.name, by.name);
    }
  }
}

// Its preinst speaks of dpkg-divert, and it declares nothing about the other: whether it made room is seen when it has run.
function divertsFirst({ by }: Slot, other: Contender): boolean {
  const preinst = by.release.scripts.get('preinst');
  if (preinst === undefined || !Buffer.from(preinst).includes('dpkg-divert')) return false;
  return ![...by.replaces].some(({ name }) => name === other.name);
}

/** An installed package as a contender for a path. */
export function contender(status: RootStatus, name: string): Contender {
  const pkg = status.get(name);
  const text = pkg?.fields.get('Replaces') ?? '';
  return { name, version: pkg?.version ?? '0', replaces: parseRelations(text, 'Replaces'), order: 0 };
}

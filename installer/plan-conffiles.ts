/** The conffiles of a plan: those that come, those that go, and what a purge takes with them. Pure. */
import type { BytePath } from '../model/bytes.js';
import type { Sha256 } from '../model/ids.js';
import { copiesOf } from './conffiles.js';
import type { GoneConffile, Incoming, PackageChange, PlanInput, PlannedConffile, Slot } from './plan.js';
import { isConffile } from './slots.js';

/** What a purge takes with a conffile, unless another package has that very path. */
export function copiesOfPurged(
  changes: readonly PackageChange[],
  { status, claims, diversions }: PlanInput,
): BytePath[] {
  const copies = changes.flatMap(({ name, action, from }) =>
    action === 'purge'
      ? (from?.conffiles ?? []).flatMap(({ path }) => copiesOf(diversions.place(path, name)))
      : [],
  );
  if (copies.length === 0) return [];
  const others = new Set<string>(
    [...status.values()].flatMap(({ name, conffiles }) =>
      conffiles.map(({ path }) => diversions.place(path, name)),
    ),
  );
  return copies.filter((path) => !claims.has(path) && !others.has(path));
}

/** Conffiles that come, with what was shipped last; and those that go. */
export function conffilesOf(
  incoming: readonly Incoming[],
  slots: ReadonlyMap<string, Slot>,
  { status, manifests, claims, diversions }: PlanInput,
): { conffiles: PlannedConffile[]; gone: GoneConffile[] } {
  const known = new Map<string, Sha256>();
  for (const pkg of status.values()) for (const { path, sha256 } of pkg.conffiles) known.set(path, sha256);
  const conffiles: PlannedConffile[] = [];
  const gone: GoneConffile[] = [];
  for (const by of incoming) {
    const own = new Map(by.old?.conffiles.map(({ path, sha256 }) => [path as string, sha256]));
    const before = new Map<string, Sha256>();
    // a plain file that became a conffile: what was shipped is known all the same
    if (by.old?.state === 'installed') {
      for (const { path, sha256 } of manifests.get(by.name) ?? [])
        if (sha256 !== undefined) before.set(path, sha256);
    }
    const base = (path: string): Sha256 | undefined => own.get(path) ?? known.get(path) ?? before.get(path);
    for (const text of by.release.conffiles) {
      const slot = slots.get(diversions.place(text as BytePath, by.name));
      if (slot?.by !== by || slot.entry.type !== 'f' || slot.lostTo !== undefined) continue;
      conffiles.push({ path: slot.path, by, entry: slot.entry, base: base(text) });
    }
    for (const text of by.release.goneConffiles) {
      const path = diversions.place(text as BytePath, by.name);
      if (!slots.has(path) && !claims.has(path)) gone.push({ path, by, isTaken: false, base: base(text) });
    }
  }
  // more than dpkg does: what the user wrote there is not lost
  for (const { name, conffiles: all } of status.values()) {
    for (const { path: spelled, sha256 } of all) {
      const path = diversions.place(spelled, name);
      const slot = slots.get(path);
      if (slot === undefined || slot.lostTo !== undefined || isConffile(slot)) continue;
      gone.push({ path, by: slot.by, isTaken: true, base: sha256 });
    }
  }
  return { conffiles, gone };
}

/**
 * Which symbolic links will be there when a transaction is done, so that paths can be followed through them beforehand:
 * those that incoming packages bring are seen, those that go are not. Reads the disk, changes nothing.
 */
import { GtpkgError } from '../model/errors.js';
import type { BytePath } from '../model/bytes.js';
import type { Disk } from './disk.js';
import type { PlanInput, Slot, TransactionPlan } from './plan.js';
import { fileConflict } from './settle.js';
import { ABSENT, DIRECTORY, obstructed, quietly, Walk, type Seen } from './walk.js';

/** The root as it will be, for following paths. */
export interface Foresight {
  readonly walk: Walk;
  /** physical paths where a solid of a leaving package stands and a directory comes */
  readonly transitions: ReadonlySet<BytePath>;
}

export interface ForeseeContext {
  readonly disk: Disk;
  readonly input: PlanInput;
  /** the root as it is */
  readonly now: Walk;
  /** the plan's slots, sorted by path */
  readonly slots: readonly Slot[];
}

// A link may change where another one is; real roots settle in the second round.
const MAX_ROUNDS = 8;

/** @throws GtpkgError FILE_CONFLICT (a link where another package has a directory), ROOT_OBSTRUCTED */
export function foresee(plan: TransactionPlan, { disk, input, now, slots }: ForeseeContext): Foresight {
  const overlay = new Map<string, Seen>();
  const transitions = new Set<BytePath>();
  const going = new Set<string>(plan.removals);
  for (const [path, { entry }] of plan.oldSolids) {
    // a kept package lives behind the link: it stays
    const becomesDirectory = plan.slots.get(path)?.entry.type === 'd' && !input.claims.has(path);
    if (!becomesDirectory && !(going.has(path) && entry?.type === 'l')) continue;
    const at = quietly(now, path);
    const seen = at === undefined ? ABSENT : disk.look(at);
    if (at === undefined || seen.kind === 'absent' || seen.kind === 'dir') continue;
    // a link that the package did not make is the administrator's, and stays
    if (seen.kind === 'link' && (entry?.type !== 'l' || entry.link !== seen.target)) continue;
    overlay.set(at, becomesDirectory ? DIRECTORY : ABSENT);
    if (becomesDirectory) transitions.add(at);
  }
  const links = slots.filter((slot) => slot.entry.type === 'l' && slot.lostTo === undefined);
  for (let round = 0; round <= MAX_ROUNDS; round++) {
    const walk = new Walk((path) => overlay.get(path) ?? disk.look(path), disk.root === '/');
    let changed = false;
    for (const { path, entry } of links) {
      const at = walk.entry(path);
      const known = overlay.get(at);
      if (known?.kind === 'link' && known.target === entry.link) continue;
      overlay.set(at, { kind: 'link', target: entry.link ?? '' });
      changed = true;
    }
    if (changed) continue;
    const incoming = new Set(plan.incoming.map((by) => by.name));
    for (const slot of links) checkDirectory(slot, { disk, walk, incoming });
    return { walk, transitions };
  }
  throw obstructed(links[0]?.path ?? '', 'is one of several links that lead through each other');
}

// One package has a link where another has a directory: the link must lead to a directory.
function checkDirectory(
  slot: Slot,
  { disk, walk, incoming }: { disk: Disk; walk: Walk; incoming: ReadonlySet<string> },
): void {
  const other = slot.directoryOf;
  if (other === undefined) return;
  const seen = disk.look(walk.entry(slot.path));
  const isChanged = seen.kind === 'dir' || (seen.kind === 'link' && seen.target !== slot.entry.link);
  if (isChanged && !incoming.has(other)) {
    throw fileConflict(slot.path, slot.by.name, other, 'a link in one, a directory in the other');
  }
  try {
    walk.directory(slot.path);
  } catch (error) {
    if (!(error instanceof GtpkgError)) throw error;
    throw fileConflict(slot.path, slot.by.name, other, 'a link elsewhere in one, a directory in the other');
  }
}

/**
 * Diversions that scripts of the running transaction made or took back, since it was planned: where its paths lie now.
 *
 * A preinst that diverts another package's file runs when all is staged and before files change. Then the own file comes to the place that was made, what the other package brings in the
 * same transaction comes to the new name, and what goes is looked for there. A package that was expected to make room and did not is a file conflict.
 */
import { joinPath, type BytePath } from '../model/bytes.js';
import type { ComposeContext } from './compose.js';
import { readDiversions } from './diversions.js';
import { fileConflict } from './settle.js';
import type { Placement } from './survey.js';
import { Walk } from './walk.js';

/** What the composer knows. */
export interface LateContext {
  /** the path belongs to the phase that is composed */
  readonly isDue: (one: { readonly path: string }) => boolean;
  /** it is staged inside a directory that comes as a whole */
  readonly inTree: (placement: Placement) => boolean;
  /** a free name in a staging area */
  readonly spare: () => string;
}

/** What is otherwise than planned. */
export interface LateDiversions {
  /** moved by dpkg-divert, to be removed there */
  readonly gone: readonly BytePath[];
  /** where a placement goes now; what was staged inside a tree is taken out of it */
  readonly placement: (planned: Placement) => Placement;
}

/** @throws GtpkgError FILE_CONFLICT, ROOT_OBSTRUCTED; the system's errors */
export function lateDiversions(
  { disk, plan, input, survey }: ComposeContext,
  { isDue, inTree, spare }: LateContext,
): LateDiversions {
  const now = readDiversions(disk);
  for (const { slot, other, spelled } of plan.expected) {
    if (isDue(slot) && now.place(spelled, other) === slot.path)
      throw fileConflict(slot.path, slot.by.name, other);
  }
  if (now.isSame(input.diversions)) return { gone: [], placement: (planned) => planned };
  const walk = new Walk((path) => disk.look(path), disk.root === '/');
  const placement = (planned: Placement): Placement => {
    const { slot, staged, area } = planned;
    const path = now.place(slot.entry.path, slot.by.name);
    if (path === slot.path) return planned;
    const at = walk.entry(path);
    if (!inTree(planned)) return { ...planned, path: at };
    const out = joinPath(area.path, spare());
    disk.rename(staged, out);
    // it was to reach the disk under its other name
    if (slot.entry.type === 'f') disk.fsync(out);
    return { ...planned, path: at, staged: out, inTree: false };
  };
  const taken = new Set(survey.placements.map(({ slot }) => now.place(slot.entry.path, slot.by.name)));
  const gone = now.all.flatMap(({ from, to, by }): BytePath[] => {
    const old = plan.oldSolids.get(from);
    if (old === undefined || old.name === by || input.diversions.from(from)?.to === to) return [];
    return taken.has(to) || !isDue({ path: from }) || !disk.exists(to) ? [] : [to];
  });
  return { gone, placement };
}

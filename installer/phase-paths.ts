/** In which phase (phases.ts) each physical path comes or goes. */
import { parentPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { PhaseOf } from './ground.js';
import type { Slot, TransactionPlan } from './plan.js';
import { type Walk, quietly } from './walk.js';

/**
 * A directory comes with the first thing in it; what goes, goes with its package.
 * @param walks - the root as it is `now`, and as it will be in the `end`
 */
export function phasePaths(
  { phases, slots, oldSolids, removals, gone }: TransactionPlan,
  walks: { readonly now: Walk; readonly end: Walk },
): PhaseOf {
  const found = new Map<string, number>();
  if (phases.size === 0) return () => 0;
  for (const slot of slots.values()) {
    const phase = phases.get(slot.by.name) ?? 0;
    for (let at = physical(walks.end, slot); at !== undefined && at !== ''; at = parentPath(at)) {
      const known = found.get(at);
      if (known !== undefined && known <= phase) break;
      found.set(at, phase);
    }
  }
  for (const path of removals) {
    const at = quietly(walks.now, path);
    const phase = phases.get(oldSolids.get(path)?.name ?? '') ?? 0;
    if (at !== undefined && !found.has(at)) found.set(at, phase);
  }
  for (const { path, by } of gone) {
    const at = quietly(walks.now, path);
    if (at !== undefined && !found.has(at)) found.set(at, phases.get(by.name) ?? 0);
  }
  return (path) => found.get(path) ?? 0;
}

// What is in the way is told by whoever surveys it.
function physical(walk: Walk, { path, entry }: Slot): BytePath | undefined {
  if (entry.type !== 'd') return quietly(walk, path);
  try {
    return walk.directory(path);
  } catch (error) {
    if (error instanceof GtpkgError) return undefined;
    throw error;
  }
}

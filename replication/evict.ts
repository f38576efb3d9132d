/**
 * What a seeder lets go of when it holds more than it may. Pure: facts in, a plan out.
 *
 * First what no index lists any more, then versions that a newer one has superseded, then the rest; among equals first what many other
 * seeders are known to hold, then what nobody has wanted for the longest time. A release that an index lists and that no other seeder is
 * known to hold stays, unless the user said otherwise; the plan names every last known copy, so that nobody loses one unawares.
 */
import type { CoreKey } from '../model/index.js';

/** Why a core is held, the least wanted first. */
export const RANKS = ['unlisted', 'superseded', 'current'] as const;
export type Rank = (typeof RANKS)[number];

/** A core that may go. What must stay is not given. */
export interface Evictable {
  readonly key: CoreKey;
  /** bytes that are here */
  readonly held: number;
  readonly rank: Rank;
  /** other nodes that are known to hold all of it */
  readonly seeders: number;
  /** when it was last wanted, milliseconds since 1970 */
  readonly used: number;
}

/** What goes, in this order. */
export interface Eviction<T extends Evictable = Evictable> {
  readonly free: readonly T[];
  /** those of `free` of which no other seeder is known */
  readonly last: readonly T[];
  /** last known copies that stay although more should go */
  readonly spared: readonly T[];
  /** bytes that should go and cannot */
  readonly short: number;
}

/**
 * @param held - cores that may go
 * @param options - how many bytes must go; whether listed releases may go of which no other seeder is known
 */
export function planEviction<T extends Evictable>(
  held: readonly T[],
  options: { readonly bytes: number; readonly lastCopies: boolean },
): Eviction<T> {
  const free: T[] = [];
  const spared: T[] = [];
  let left = options.bytes;
  for (const each of [...held].sort(leastWanted)) {
    if (left <= 0) break;
    if (each.seeders === 0 && each.rank !== 'unlisted' && !options.lastCopies) {
      spared.push(each);
      continue;
    }
    free.push(each);
    left -= each.held;
  }
  return { free, last: free.filter((each) => each.seeders === 0), spared, short: Math.max(0, left) };
}

function leastWanted(a: Evictable, b: Evictable): number {
  return (
    RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank) ||
    b.seeders - a.seeders ||
    a.used - b.used ||
    (a.key < b.key ? -1 : 1)
  );
}

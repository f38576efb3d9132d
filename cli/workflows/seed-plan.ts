/**
 * What a seeder fetches and what it lets go of, to hold what it is asked to within its limit. Pure: facts in, a plan out.
 *
 * A new version displaces what no index lists any more and what it supersedes, never another current release: those go only
 * when the home holds more than the limit allows already.
 */
import type { CoreKey, CoreRef } from '../../model/index.js';
import { planEviction, type Evictable, type Eviction, type Rank } from '../../replication/evict.js';
import type { Holding } from '../../replication/index.js';
import type { Listed } from './listed.js';

/** Above the limit, so much of it is freed at once: giving disk back costs as much writing as is left. */
const LOW_WATER = 0.95;

export interface SeedFacts {
  /** every release that any source lists */
  readonly listed: readonly Listed[];
  /** those that are to be held here */
  readonly selected: readonly Listed[];
  readonly holdings: readonly Holding[];
  /** connected peers that say they hold it, of what is not here; a core that is missing has none */
  readonly seeders: ReadonlyMap<CoreKey, number>;
  /** what must stay: of indexes kept here, of running commands, of the indexes themselves */
  readonly keep: ReadonlySet<CoreKey>;
  /** bytes; undefined: no limit */
  readonly limit: number | undefined;
  /** listed releases may go of which no other seeder is known */
  readonly lastCopies: boolean;
  /** some index could not be read: what it lists is not known, so nothing counts as unlisted */
  readonly blind: boolean;
}

export interface SeedPlan {
  readonly evict: Eviction;
  readonly fetch: readonly CoreRef[];
  /** selected cores that do not fit */
  readonly leftOut: number;
}

export function planSeeding(facts: SeedFacts): SeedPlan {
  const { holdings, limit } = facts;
  const held = new Map(holdings.map((each) => [each.key, each.held]));
  const missing = unique(facts.selected.flatMap(wantedOf)).filter(
    (each) => (held.get(each.core.key) ?? 0) < each.core.byteLength,
  );
  if (limit === undefined)
    return {
      evict: { free: [], last: [], spared: [], short: 0 },
      fetch: missing.map((each) => each.core),
      leftOut: 0,
    };
  const ranks = ranksOf(facts.listed);
  const evictable = holdings.flatMap((each): Evictable[] => {
    const rank = ranks.get(each.key) ?? 'unlisted';
    if (facts.keep.has(each.key) || (facts.blind && rank === 'unlisted')) return [];
    return [{ key: each.key, held: each.held, rank, seeders: each.seeders, used: each.used }];
  });
  const total = holdings.reduce((sum, each) => sum + each.held, 0);
  const yielding = planEviction(
    evictable.filter((each) => each.rank !== 'current'),
    { bytes: Infinity, lastCopies: facts.lastCopies },
  ).free.reduce((sum, each) => sum + each.held, 0);
  let room = limit * LOW_WATER - (total - yielding);
  const fetch: CoreRef[] = [];
  for (const { core } of missing.sort(mostWanted(facts.seeders))) {
    const bytes = core.byteLength - (held.get(core.key) ?? 0);
    if (bytes > room) continue;
    room -= bytes;
    fetch.push(core);
  }
  const after = total + fetch.reduce((sum, core) => sum + core.byteLength - (held.get(core.key) ?? 0), 0);
  const bytes = after > limit ? after - limit * LOW_WATER : 0;
  return {
    evict: planEviction(evictable, { bytes, lastCopies: facts.lastCopies }),
    fetch,
    leftOut: missing.length - fetch.length,
  };
}

/** A core to be held. */
interface Wanted {
  readonly core: CoreRef;
  readonly name: string;
  /** what helps others to the release, but is none */
  readonly extra: boolean;
  readonly superseded: boolean;
}

/** The release and its deltas. */
export function coresOf({ core, deltas }: Listed): CoreRef[] {
  return [core, ...deltas];
}

function wantedOf(release: Listed): Wanted[] {
  const { name, superseded } = release;
  return coresOf(release).map((core) => ({ core, name, extra: core !== release.core, superseded }));
}

function unique(wanted: readonly Wanted[]): Wanted[] {
  return [...new Map(wanted.map((each) => [each.core.key, each])).values()];
}

function ranksOf(listed: readonly Listed[]): Map<CoreKey, Rank> {
  const ranks = new Map<CoreKey, Rank>();
  for (const release of listed)
    for (const { key } of coresOf(release))
      if (ranks.get(key) !== 'current') ranks.set(key, release.superseded ? 'superseded' : 'current');
  return ranks;
}

/** Current releases first, then old ones, then deltas; in each what few have, but can be had; the name decides the rest. */
function mostWanted(seeders: ReadonlyMap<CoreKey, number>): (a: Wanted, b: Wanted) => number {
  const rarity = ({ core }: Wanted): number => seeders.get(core.key) || Infinity;
  return (a, b) =>
    Number(a.extra) - Number(b.extra) ||
    Number(a.superseded) - Number(b.superseded) ||
    (rarity(a) === rarity(b) ? 0 : rarity(a) - rarity(b)) ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

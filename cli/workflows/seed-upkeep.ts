/**
 * What a running seeder does by itself, again and again: follow its sources, hold what it is asked to, let go of what is too much. Nothing
 * here ends the seeder: who can't reach anybody goes on serving what there is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { GtpkgError, type CoreKey, type CoreRef } from '../../model/index.js';
import type { Depot, DepotService } from '../../replication/index.js';
import type { Context } from '../context.js';
import { listIndexes, listSources, type Source } from '../places.js';
import { count, size } from '../render/table.js';
import { indexRepository } from './own-index.js';
import { Listings, selects, type Listed, type Selection } from './listed.js';
import { coresOfHistory } from './roots.js';
import { coresOf, planSeeding, type SeedPlan } from './seed-plan.js';
import { updateSources } from './sources.js';

/** What a seeder is to hold. */
export interface SeedPolicy {
  /** index cores of the sources that it serves: a source may get another name meanwhile */
  readonly serves: ReadonlySet<CoreKey>;
  /** undefined: what other commands fetch, and nothing by itself */
  readonly hold: Selection | undefined;
  /** bytes */
  readonly limit: number | undefined;
  readonly lastCopies: boolean;
  /** of so many last transactions of each root of this home, what going back needs stays */
  readonly history: number;
}

/** Pauses between two rounds, the last one again and again: at the start peers come in, and say what they hold. */
const PAUSES = [2_000, 5_000, 15_000, 60_000] as const;
/** Cores fetched together: between two such lots the limit is looked at again. */
const LOT = 256;
/** Cores freed before it is asked again which are in use. */
const FREED_TOGETHER = 32;
/** Releases named in a warning. */
const NAMED = 5;

export class Upkeep {
  readonly #context: Context;
  readonly #policy: SeedPolicy;
  readonly #listings: Listings;
  readonly #signal: AbortSignal;
  #told = new Map<string, string>();

  constructor(context: Context, policy: SeedPolicy, signal: AbortSignal) {
    this.#context = context;
    this.#policy = policy;
    this.#listings = new Listings(context);
    this.#signal = signal;
  }

  /** Goes on until the signal. */
  async run(depot: Depot, service: DepotService): Promise<void> {
    for (let round = 0; !this.#signal.aborted; round++) {
      try {
        await this.#round(depot, service);
        this.#told.delete('failure');
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!(error instanceof GtpkgError)) throw error;
        this.#tell('failure', `Not everything could be fetched yet (${error.code}): ${error.message}`);
      }
      const pause = PAUSES[Math.min(round, PAUSES.length - 1)];
      await sleep(pause, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #round(depot: Depot, service: DepotService): Promise<void> {
    const { offline } = this.#context.settings;
    const { hold, limit } = this.#policy;
    const sources = await this.#sources();
    const failures: GtpkgError[] = [];
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof GtpkgError) || this.#signal.aborted) throw error;
        failures.push(error);
      }
    };
    if (hold !== undefined && !offline)
      await attempt(() =>
        updateSources(
          this.#context,
          sources.map((source) => source.name),
        ),
      );
    const indexes = await this.#indexCores(depot);
    if (!offline) await attempt(() => depot.fetch(indexes.cores, { signal: this.#signal }));
    if (hold !== undefined || limit !== undefined) await attempt(() => this.#hold(depot, service, indexes));
    if (failures[0] !== undefined) throw failures[0];
  }

  async #sources(): Promise<Source[]> {
    const { serves } = this.#policy;
    return (await listSources(this.#context)).filter(({ introduction }) =>
      serves.has(introduction.indexCore),
    );
  }

  /** What a new client needs of an index beside its log; one that only followed along has never fetched all of it. */
  async #indexCores(depot: Depot): Promise<{ cores: CoreRef[]; blind: boolean }> {
    const { liveCores } = await import('../../index-repo/index.js');
    let blind = false;
    const [sources, indexes] = [await listSources(this.#context), await listIndexes(this.#context)];
    const cores = (await Promise.all([...sources, ...indexes].map(contentsCores))).flat();
    const keys = [
      ...sources.map((source) => source.introduction.indexCore),
      ...indexes.map((index) => index.indexCore),
    ];
    for (const key of new Set(keys)) {
      const log = await depot.openLog(key);
      try {
        if (log.length > 1) cores.push(...(await liveCores(log)));
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        blind = true;
      } finally {
        await log.close();
      }
    }
    return { cores, blind };
  }

  async #hold(
    depot: Depot,
    service: DepotService,
    indexes: { cores: readonly CoreRef[]; blind: boolean },
  ): Promise<void> {
    const { hold, limit, lastCopies } = this.#policy;
    const names = new Set((await this.#sources()).map((source) => source.name));
    const listed = await this.#listings.sources();
    const selected =
      hold === undefined ? [] : listed.filter((each) => names.has(each.source)).filter(selects(hold));
    const plan = async (): Promise<SeedPlan> => {
      const holdings = await depot.holdings();
      const here = new Set(holdings.map((each) => each.key));
      const missing = [...new Set(selected.flatMap(coresOf).map((core) => core.key))].filter(
        (key) => !here.has(key),
      );
      const counts = await depot.seeders(missing);
      const own = await this.#listings.own();
      const stays = [
        ...own.flatMap(coresOf).map((core) => core.key),
        ...indexes.cores.map((ref) => ref.key),
        ...(await coresOfHistory(this.#context, this.#policy.history)),
      ];
      return planSeeding({
        listed,
        selected,
        holdings,
        seeders: new Map(missing.map((key, i) => [key, counts[i] ?? 0])),
        keep: new Set([...stays, ...service.inUse()]),
        limit,
        lastCopies,
        blind: indexes.blind,
      });
    };
    for (let fetched = 0; !this.#signal.aborted; fetched += LOT) {
      const { evict, fetch, leftOut } = await plan();
      await this.#evict(depot, service, { listed, ...evict });
      this.#tellRoom(leftOut, evict);
      if (fetch.length === 0 || this.#context.settings.offline) break;
      await this.#fetch(depot, fetch.slice(0, LOT), { done: fetched, all: fetched + fetch.length });
      if (fetch.length <= LOT && leftOut === 0)
        this.#context.report({ kind: 'note', text: `All ${count(selected.length, 'release')} held.` });
    }
  }

  async #fetch(
    depot: Depot,
    lot: readonly CoreRef[],
    { done: before, all }: { done: number; all: number },
  ): Promise<void> {
    const { report } = this.#context;
    const note = all > lot.length ? `release ${before + 1} of ${all}` : '';
    report({ kind: 'start', id: 'fetch', label: 'Fetching', unit: 'bytes' });
    try {
      await depot.fetch(lot, {
        signal: this.#signal,
        onProgress: ({ done, total }) => report({ kind: 'advance', id: 'fetch', done, total, note }),
      });
    } finally {
      report({ kind: 'end', id: 'fetch' });
    }
  }

  async #evict(
    depot: Depot,
    service: DepotService,
    { listed, free, last }: SeedPlan['evict'] & { listed: readonly Listed[] },
  ): Promise<void> {
    if (free.length === 0) return;
    if (last.length > 0)
      this.#context.report({
        kind: 'warning',
        text: `No other seeder is known of ${count(last.length, 'release')} that goes now: ${nameThem(last, listed)}`,
      });
    let freed = 0;
    for (let start = 0; start < free.length && !this.#signal.aborted; start += FREED_TOGETHER) {
      const keys = free.slice(start, start + FREED_TOGETHER).map((each) => each.key);
      const used = service.inUse(); // a command may have come meanwhile
      freed += await depot.free(keys.filter((key) => !used.has(key)));
    }
    if (freed === 0) return;
    const { limit = Infinity } = this.#policy;
    if ((await depot.status()).diskBytes > limit) await depot.reclaim(limit);
    this.#context.report({
      kind: 'note',
      text: `Over the limit: ${count(free.length, 'core')} freed, ${size(freed)}.`,
    });
  }

  #tellRoom(leftOut: number, { spared, short }: SeedPlan['evict']): void {
    const { limit = 0 } = this.#policy;
    const text = [
      ...(short > 0
        ? [
            `The limit of ${size(limit)} is exceeded by ${size(short)}`,
            ...(spared.length > 0
              ? [
                  `: no other seeder is known of ${count(spared.length, 'release')} that would have to go; --drop-last-copies lets them`,
                ]
              : ['; the rest is needed here']),
          ]
        : leftOut > 0
          ? [`${count(leftOut, 'core')} asked for would exceed the limit of ${size(limit)}`]
          : []),
    ].join('');
    if (text === '') this.#told.delete('room');
    else this.#tell('room', `${text}.`);
  }

  // Once, until it changes.
  #tell(topic: string, text: string): void {
    if (this.#told.get(topic) === text) return;
    this.#told.set(topic, text);
    this.#context.report({ kind: 'warning', text });
  }
}

function nameThem(cores: readonly { readonly key: CoreKey }[], listed: readonly Listed[]): string {
  const known = new Map(listed.map((each) => [each.core.key, `${each.name} ${each.version}`]));
  const names = cores.slice(0, NAMED).map(({ key }) => known.get(key) ?? `${key.slice(0, 12)} (in no index)`);
  return `${names.join(', ')}${cores.length > NAMED ? ', …' : ''}`;
}

// What tells of paths: who asks should find it where the index is. Nothing while an index was never fetched.
async function contentsCores(index: { readonly directory: string }): Promise<CoreRef[]> {
  const { contentsOf } = await import('../../index-repo/index.js');
  try {
    const places = await contentsOf(indexRepository(index));
    return places.flatMap(({ segments }) => segments.map(({ core }) => core));
  } catch (error) {
    if (error instanceof GtpkgError) return [];
    throw error;
  }
}

/**
 * Seeding: this process owns the store, serves what it holds, and lets other commands of the home work through it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPeerAddress, GtpkgError, parseAddress, type Address } from '../../model/index.js';
import type { Depot, DepotService } from '../../replication/index.js';
import type { Context } from '../context.js';
import { startMetrics } from '../metrics.js';
import { coresOf, getSource, listIndexes, listSources } from '../places.js';
import { untilStopped } from '../stop.js';
import { Upkeep, type SeedPolicy } from './seed-upkeep.js';

/** What the command line says. */
export interface SeedOptions extends Omit<SeedPolicy, 'serves'> {
  /** names; all when there are none */
  readonly sources: readonly string[];
  readonly listen: string | undefined;
  /** bytes a second */
  readonly up: number | undefined;
  readonly down: number | undefined;
  readonly connections: number | undefined;
  /** where figures are to be had over HTTP */
  readonly metrics: string | undefined;
}

/** What a finished seeder tells. */
export interface Seeding {
  readonly address: string | null;
  readonly metrics: string | null;
  readonly sources: readonly string[];
  readonly indexes: readonly string[];
  readonly seconds: number;
}

/** How often a seeder whose store broke looks whether it can go on. */
const RETRY = 2_000;
/** Room that a store needs to be opened and written. */
const ROOM = 100 * 1024 * 1024;

/** Port 0 asks the system for a free one. @throws GtpkgError BAD_ADDRESS */
export function parseListen(text: string): Address {
  return text.endsWith(':0') ? { ...parseAddress(`${text.slice(0, -1)}1`), port: 0 } : parseAddress(text);
}

/** Serves until stopped. @throws GtpkgError HOME_BUSY, SOURCE_NOT_FOUND, ADDRESS_IN_USE, BAD_ADDRESS */
export async function seed(context: Context, options: SeedOptions): Promise<Seeding> {
  const started = Date.now();
  const ending = new AbortController();
  const run = new Run(context, options, ending.signal);
  const stopped = untilStopped().then(() => ending.abort());
  try {
    await run.start();
    for (;;) {
      const broken = await Promise.race([stopped.then(() => false), run.broken.then(() => true), run.failed]);
      if (!broken) break;
      await run.recover();
    }
    return { ...run.told, seconds: Math.round((Date.now() - started) / 1000) };
  } finally {
    ending.abort();
    await run.close();
  }
}

/** One life of a seeder, over which its store may be opened more than once. */
class Run {
  readonly #context: Context;
  readonly #options: SeedOptions;
  readonly #signal: AbortSignal;
  readonly #started = Date.now();
  #depot: Depot | undefined;
  #service: DepotService | undefined;
  #metrics: { readonly address: string; close(): Promise<void> } | undefined;
  #round = new AbortController();
  #upkeep: Promise<void> = Promise.resolve();
  /** resolves when the store can't be written any more */
  broken: Promise<void> = new Promise(() => undefined);
  /** rejects on what nobody expected */
  failed: Promise<never> = new Promise(() => undefined);
  told: Omit<Seeding, 'seconds'> = { address: null, metrics: null, sources: [], indexes: [] };

  constructor(context: Context, options: SeedOptions, signal: AbortSignal) {
    this.#context = context;
    this.#options = options;
    this.#signal = signal;
  }

  async start(): Promise<void> {
    const { listen, metrics } = this.#options;
    const address = await this.#open(listen === undefined ? undefined : parseListen(listen));
    if (metrics !== undefined)
      this.#metrics = await startMetrics(this.#context, parseListen(metrics), {
        depot: () => this.#depot,
        limit: this.#options.limit,
      });
    this.told = { ...this.told, address, metrics: this.#metrics?.address ?? null };
    if (this.#context.settings.json) process.stdout.write(`${JSON.stringify(this.told)}\n`);
    else this.#announce();
  }

  /** After a full disk RocksDB writes no more, however much room there is again; a store that is opened anew does. */
  async recover(): Promise<void> {
    const { report, settings } = this.#context;
    const address = (await this.#depot?.status().catch(() => undefined))?.listening;
    report({ kind: 'warning', text: 'The store could not be written; it is closed until it can be again.' });
    await this.#shut();
    const { freeBytes } = await import('../../replication/disk.js');
    while (!this.#signal.aborted) {
      await sleep(RETRY, undefined, { signal: this.#signal }).catch(() => undefined);
      if (this.#signal.aborted || ((await freeBytes(settings.home)) ?? Infinity) < ROOM) continue;
      try {
        await this.#open(address);
        report({ kind: 'note', text: 'The store is open again.' });
        return;
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#metrics?.close();
    await this.#shut();
  }

  /** Opens the store and serves it. Gives the address for direct dials. */
  async #open(listen: Address | undefined): Promise<string | null> {
    const { serveDepot } = await import('../../replication/index.js');
    const context = this.#context;
    const names = this.#options.sources;
    const sources =
      names.length === 0
        ? await listSources(context)
        : await Promise.all(names.map((name) => getSource(context, name)));
    const indexes = await listIndexes(context);
    let broke: () => void = () => undefined;
    this.broken = new Promise((resolve) => (broke = resolve));
    const depot = (this.#depot = await context.depot({
      server: true,
      own: true,
      onBroken: broke,
      upRate: this.#options.up,
      downRate: this.#options.down,
      maxConnections: this.#options.connections,
      ...(listen === undefined ? {} : { listen }),
    }));
    this.#service = await serveDepot(depot, context.settings.home, {
      limit: this.#options.limit,
      started: this.#started,
    });
    await depot.join([...sources.flatMap(coresOf), ...indexes.flatMap(coresOf)]);
    const { listening } = await depot.status();
    this.told = {
      ...this.told,
      sources: sources.map((source) => source.name),
      indexes: indexes.map((index) => index.name),
    };
    this.#round = new AbortController();
    const upkeep = new Upkeep(
      context,
      { ...this.#options, serves: new Set(sources.map((source) => source.introduction.indexCore)) },
      AbortSignal.any([this.#signal, this.#round.signal]),
    );
    this.#upkeep = upkeep.run(depot, this.#service);
    this.failed = this.#upkeep.then(() => new Promise(() => undefined));
    this.failed.catch(() => undefined); // it is watched, and thrown again by #shut
    return listening === undefined ? null : formatPeerAddress(listening);
  }

  async #shut(): Promise<void> {
    this.#round.abort();
    await this.#service?.close();
    await this.#depot?.close();
    this.#service = this.#depot = undefined;
    await this.#upkeep; // while the context still has its depot, though a closed one
    await this.#context.close();
  }

  #announce(): void {
    const { address, metrics, sources, indexes } = this.told;
    const names = [...sources, ...indexes.map((name) => `${name} (kept here)`)];
    const note = (text: string): void => this.#context.report({ kind: 'note', text });
    note(
      names.length === 0
        ? 'Seeding what this home holds; ^C stops.'
        : `Seeding ${names.join(', ')}; ^C stops.`,
    );
    if (address !== null) note(`Others dial this node directly with: gtpkg peer add ${address}`);
    if (metrics === null) return;
    note(`Figures for Prometheus: ${metrics}`);
    if (!/^http:\/\/(127\.|localhost:)/.test(metrics))
      this.#context.report({ kind: 'warning', text: 'Whoever can reach that address can read them.' });
  }
}

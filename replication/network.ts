/**
 * The network of one depot: started by the first thing that needs it, once, and with it what goes over it beside cores.
 */
import type Corestore from 'corestore';
import type { KeyPair } from 'hypercore';
import { Buckets } from './buckets.js';
import type { OpenOptions } from './contract.js';
import { aborted } from './failure.js';
import type { Holdings } from './holdings.js';
import { Notices } from './notices.js';
import type { PeerBook } from './peers.js';
import type { Statistics } from './status.js';
import type { Swarm } from './swarm.js';

// The DHT's and the swarm's modules are half of the stack: a command that needs no peer does not load them.
async function loadSwarm(): Promise<typeof Swarm.start> {
  const { Swarm: Loaded } = await import('./swarm.js');
  return (options) => Loaded.start(options);
}

/** Begins to load what a network takes; returns at once. */
export function preloadNetwork(): void {
  void loadSwarm().catch(() => undefined);
}

/** What a network serves, and who hears of it. */
export interface NetworkContext {
  readonly options: OpenOptions;
  readonly store: Corestore;
  readonly keyPair: KeyPair;
  readonly book: PeerBook;
  readonly holdings: Holdings;
  readonly statistics: Statistics;
  /** announces, and is remembered by others */
  readonly serves: boolean;
  /** aborted when the depot is closed */
  readonly signal: AbortSignal;
}

export class Network {
  readonly #context: NetworkContext;
  #starting: Promise<Swarm> | undefined;
  #swarm: Swarm | undefined;
  #buckets: Buckets | undefined;
  #still: Notices | undefined;

  constructor(context: NetworkContext) {
    this.#context = context;
  }

  /** Where it has started. */
  get swarm(): Swarm | undefined {
    return this.#swarm;
  }

  /** Where it has started. */
  get buckets(): Buckets | undefined {
    return this.#buckets;
  }

  /** Where it has started, or is about to. */
  get starting(): Promise<Swarm> | undefined {
    return this.#starting;
  }

  /** Starts it if nobody has. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS, what a closed depot throws */
  start(): Promise<Swarm> {
    const { signal } = this.#context;
    if (signal.aborted) return Promise.reject(aborted(signal));
    if (this.#starting !== undefined) return this.#starting;
    const starting = this.#make();
    this.#starting = starting;
    starting.then(
      (swarm) => this.#started(swarm),
      () => (this.#starting = undefined),
    );
    return starting;
  }

  /** Undefined where nobody judges them. Without a network they are only kept, until somebody who has one tells of them. */
  async notices(): Promise<Notices | undefined> {
    const { home, judge, offline } = this.#context.options;
    if (judge === undefined) return undefined;
    if (offline !== true) return (await this.start()).notices;
    return (this.#still ??= new Notices({
      home,
      judge,
      talks: { on: () => undefined },
      links: () => [],
      coreOf: () => undefined,
    }));
  }

  /** Says farewell to whoever is there. Nothing starts any more when the signal is aborted. */
  async close(): Promise<void> {
    const swarm = await this.#starting?.catch(() => undefined);
    this.#buckets?.close().catch(() => undefined); // as far as the swarm's own farewell leaves time
    await swarm?.close();
  }

  async #make(): Promise<Swarm> {
    const { options, store, keyPair, book, serves } = this.#context;
    const { home, judge, bootstrap, listen, lan, upRate, downRate, maxConnections, tcp } = options;
    const start = await loadSwarm();
    return start({
      store,
      keyPair,
      book,
      home,
      judge,
      bootstrap,
      listen,
      server: serves,
      lan: lan === true,
      upRate,
      downRate,
      maxConnections,
      tcp,
    });
  }

  #started(swarm: Swarm): void {
    const { statistics, holdings, serves } = this.#context;
    this.#swarm = swarm;
    statistics.watch(swarm);
    holdings.holds.watch(swarm);
    this.#buckets = new Buckets({
      join: (topic, announce) => swarm.topic(topic, announce),
      answering: () => swarm.dht === 'answering',
      rare: () => holdings.rare(),
      serves,
    });
  }
}

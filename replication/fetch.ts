/**
 * Brings static cores into the store, many at once, from every peer that has blocks.
 *
 * In: references (key and size) from a verified index. Out: all blocks held, or one error that says what is missing.
 * Blocks that are held are never asked for again; a core counts as done when its blocks are here, never because a
 * download "finished". Every wait ends: without a peer after the connect time, without a block after the time-out.
 * A peer that owes blocks and sends nothing is cut off, one that sends corrupt blocks too, so they cost only themselves.
 */
import { statfs } from 'node:fs/promises';
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import type { Connection, Download } from 'hypercore';
import { decodeCoreKey, GtpkgError, limits, type CoreKey, type CoreRef } from '../model/index.js';
import type { FetchOptions } from './contract.js';
import { aborted, storeFailure } from './failure.js';
import { blockCount, blockLength } from './merkle.js';
import { checkShape } from './static-core.js';
import type { Swarm } from './swarm.js';

const TICK = 250;
/** A core that got nothing for this long gives its place to another, and is asked for again. */
const PATIENCE = 3000;
/** Without a block for this long, the DHT is asked for other peers. */
const LOOK_AGAIN = 1500;
/** A peer that owes us blocks and sent less than STALL_BYTES for this long is cut off. */
const STALL = 8000;
const STALL_BYTES = 1024;
/** Slow links: bytes on the wire count as life, but only this many time-outs long without one whole block. */
const ALIVE_BYTES = 32 * 1024;
const ALIVE_LIMIT = 10;
/** Cores and ranges named in an error. */
const NAMED = 20;

export interface FetchContext {
  readonly store: Corestore;
  readonly swarm: Swarm;
  /** directory of the store, to see whether its disk is full */
  readonly home: string;
  readonly timeout: number;
  /** bytes of the asked cores that are here already */
  readonly held: number;
}

/** How long to look for a first peer when the whole patience is `timeout`. */
export function connectTime(timeout: number): number {
  return timeout > limits.TIMEOUT.idle
    ? Math.max(limits.TIMEOUT.connect, timeout / 2)
    : Math.min(timeout, limits.TIMEOUT.connect);
}

/** @throws GtpkgError NO_PEER, BLOCKS_MISSING, PEER_CORRUPT, CORE_MISMATCH, NO_SPACE, TIMEOUT, as Depot.fetch says */
export function fetchCores(
  context: FetchContext,
  refs: readonly CoreRef[],
  options: FetchOptions,
): Promise<void> {
  return new FetchRun(context, refs, options).run();
}

class FetchRun {
  readonly #context: FetchContext;
  readonly #options: FetchOptions;
  readonly #timeout: number;
  readonly #waiting: CoreRef[];
  readonly #jobs = new Map<CoreKey, Job>();
  readonly #corrupt = new Set<CoreKey>();
  readonly #owing = new Map<Connection, { bytes: number; since: number }>();
  readonly #started = performance.now();
  readonly #total: number;
  #done = 0;
  #lastBlock = performance.now();
  #lastLife = performance.now();
  #lifeBytes: number;
  #opening = 0;
  #ended = false;
  #finish: (error?: unknown) => void = () => undefined;

  constructor(context: FetchContext, refs: readonly CoreRef[], options: FetchOptions) {
    this.#context = context;
    this.#options = options;
    this.#timeout = options.timeout ?? context.timeout;
    this.#waiting = [...refs].reverse();
    this.#total = refs.reduce((sum, ref) => sum + ref.byteLength, 0);
    this.#lifeBytes = context.swarm.traffic.bytesIn;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    await this.#checkSpace();
    if (signal?.aborted) throw aborted(signal);
    const end = new Promise<void>((resolve, reject) => {
      this.#finish = (error) => {
        if (this.#ended) return;
        this.#ended = true;
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error(String(error)));
      };
    });
    const onAbort = (): void => this.#finish(aborted(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    const ticker = setInterval(() => this.#tick(), TICK);
    try {
      this.#pump();
      await end;
      this.#report();
    } finally {
      clearInterval(ticker);
      signal?.removeEventListener('abort', onAbort);
      await Promise.allSettled([...this.#jobs.values()].map((job) => job.close()));
    }
  }

  /** Opens as many cores as there are places. A core without blocks for a while does not hold a place. */
  #pump(): void {
    if (this.#ended) return;
    const now = performance.now();
    let running = this.#opening;
    for (const job of this.#jobs.values()) if (now - job.lastBlock < PATIENCE) running++;
    while (
      running < limits.MAX_PARALLEL_FETCHES &&
      this.#jobs.size + this.#opening < limits.MAX_WAITING_FETCHES
    ) {
      const ref = this.#waiting.pop();
      if (ref === undefined) break;
      running++;
      void this.#start(ref);
    }
    if (this.#waiting.length === 0 && this.#jobs.size === 0 && this.#opening === 0) this.#finish();
  }

  async #start(ref: CoreRef): Promise<void> {
    this.#opening++;
    let job: Job;
    try {
      job = await Job.open(this.#context.store, ref, {
        block: (bytes) => {
          this.#done += bytes;
          this.#lastBlock = this.#lastLife = performance.now();
        },
        corrupt: (connection, response) => {
          this.#corrupt.add(ref.key);
          this.#context.swarm.strike(connection, response);
        },
      });
    } catch (cause) {
      this.#opening--;
      this.#finish(storeFailure(cause));
      return;
    }
    this.#opening--;
    if (this.#ended) {
      await job.close();
      return;
    }
    this.#done += job.heldAtStart;
    this.#jobs.set(ref.key, job);
    try {
      await job.finished();
      this.#corrupt.delete(ref.key);
    } catch (cause) {
      this.#finish(cause);
    }
    if (this.#ended) return; // run() closes it
    this.#jobs.delete(ref.key);
    await job.close();
    this.#pump();
  }

  #tick(): void {
    if (this.#ended) return;
    const now = performance.now();
    for (const job of this.#jobs.values()) {
      if (now >= job.askAgain) {
        job.askAgain = now + Math.max(PATIENCE, (now - job.lastBlock) / 2);
        if (now - job.lastBlock >= PATIENCE) this.#context.swarm.ask(job.core);
      }
    }
    this.#cutStalled(now);
    const { bytesIn } = this.#context.swarm.traffic;
    if (bytesIn - this.#lifeBytes >= ALIVE_BYTES) {
      this.#lifeBytes = bytesIn;
      if (now - this.#lastBlock < ALIVE_LIMIT * this.#timeout) this.#lastLife = now;
    }
    this.#report();
    const { swarm } = this.#context;
    if (now - this.#lastBlock >= LOOK_AGAIN) swarm.seek();
    const lonely =
      swarm.links.size === 0 && now - Math.max(swarm.alone, this.#started) >= connectTime(this.#timeout);
    if (lonely || now - this.#lastLife >= this.#timeout) void this.#giveUp();
    else this.#pump();
  }

  #report(): void {
    try {
      this.#options.onProgress?.({
        done: this.#done,
        total: this.#total,
        peers: this.#context.swarm.links.size,
      });
    } catch {
      // drawing must not stop the download
    }
  }

  #cutStalled(now: number): void {
    const owing = new Map<Connection, number>();
    for (const job of this.#jobs.values()) {
      for (const peer of job.core.peers)
        owing.set(peer.stream, (owing.get(peer.stream) ?? 0) + peer.inflight);
    }
    for (const [connection, blocks] of owing) {
      const mark = this.#owing.get(connection);
      if (mark === undefined || blocks === 0 || connection.rawBytesRead - mark.bytes >= STALL_BYTES) {
        this.#owing.set(connection, { bytes: connection.rawBytesRead, since: now });
      } else if (now - mark.since >= Math.min(STALL, this.#timeout / 2)) {
        this.#owing.delete(connection);
        connection.destroy();
      }
    }
  }

  /** Better no download than one that fills the disk. */
  async #checkSpace(): Promise<void> {
    const available = await freeBytes(this.#context.home);
    const needed = this.#total - this.#context.held;
    if (available === undefined || available >= needed) return;
    throw new GtpkgError(
      'NO_SPACE',
      `${needed} bytes are to be fetched and the disk has room for ${available}`,
      {
        hint: 'Free some space, or choose another --home.',
        data: { needed, available },
      },
    );
  }

  async #giveUp(): Promise<void> {
    const { swarm, home } = this.#context;
    const unfinished = [...this.#jobs.values()].map((job) => job.missing());
    const missing = [
      ...unfinished,
      ...this.#waiting.map((ref) => ({
        core: ref.key,
        blocks: [[0, blockCount(ref.byteLength)]],
        count: blockCount(ref.byteLength),
      })),
    ];
    const blocks = missing.reduce((sum, core) => sum + core.count, 0);
    const what = `${blocks} block${blocks === 1 ? '' : 's'} of ${missing.length} core${missing.length === 1 ? '' : 's'}`;
    const data = {
      missing: missing.slice(0, NAMED),
      blocks,
      cores: missing.length,
      peers: swarm.links.size,
      dht: swarm.dht,
    };
    const kept = 'What was fetched is kept.';
    if (((await freeBytes(home)) ?? Infinity) < 2 * limits.RELEASE_CHUNK) {
      this.#finish(
        new GtpkgError('NO_SPACE', 'the disk that holds the store is full', {
          hint: `Free some space and try again. ${kept}`,
          data,
        }),
      );
    } else if (this.#corrupt.size > 0) {
      this.#finish(
        new GtpkgError('PEER_CORRUPT', `peers sent corrupt blocks, and no other peer has ${what}`, {
          hint: `They are refused from now on; try again when other peers are there. ${kept}`,
          data,
        }),
      );
    } else if (swarm.connected === 0) {
      this.#finish(noPeer(swarm, data));
    } else {
      this.#finish(
        new GtpkgError('BLOCKS_MISSING', `no connected peer has ${what}`, {
          hint: `Try again when more peers are there, or name one with gtpkg peer add. ${kept}`,
          data,
        }),
      );
    }
  }
}

/** No connection came about. */
export function noPeer(swarm: Swarm, data: Record<string, unknown> = {}): GtpkgError {
  const silent = swarm.dht === 'silent';
  return new GtpkgError(
    'NO_PEER',
    silent ? 'no peer could be reached, and no DHT node answered' : 'no peer could be reached',
    {
      hint: silent
        ? 'Check the network and --bootstrap, or name a peer with gtpkg peer add KEY@HOST:PORT.'
        : 'Try again when a seeder is running, or name a peer with gtpkg peer add KEY@HOST:PORT.',
      data: { dht: swarm.dht, ...data },
    },
  );
}

async function freeBytes(directory: string): Promise<number | undefined> {
  const found = await statfs(directory).catch(() => undefined);
  return found === undefined ? undefined : found.bavail * found.bsize;
}

interface JobEvents {
  block(bytes: number): void;
  corrupt(connection: Connection, response: unknown): void;
}

/** One core on its way. */
class Job {
  readonly core: Hypercore;
  readonly heldAtStart: number;
  readonly #ref: CoreRef;
  readonly #has: Uint8Array;
  readonly #download: Download;
  lastBlock = performance.now();
  askAgain = performance.now() + PATIENCE;

  private constructor(core: Hypercore, ref: CoreRef, events: JobEvents, has: Uint8Array) {
    this.core = core;
    this.#ref = ref;
    this.#has = has;
    this.heldAtStart = has.reduce(
      (sum, held, index) => sum + (held === 1 ? blockLength(ref.byteLength, index) : 0),
      0,
    );
    core.on('download', (index) => {
      if (index >= has.length || has[index] === 1) return;
      has[index] = 1;
      this.lastBlock = performance.now();
      events.block(blockLength(ref.byteLength, index));
    });
    core.on('verification-error', (error, _request, response, from) => {
      // INVALID_OPERATION also happens between honest peers, when a tree grew meanwhile
      if (error.code !== 'INVALID_OPERATION') events.corrupt(from.stream, response);
    });
    this.#download = core.download({ start: 0, end: has.length });
  }

  static async open(store: Corestore, ref: CoreRef, events: JobEvents): Promise<Job> {
    const core = store.get({ key: decodeCoreKey(ref.key) });
    await core.ready();
    try {
      if (core.length > 0) checkShape(core, ref);
      const has = new Uint8Array(blockCount(ref.byteLength));
      for (let index = 0; index < has.length; index++) {
        if (index < core.contiguousLength || (await core.has(index))) has[index] = 1;
      }
      return new Job(core, ref, events, has);
    } catch (cause) {
      await core.close();
      throw cause;
    }
  }

  /** Resolves when the blocks are here, whatever the download says. @throws GtpkgError CORE_MISMATCH, INTERNAL */
  async finished(): Promise<void> {
    const grown = new Promise<never>((_resolve, reject) => {
      this.core.on('append', () => {
        try {
          checkShape(this.core, this.#ref);
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
    await Promise.race([this.#download.done(), grown]);
    if (this.core.closing !== null) return;
    checkShape(this.core, this.#ref);
    if (await this.core.has(0, this.#has.length)) return;
    throw new GtpkgError('INTERNAL', `the download of core ${this.#ref.key} ended without all its blocks`);
  }

  /** Ranges `[first, beyond the last]` that are not here, the first NAMED of them. */
  missing(): { core: CoreKey; blocks: number[][]; count: number } {
    const blocks: number[][] = [];
    let count = 0;
    for (let index = 0; index < this.#has.length; index++) {
      if (this.#has[index] === 1) continue;
      count++;
      const last = blocks.at(-1);
      if (last?.[1] === index) last[1] = index + 1;
      else if (blocks.length < NAMED) blocks.push([index, index + 1]);
    }
    return { core: this.#ref.key, blocks, count };
  }

  async close(): Promise<void> {
    this.#download.destroy();
    await this.core.close().catch(() => undefined);
  }
}

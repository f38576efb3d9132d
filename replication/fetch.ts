/**
 * Brings static cores into the store, many at once, from every peer that has blocks.
 *
 * In: references (key and size) from a verified index. Out: all blocks held, or one error that says what is missing.
 * Blocks that are held are never asked for again; a core counts as done when its blocks are here, never because a
 * download "finished". Every wait ends: without a peer after the connect time, without a block after the time-out.
 * A peer that owes blocks and sends nothing is cut off, one that sends corrupt blocks too, so they cost only themselves.
 */
import type Corestore from 'corestore';
import type { Connection } from 'hypercore';
import { GtpkgError, limits, type CoreKey, type CoreRef } from '../model/index.js';
import type { Buckets } from './buckets.js';
import type { FetchOptions } from './contract.js';
import { aborted, storeFailure } from './failure.js';
import { freeBytes } from './disk.js';
import { hurry } from './downloads.js';
import { Job, PATIENCE } from './fetch-job.js';
import type { LastSeen } from './last-seen.js';
import { blockCount } from './merkle.js';
import { connectTime } from './patience.js';
import { bytesOf } from './refs.js';
import type { Swarm } from './swarm.js';
import { unfetched } from './unfetched.js';

const TICK = 250;
/** Without a block for this long, the DHT is asked for other peers. */
const LOOK_AGAIN = 1500;
/** How often it is noted who holds what is missing. */
const SEEN = 1000;
/** A download that has lasted this long and has this much before it is worth announcing on the DHT: others may have blocks from it. */
const SHARE_AFTER = 3000;
const SHARE_MORE = 4 * 1024 * 1024;
/** A peer that owes us blocks and sent less than STALL_BYTES for this long is cut off. */
const STALL = 8000;
const STALL_BYTES = 1024;
/** Slow links: bytes on the wire count as life, but only this many time-outs long without one whole block. */
const ALIVE_BYTES = 32 * 1024;
const ALIVE_LIMIT = 10;

export interface FetchContext {
  readonly store: Corestore;
  readonly swarm: Swarm;
  /** directory of the store, to see whether its disk is full */
  readonly home: string;
  readonly timeout: number;
  readonly lastSeen: LastSeen;
  readonly buckets: Buckets | undefined;
  /** bytes of the asked cores that are here already */
  readonly held: number;
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
  #finished: CoreKey[] = [];
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
    this.#total = bytesOf(refs, options.first);
    this.#lifeBytes = context.swarm.links.traffic.bytesIn;
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
      const events = {
        block: (bytes: number): void => {
          this.#done += bytes;
          this.#lastBlock = this.#lastLife = performance.now();
        },
        corrupt: (connection: Connection, response: unknown): void => {
          this.#corrupt.add(ref.key);
          this.#context.swarm.links.strike(connection, response);
        },
        failed: (cause: unknown) => this.#finish(cause),
      };
      job = await Job.open(this.#context.store, ref, { events, first: this.#options.first });
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
      if (!this.#ended) this.#context.lastSeen.forget(ref.key); // else it was closed, not finished
      this.#corrupt.delete(ref.key);
    } catch (cause) {
      this.#finish(cause);
    }
    if (this.#ended) return; // run() closes it
    this.#jobs.delete(ref.key);
    await job.close();
    this.#finished.push(ref.key);
    this.#report();
    this.#pump();
  }

  #tick(): void {
    if (this.#ended) return;
    const now = performance.now();
    for (const job of this.#jobs.values()) {
      hurry(job.core.core);
      if (now >= job.lookAgain && job.isServed) {
        job.lookAgain = now + SEEN;
        this.#context.lastSeen.note(job.key);
      }
      if (now >= job.askAgain) {
        job.askAgain = now + Math.max(PATIENCE, (now - job.lastBlock) / 2);
        if (now - job.lastBlock >= PATIENCE) this.#context.swarm.ask(job.core);
      }
    }
    this.#cutStalled(now);
    const { bytesIn } = this.#context.swarm.links.traffic;
    if (bytesIn - this.#lifeBytes >= ALIVE_BYTES) {
      this.#lifeBytes = bytesIn;
      if (now - this.#lastBlock < ALIVE_LIMIT * this.#timeout) this.#lastLife = now;
    }
    this.#report();
    const { swarm } = this.#context;
    if (now - this.#started >= SHARE_AFTER && this.#total - this.#done >= SHARE_MORE) swarm.serve();
    if (now - this.#lastBlock >= LOOK_AGAIN) {
      swarm.seek();
      this.#context.buckets?.look(
        [...this.#jobs.values()].filter((job) => !job.isServed).map((job) => job.core.discoveryKey),
      );
    }
    const lonely =
      swarm.links.size === 0 &&
      now - Math.max(swarm.links.alone, this.#started) >= connectTime(swarm, this.#timeout);
    if (lonely || now - this.#lastLife >= this.#timeout) void this.#giveUp();
    else this.#pump();
  }

  #report(): void {
    const finished = this.#finished;
    this.#finished = [];
    try {
      this.#options.onProgress?.({
        done: this.#done,
        total: this.#total,
        peers: this.#context.swarm.links.size,
        finished,
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
    const unfinished = [...this.#jobs.values()].map((job) => job.missing());
    const untried = this.#waiting.map((ref) => ({
      core: ref.key,
      blocks: [[0, blockCount(ref.byteLength)]] as const,
      count: blockCount(ref.byteLength),
    }));
    this.#finish(await unfetched(this.#context, [...unfinished, ...untried], this.#corrupt.size > 0));
  }
}

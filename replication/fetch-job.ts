/**
 * One static core on its way into the store: which blocks are here, and when the last one came. fetch.ts runs many.
 */
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import type { Connection, Download } from 'hypercore';
import { decodeCoreKey, GtpkgError, type CoreKey, type CoreRef } from '../model/index.js';
import { delivered } from './downloads.js';
import { ownFailure } from './failure.js';
import { blockCount, blockLength } from './merkle.js';
import { checkShape } from './static-core.js';

/** A core that got nothing for this long gives its place to another, and is asked for again. */
export const PATIENCE = 3000;
/** Blocks looked up in a partial holder's bitfield. */
const FEW = 64;
/** Cores and ranges named in an error. */
export const NAMED = 20;

/** What a job tells while it runs. */
export interface JobEvents {
  block(bytes: number): void;
  corrupt(connection: Connection, response: unknown): void;
  /** what came cannot be stored */
  failed(cause: GtpkgError): void;
}

/** One core on its way. */
export class Job {
  readonly core: Hypercore;
  readonly heldAtStart: number;
  readonly #ref: CoreRef;
  readonly #has: Uint8Array;
  readonly #download: Download;
  lastBlock = performance.now();
  lookAgain = 0;
  askAgain = performance.now() + PATIENCE;

  private constructor(core: Hypercore, ref: CoreRef, events: JobEvents, has: Uint8Array) {
    this.core = core;
    this.#ref = ref;
    this.#has = has;
    this.heldAtStart = has.reduce(
      (sum, held, index) => sum + (held === 1 ? blockLength(ref.byteLength, index) : 0),
      0,
    );
    core.on('download', (index, _bytes, from, request) => {
      if (request !== null) delivered(from.stream, request.elapsed);
      if (index >= has.length || has[index] === 1) return;
      has[index] = 1;
      this.lastBlock = performance.now();
      events.block(blockLength(ref.byteLength, index));
    });
    core.on('verification-error', (error, _request, response, from) => {
      // INVALID_OPERATION also happens between honest peers, when a tree grew meanwhile
      if (error.code === 'INVALID_OPERATION') return;
      const own = ownFailure(error);
      if (own === undefined) events.corrupt(from.stream, response);
      else events.failed(own);
    });
    this.#download = core.download({ start: 0, end: has.length });
  }

  /** @param options - `first`: only so many blocks are wanted */
  static async open(
    store: Corestore,
    ref: CoreRef,
    { events, first = Infinity }: { readonly events: JobEvents; readonly first?: number | undefined },
  ): Promise<Job> {
    const core = store.get({ key: decodeCoreKey(ref.key) });
    await core.ready();
    try {
      if (core.length > 0) checkShape(core, ref);
      const has = new Uint8Array(Math.min(first, blockCount(ref.byteLength)));
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

  get key(): CoreKey {
    return this.#ref.key;
  }

  /** True when one of the connected peers holds all that is missing here. */
  get isServed(): boolean {
    const { length } = this.#has;
    const missing: number[] = [];
    for (let index = 0; index < length && missing.length <= FEW; index++)
      if (this.#has[index] !== 1) missing.push(index);
    return this.core.peers.some(
      (peer) =>
        peer.remoteContiguousLength >= length ||
        (missing.length <= FEW && missing.every((index) => peer.remoteBitfield.get(index))),
    );
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

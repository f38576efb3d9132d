/**
 * Index cores: append-only logs under one transport key. The store refuses forks and truncation of them (store.ts); two
 * different blocks signed for one place are kept as evidence, and the log is not used any more in this process.
 * Nothing here is trusted for its content: the index's OpenPGP signatures are.
 */
import { join } from 'node:path';
import type Hypercore from 'hypercore';
import type { CorePeer } from 'hypercore';
import { encodeCoreKey, GtpkgError, limits, systemCode, type CoreKey } from '../model/index.js';
import type { Log, Refreshed, WaitOptions } from './contract.js';
import { writeAtomic } from './disk.js';
import { aborted, ownFailure, storeFailure } from './failure.js';
import { connectTime, noPeer, silence } from './patience.js';
import type { Swarm } from './swarm.js';

/** How often it is looked whether answers are there, ms: often while a near peer's are due, seldom later. */
const TICK = { first: 5, until: 1000, later: 50 } as const;
/** Nobody has answered for this long: the DHT is asked for other peers. */
const LOOK_AGAIN = 1500;
/** After the first answer, how long others that are still connecting may take. */
const GRACE = 300;
/** Who told of the log before we asked may have news of a longer one on its way: a round trip, and a busy machine's delay. */
const NEWS = 100;
/** How long a peer that claims a longer log may take to prove it. */
const PROOF_TIME = 5000;
/** Blocks before the head that a seeder holds, so that others can start from it. */
const FOLLOWED = 256;
const OFFLINE = {
  code: 'OFFLINE',
  reason: 'offline',
  message: '--offline forbids to ask',
  hint: 'Try again without --offline.',
  connected: 0,
  known: 0,
  dht: 'none',
} as const;

export interface LogContext {
  readonly home: string;
  readonly timeout: number;
  /** undefined when offline */
  network(): Promise<Swarm | undefined>;
}

/** Keeps the session until closed. */
export class LocalLog implements Log {
  readonly key: CoreKey;
  readonly #core: Hypercore;
  readonly #context: LogContext;
  #corrupt = 0;
  #conflict = false;

  private constructor(core: Hypercore, context: LogContext) {
    this.#core = core;
    this.#context = context;
    this.key = encodeCoreKey(core.key);
    core.on('verification-error', (error, _request, response, from) => {
      if (error.code === 'INVALID_OPERATION' || ownFailure(error) !== undefined) return;
      this.#corrupt++;
      void context.network().then((swarm) => swarm?.links.strike(from.stream, response));
    });
    core.on('conflict', (length, fork, proof) => {
      this.#conflict = true;
      void keepEvidence(context.home, this.key, { length, fork, proof });
    });
  }

  /** @throws GtpkgError CORE_MISMATCH when it is a static core; store failures */
  static async open(core: Hypercore, context: LogContext): Promise<LocalLog> {
    try {
      await core.ready();
      if (core.manifest !== null && (core.manifest.signers.length === 0 || core.manifest.prologue !== null)) {
        throw new GtpkgError(
          'CORE_MISMATCH',
          `core ${encodeCoreKey(core.key)} is immutable, it is no index core`,
          {
            hint: 'Check the introduction.',
          },
        );
      }
      return new LocalLog(core, context);
    } catch (cause) {
      await core.close().catch(() => undefined);
      throw storeFailure(cause);
    }
  }

  get length(): number {
    return this.#core.length;
  }

  get writable(): boolean {
    return this.#core.writable;
  }

  async append(blocks: readonly Uint8Array[]): Promise<void> {
    if (!this.writable) {
      throw new GtpkgError('PERMISSION', `index core ${this.key} belongs to another machine`, {
        hint: 'Publish from the home that made the index, or fork it.',
      });
    }
    for (const block of blocks) {
      if (block.byteLength > limits.MAX_INDEX_BLOCK) throw tooLarge(this.key, block.byteLength);
    }
    this.#check();
    try {
      await this.#core.append(blocks);
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async get(index: number, options: WaitOptions = {}): Promise<Buffer> {
    this.#check();
    try {
      const block = (await this.#core.get(index, { wait: false })) ?? (await this.#ask(index, options));
      if (block.byteLength > limits.MAX_INDEX_BLOCK) throw tooLarge(this.key, block.byteLength);
      return block;
    } catch (cause) {
      throw this.#failure(cause);
    }
  }

  async refresh(options: WaitOptions = {}): Promise<Refreshed> {
    this.#check();
    const swarm = await this.#context.network();
    if (swarm === undefined) return { length: this.length, peers: 0, silence: OFFLINE };
    const timeout = options.timeout ?? this.#context.timeout;
    const started = performance.now();
    let answered = Infinity;
    let length = this.length;
    let grown = started;
    // whoever opens the log from now on tells of it as it is now
    const early = this.#core.peers.some((peer) => peer.remoteSynced);
    for (;;) {
      const now = performance.now();
      if (options.signal?.aborted) throw aborted(options.signal);
      this.#check();
      if (this.length > length) {
        length = this.length;
        grown = now;
      }
      const synced = this.#core.peers.filter((peer) => peer.remoteSynced);
      if (synced.length > 0) answered = Math.min(answered, now);
      else if (now - started >= LOOK_AGAIN) swarm.seek();
      const alone =
        swarm.links.size === 0 && now - Math.max(started, swarm.links.alone) >= connectTime(swarm, timeout);
      const proving =
        this.#isBehind(synced) && now - Math.max(grown, answered) < Math.min(timeout, PROOF_TIME);
      const settled =
        now - answered >= GRACE ||
        ((!early || now - started >= news(swarm)) && this.#allAnswered(swarm, synced, now - started));
      const done = this.writable || (synced.length > 0 && settled && !proving);
      if (done || alone || now - started >= timeout) {
        const answer = { length: this.length, peers: synced.length };
        return synced.length > 0 ? answer : { ...answer, silence: silence(swarm) };
      }
      await sleep(now - started < TICK.until ? TICK.first : TICK.later);
    }
  }

  #isBehind(synced: readonly CorePeer[]): boolean {
    return synced.some((peer) => peer.remoteFork === this.#core.fork && peer.remoteLength > this.length);
  }

  /** Nobody is still connecting, and every connection has opened this core or had its time to. */
  #allAnswered(swarm: Swarm, synced: readonly CorePeer[], waited: number): boolean {
    if (swarm.connecting > 0) return false;
    return (
      waited >= GRACE ||
      [...swarm.links].every(({ connection }) => synced.some((peer) => peer.stream === connection))
    );
  }

  /** Fetches the newest blocks, and those that are appended later, as long as it is open: for seeders. */
  follow(): void {
    this.#core.download({ start: Math.max(0, this.length - FOLLOWED), end: -1 });
  }

  async close(): Promise<void> {
    await this.#core.close().catch(() => undefined);
  }

  async #ask(index: number, options: WaitOptions): Promise<Buffer> {
    const swarm = await this.#context.network();
    if (swarm === undefined) {
      throw new GtpkgError(
        'OFFLINE',
        `block ${index} of index core ${this.key} is not here, and --offline forbids to fetch it`,
        {
          hint: 'Try again without --offline.',
        },
      );
    }
    const timeout = options.timeout ?? this.#context.timeout;
    const corrupt = this.#corrupt;
    const started = performance.now();
    const wanted = this.#core.get(index, { timeout });
    wanted.catch(() => undefined);
    let ticker: NodeJS.Timeout | undefined;
    let asked = started;
    const watch = new Promise<never>((_resolve, reject) => {
      ticker = setInterval(() => {
        const now = performance.now();
        if (options.signal?.aborted) reject(aborted(options.signal));
        const alone =
          swarm.links.size === 0 && now - Math.max(started, swarm.links.alone) >= connectTime(swarm, timeout);
        if (alone || now - started >= timeout) reject(this.#missing(index, swarm, this.#corrupt > corrupt));
        if (now - asked < 1000) return;
        asked = now;
        swarm.ask(this.#core);
        swarm.seek();
      }, TICK.later);
    });
    try {
      const block = await Promise.race([wanted, watch]);
      if (block === null) throw this.#missing(index, swarm, false);
      return block;
    } catch (cause) {
      throw systemCode(cause) === 'REQUEST_TIMEOUT'
        ? this.#missing(index, swarm, this.#corrupt > corrupt)
        : cause;
    } finally {
      clearInterval(ticker);
    }
  }

  #missing(index: number, swarm: Swarm, corrupt: boolean): GtpkgError {
    const data = {
      missing: [{ core: this.key, blocks: [[index, index + 1]], count: 1 }],
      peers: swarm.links.size,
    };
    if (corrupt) {
      return new GtpkgError('PEER_CORRUPT', `peers sent a corrupt block ${index} of index core ${this.key}`, {
        hint: 'Try again when other peers are there.',
        data,
      });
    }
    if (swarm.links.connected === 0) return noPeer(swarm, data);
    return new GtpkgError(
      'BLOCKS_MISSING',
      `no connected peer has block ${index} of index core ${this.key}`,
      {
        hint: 'Try again when more peers are there.',
        data,
      },
    );
  }

  #check(): void {
    if (!this.#conflict) return;
    throw new GtpkgError('INDEX_EQUIVOCATION', `index core ${this.key} says two things at one place`, {
      hint: `Its transport key is stolen or misused. The proof is kept in ${evidencePath(this.#context.home, this.key)}; ask the distribution.`,
      data: { core: this.key },
    });
  }

  #failure(cause: unknown): GtpkgError {
    if (this.#conflict) this.#check();
    return storeFailure(cause);
  }
}

function evidencePath(home: string, key: CoreKey): string {
  return join(home, 'evidence', `${key}.json`);
}

async function keepEvidence(
  home: string,
  key: CoreKey,
  found: { length: number; fork: number; proof: unknown },
): Promise<void> {
  const plain = (_name: string, value: unknown): unknown =>
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
      ? Buffer.from(value.data as number[]).toString('hex')
      : value;
  const text = JSON.stringify({ format: 'gtpkg-equivocation 1', core: key, ...found }, plain, 1);
  await writeAtomic(evidencePath(home, key), `${text}\n`).catch(() => undefined);
}

function tooLarge(key: CoreKey, size: number): GtpkgError {
  return new GtpkgError(
    'LIMIT_EXCEEDED',
    `a block of index core ${key} has ${size} bytes, more than ${limits.MAX_INDEX_BLOCK}`,
  );
}

function news(swarm: Swarm): number {
  return Math.max(NEWS, ...[...swarm.links].map(({ connection }) => 2 * (connection.rawStream?.rtt ?? 0)));
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

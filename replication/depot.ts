/**
 * The depot of the process that owns the store. The network is touched only when something needs it.
 */
import { mkdir } from 'node:fs/promises';
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import type { KeyPair } from 'hypercore';
import {
  decodeCoreKey,
  encodeCoreKey,
  GtpkgError,
  limits,
  type ByteSource,
  type CoreKey,
  type CoreRef,
  type PeerAddress,
} from '../model/index.js';
import type {
  Depot,
  DepotStatus,
  FetchOptions,
  FileRange,
  Holding,
  Log,
  LogTaken,
  OpenOptions,
  PartTaken,
  StaticPart,
  StoredPeer,
} from './contract.js';
import { coreSource } from './core-source.js';
import { freeBytes } from './disk.js';
import { aborted, storeFailure } from './failure.js';
import { fetchCores } from './fetch.js';
import { reclaim } from './free.js';
import { Holdings } from './holdings.js';
import { LastSeen } from './last-seen.js';
import { LocalLog } from './log-core.js';
import { applyLogProof, readLogFile, readLogProof } from './log-exchange.js';
import { Network, preloadNetwork } from './network.js';
import { PeerBook } from './peers.js';
import { bytesOf, offline, unique } from './refs.js';
import { bytesReader, heldBytes, openFile, putStatic } from './static-core.js';
import { leavesOf, putPart } from './static-part.js';
import { closeStore, isWritable, openStore, topicOf } from './store.js';
import { Statistics } from './status.js';
import type { Swarm } from './swarm.js';
import { transportKeyPair } from './transport-key.js';

export class LocalDepot implements Depot {
  readonly remote = false;
  readonly publicKey: CoreKey;
  readonly #options: OpenOptions;
  readonly #store: Corestore;
  readonly #book: PeerBook;
  readonly #timeout: number;
  readonly #stop = new AbortController();
  readonly #followed = new Map<CoreKey, LocalLog>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #holdings: Holdings;
  readonly #statistics: Statistics;
  readonly #network: Network;
  #lastSeen: Promise<LastSeen> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: OpenOptions, store: Corestore, keyPair: KeyPair, book: PeerBook) {
    this.#options = options;
    this.#store = store;
    this.#book = book;
    this.#timeout = options.timeout ?? limits.TIMEOUT.idle;
    this.publicKey = encodeCoreKey(keyPair.publicKey);
    this.#holdings = new Holdings(store, options.home, this.#serves);
    this.#statistics = new Statistics({ home: options.home, book, ...this.#holdings });
    const { signal } = this.#stop;
    const [holdings, statistics, serves] = [this.#holdings, this.#statistics, this.#serves];
    this.#network = new Network({ options, store, keyPair, book, holdings, statistics, serves, signal });
  }

  /** @throws GtpkgError HOME_BUSY, ADDRESS_IN_USE, BAD_ADDRESS, NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR */
  static async open(options: OpenOptions): Promise<LocalDepot> {
    await mkdir(options.home, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw storeFailure(cause);
    });
    const opening = openStore(options.home);
    // while the database opens, which is done by other threads
    if (options.offline !== true) preloadNetwork();
    const store = await opening;
    try {
      const depot = new LocalDepot(
        options,
        store,
        await transportKeyPair(options.home),
        await PeerBook.open(options.home),
      );
      if (depot.#serves) await depot.#network.start();
      return depot;
    } catch (cause) {
      await closeStore(store);
      throw storeFailure(cause);
    }
  }

  get #serves(): boolean {
    return this.#options.server === true || this.#options.listen !== undefined;
  }

  putStatic(path: string): Promise<CoreRef> {
    return this.#during(async () => {
      const file = await openFile(path);
      try {
        return await this.#settled(await putStatic(this.#store, file));
      } finally {
        await file.close();
      }
    });
  }

  putStaticBytes(bytes: Uint8Array): Promise<CoreRef> {
    return this.#during(async () => this.#settled(await putStatic(this.#store, bytesReader(bytes))));
  }

  async #settled(ref: CoreRef): Promise<CoreRef> {
    await this.#holdings.settle([ref.key]);
    return ref;
  }

  held(refs: readonly CoreRef[]): Promise<number[]> {
    return this.#during(() => heldBytes(this.#store, refs));
  }

  fetch(refs: readonly CoreRef[], options: FetchOptions = {}): Promise<void> {
    return this.#during(async () => {
      const wanted = unique(refs);
      const held = await this.held(wanted);
      const missing = wanted.filter((ref, index) => held[index] !== ref.byteLength);
      const total = bytesOf(wanted, options.first);
      const whole = total - bytesOf(missing, options.first);
      const report = options.onProgress;
      const finished = wanted.flatMap((ref, index) => (held[index] === ref.byteLength ? ref.key : []));
      report?.({ done: whole, total, peers: this.#network.swarm?.links.size ?? 0, finished });
      if (missing.length === 0) return;
      if (this.#options.offline === true || options.offline === true) throw offline(missing);
      const context = {
        store: this.#store,
        swarm: await this.#network.start(),
        home: this.#options.home,
        timeout: this.#timeout,
        lastSeen: await (this.#lastSeen ??= LastSeen.open(this.#options.home)),
        buckets: this.#network.buckets,
        held: options.first !== undefined ? 0 : held.reduce((sum, bytes) => sum + bytes, 0) - whole,
      };
      const stop = this.#stop.signal;
      this.#holdings.want(missing, 1);
      try {
        await fetchCores(context, missing, {
          ...options,
          signal: options.signal === undefined ? stop : AbortSignal.any([stop, options.signal]),
          onProgress: (now) => {
            this.#holdings.settle(now.finished).catch(() => undefined); // others hear of it before all is here
            report?.({ ...now, done: whole + now.done, total });
          },
        });
      } finally {
        this.#holdings.want(missing, -1);
        if (this.#holdings.idle) this.#network.buckets?.rest();
        await this.#holdings.settle(missing.map((ref) => ref.key));
      }
    });
  }

  source(ref: CoreRef): ByteSource {
    return coreSource(this.#store, ref);
  }

  leaves(ref: CoreRef): Promise<Buffer> {
    return this.#during(() => leavesOf(this.#store, ref));
  }

  putPart(part: StaticPart, options: Pick<FetchOptions, 'signal' | 'onProgress'> = {}): Promise<PartTaken> {
    return this.#during(async () => {
      try {
        return await putPart(this.#store, part, options);
      } finally {
        await this.#settled(part.ref);
      }
    });
  }

  readLogProof(key: CoreKey, from: number): Promise<Buffer> {
    return this.#during(() => readLogProof(this.#store, key, from));
  }

  putLogProof(range: FileRange): Promise<LogTaken> {
    return this.#during(async () => applyLogProof(this.#store, await readLogFile(range)));
  }

  createLog(name: string): Promise<CoreKey> {
    return this.#during(async () => {
      const log = await this.#log(this.#store.namespace('gtpkg-index').get({ name }));
      await log.close();
      return log.key;
    });
  }

  openLog(key: CoreKey, options: { readonly offline?: boolean } = {}): Promise<Log> {
    return this.#during(() => this.#log(this.#store.get({ key: decodeCoreKey(key) }), options.offline));
  }

  #log(core: Hypercore, offline = false): Promise<LocalLog> {
    const network = (): Promise<Swarm | undefined> =>
      offline || this.#options.offline === true ? Promise.resolve(undefined) : this.#network.start();
    return LocalLog.open(core, { home: this.#options.home, timeout: this.#timeout, network });
  }

  join(keys: readonly CoreKey[]): Promise<void> {
    return this.#during(async () => {
      if (this.#options.offline === true) return;
      const swarm = await this.#network.start();
      for (const key of keys) {
        swarm.join(key);
        if (!this.#serves || this.#followed.has(key)) continue;
        const log = await this.#log(this.#store.get({ key: decodeCoreKey(key) }));
        this.#followed.set(key, log);
        log.follow();
      }
      if (this.#serves) await swarm.announced();
    });
  }

  notices(key: CoreKey, timeout: number): Promise<Buffer[]> {
    return this.#during(async () => {
      const notices = await this.#network.notices();
      if (timeout > 0) await notices?.settled(topicOf(key), timeout);
      return (await notices?.read(topicOf(key))) ?? [];
    });
  }

  putNotice(key: CoreKey, bytes: Uint8Array, timeout: number): Promise<number> {
    return this.#during(async () => {
      const notices = await this.#network.notices();
      if (notices === undefined) return 0;
      const id = await notices.put(topicOf(key), Buffer.from(bytes));
      const end = performance.now() + timeout;
      while (notices.taken(topicOf(key), id) === 0 && performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (this.#stop.signal.aborted) break;
      }
      return notices.taken(topicOf(key), id);
    });
  }

  dropNotices(key: CoreKey, ids: readonly string[]): Promise<void> {
    return this.#during(async () => (await this.#network.notices())?.drop(topicOf(key), ids));
  }

  addPeers(peers: readonly PeerAddress[]): Promise<void> {
    return this.#during(async () => {
      if (peers.length === 0) return;
      for (const peer of peers) this.#book.add(peer);
      await this.#book.flush(); // what the user said outlives a kill
      if (this.#options.offline === true) return;
      const swarm = await this.#network.start();
      for (const peer of peers) swarm.dial(peer);
    });
  }

  removePeers(keys: readonly CoreKey[]): Promise<void> {
    return this.#during(async () => {
      for (const key of keys) {
        this.#book.remove(key);
        (await this.#network.starting)?.forget(key);
      }
    });
  }

  peers(): Promise<readonly StoredPeer[]> {
    return Promise.resolve(this.#book.list());
  }

  status(): Promise<DepotStatus> {
    return this.#during(async () => ({
      publicKey: this.publicKey,
      pid: process.pid,
      daemon: false,
      offline: this.#options.offline === true,
      ...(await this.#statistics.read(this.#network.swarm)),
    }));
  }

  holdings(): Promise<readonly Holding[]> {
    return this.#during(() => this.#holdings.list());
  }

  seeders(keys: readonly CoreKey[]): Promise<number[]> {
    return Promise.resolve(this.#holdings.seeders(keys));
  }

  free(keys: readonly CoreKey[]): Promise<number> {
    return this.#during(() => this.#holdings.free(keys));
  }

  reclaim(goal: number): Promise<number> {
    return this.#during(() => reclaim(this.#store, this.#options.home, goal));
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  async #shut(): Promise<void> {
    this.#stop.abort(new GtpkgError('TIMEOUT', 'the depot was closed'));
    await this.#network.close();
    await Promise.allSettled([...this.#work]);
    await this.#statistics.close();
    await Promise.all([this.#book.flush(), this.#holdings.close(), (await this.#lastSeen)?.flush()]);
    await closeStore(this.#store);
  }

  /** Runs work that close() waits for. */
  #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted) return Promise.reject(aborted(this.#stop.signal));
    const running = work().catch((cause: unknown) => this.#explain(cause));
    this.#work.add(running);
    const over = (): void => void this.#work.delete(running);
    running.then(over, over);
    return running;
  }

  /** RocksDB does not say that the disk is full, only that it could not write. */
  async #explain(cause: unknown): Promise<never> {
    const failure = storeFailure(cause);
    if (['IO_ERROR', 'NO_SPACE'].includes(failure.code) && !(await isWritable(this.#store)))
      this.#options.onBroken?.();
    if (
      failure.code === 'IO_ERROR' &&
      ((await freeBytes(this.#options.home)) ?? Infinity) < limits.FULL_DISK
    ) {
      throw new GtpkgError('NO_SPACE', 'the disk that holds the store is full', {
        hint: 'Free some space, or choose another --home.',
        cause,
      });
    }
    throw failure;
  }
}

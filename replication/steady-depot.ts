/**
 * A daemon's depot that outlives the daemon: when `gtpkg seed` stops or is killed in the middle of a command, what was asked of it is asked
 * again of whoever has the store then, another daemon or this process. Everything a depot does may be done twice, but for one thing:
 * whether the daemon had appended to a log before it went is not known, so that fails, and the command is to be run again.
 */
import { GtpkgError, type ByteSource, type CoreKey, type CoreRef, type PeerAddress } from '../model/index.js';
import type {
  Depot,
  DepotStatus,
  FetchOptions,
  FileRange,
  Holding,
  Log,
  LogTaken,
  PartTaken,
  StaticPart,
  StoredPeer,
  WaitOptions,
} from './contract.js';

/** Daemons that may go in the course of one call. */
const ATTEMPTS = 4;

/** Whether a call failed because the daemon went away under it. */
export function isGone(error: unknown): boolean {
  return error instanceof GtpkgError && error.data['gone'] === true;
}

export class SteadyDepot implements Depot {
  readonly #reopen: () => Promise<Depot>;
  readonly #joined = new Set<CoreKey>();
  readonly publicKey: CoreKey;
  #now: Depot;
  #next: Promise<Depot> | undefined;
  #closed = false;

  /** @param reopen - finds whoever has the store by then */
  constructor(first: Depot, reopen: () => Promise<Depot>) {
    this.#now = first;
    this.#reopen = reopen;
    this.publicKey = first.publicKey;
  }

  get remote(): boolean {
    return this.#now.remote;
  }

  putStatic(path: string): Promise<CoreRef> {
    return this.#do((depot) => depot.putStatic(path));
  }

  putStaticBytes(bytes: Uint8Array): Promise<CoreRef> {
    return this.#do((depot) => depot.putStaticBytes(bytes));
  }

  held(refs: readonly CoreRef[]): Promise<number[]> {
    return this.#do((depot) => depot.held(refs));
  }

  fetch(refs: readonly CoreRef[], options?: FetchOptions): Promise<void> {
    return this.#do((depot) => depot.fetch(refs, options));
  }

  source(ref: CoreRef): ByteSource {
    return { byteLength: ref.byteLength, read: (offset, length) => this.#read(ref, offset, length) };
  }

  leaves(ref: CoreRef): Promise<Buffer> {
    return this.#do((depot) => depot.leaves(ref));
  }

  putPart(part: StaticPart, options?: Pick<FetchOptions, 'signal' | 'onProgress'>): Promise<PartTaken> {
    return this.#do((depot) => depot.putPart(part, options));
  }

  readLogProof(key: CoreKey, from: number): Promise<Buffer> {
    return this.#do((depot) => depot.readLogProof(key, from));
  }

  putLogProof(range: FileRange): Promise<LogTaken> {
    return this.#do((depot) => depot.putLogProof(range));
  }

  createLog(name: string): Promise<CoreKey> {
    return this.#do((depot) => depot.createLog(name));
  }

  async openLog(key: CoreKey, options?: { readonly offline?: boolean }): Promise<Log> {
    const open = (): Promise<Log> => this.#do((depot) => depot.openLog(key, options));
    return new SteadyLog(await open(), open);
  }

  join(keys: readonly CoreKey[]): Promise<void> {
    for (const key of keys) this.#joined.add(key);
    return this.#do((depot) => depot.join(keys));
  }

  notices(key: CoreKey, timeout: number): Promise<Buffer[]> {
    return this.#do((depot) => depot.notices(key, timeout));
  }

  putNotice(key: CoreKey, bytes: Uint8Array, timeout: number): Promise<number> {
    return this.#do((depot) => depot.putNotice(key, bytes, timeout));
  }

  dropNotices(key: CoreKey, ids: readonly string[]): Promise<void> {
    return this.#do((depot) => depot.dropNotices(key, ids));
  }

  addPeers(peers: readonly PeerAddress[]): Promise<void> {
    return this.#do((depot) => depot.addPeers(peers));
  }

  removePeers(keys: readonly CoreKey[]): Promise<void> {
    return this.#do((depot) => depot.removePeers(keys));
  }

  peers(): Promise<readonly StoredPeer[]> {
    return this.#do((depot) => depot.peers());
  }

  status(): Promise<DepotStatus> {
    return this.#do((depot) => depot.status());
  }

  holdings(): Promise<readonly Holding[]> {
    return this.#do((depot) => depot.holdings());
  }

  seeders(keys: readonly CoreKey[]): Promise<number[]> {
    return this.#do((depot) => depot.seeders(keys));
  }

  free(keys: readonly CoreKey[]): Promise<number> {
    return this.#do((depot) => depot.free(keys));
  }

  reclaim(goal: number): Promise<number> {
    return this.#do((depot) => depot.reclaim(goal));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#next?.catch(() => undefined);
    await this.#now.close();
  }

  async *#read(ref: CoreRef, offset: number, length: number): AsyncGenerator<Uint8Array> {
    let taken = 0;
    for (let attempt = 1; ; attempt++) {
      const depot = this.#now;
      try {
        for await (const chunk of depot.source(ref).read(offset + taken, length - taken)) {
          taken += chunk.byteLength;
          yield chunk;
        }
        return;
      } catch (error) {
        await this.#recover(depot, error, attempt);
      }
    }
  }

  async #do<T>(work: (depot: Depot) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const depot = this.#now;
      try {
        return await work(depot);
      } catch (error) {
        await this.#recover(depot, error, attempt);
      }
    }
  }

  /** Returns when there is somebody to ask again; several calls that failed together wait for the same one. */
  async #recover(failed: Depot, error: unknown, attempt: number): Promise<void> {
    if (!isGone(error) || attempt >= ATTEMPTS || this.#closed) throw error;
    if (failed !== this.#now) return;
    this.#next ??= this.#replace(failed).finally(() => (this.#next = undefined));
    await this.#next;
  }

  async #replace(failed: Depot): Promise<Depot> {
    await failed.close();
    const depot = await this.#reopen();
    this.#now = depot;
    if (this.#joined.size > 0) await depot.join([...this.#joined]);
    return depot;
  }
}

class SteadyLog implements Log {
  readonly #reopen: () => Promise<Log>;
  #now: Log;

  constructor(first: Log, reopen: () => Promise<Log>) {
    this.#now = first;
    this.#reopen = reopen;
  }

  get key(): CoreKey {
    return this.#now.key;
  }

  get length(): number {
    return this.#now.length;
  }

  get writable(): boolean {
    return this.#now.writable;
  }

  append(blocks: readonly Uint8Array[]): Promise<void> {
    return this.#now.append(blocks);
  }

  get(index: number, options?: WaitOptions): Promise<Buffer> {
    return this.#do((log) => log.get(index, options));
  }

  refresh(options?: WaitOptions): Promise<{ readonly length: number; readonly peers: number }> {
    return this.#do((log) => log.refresh(options));
  }

  close(): Promise<void> {
    return this.#now.close();
  }

  async #do<T>(work: (log: Log) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const log = this.#now;
      try {
        return await work(log);
      } catch (error) {
        if (!isGone(error) || attempt >= ATTEMPTS) throw error;
        if (log === this.#now) this.#now = await this.#reopen();
      }
    }
  }
}

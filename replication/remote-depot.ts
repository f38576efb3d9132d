/**
 * The depot of a running daemon, over its socket. docs/formats/daemon-socket.md. Loads nothing of hypercore.
 */
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import {
  formatPeerAddress,
  GtpkgError,
  limits,
  parseCoreKey,
  parsePeerAddress,
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
  Refreshed,
  StoredPeer,
  WaitOptions,
} from './contract.js';
import { Channel } from './channel.js';
import { decodeHoldings, decodeParts, encodeRef, toRef } from './daemon-arguments.js';
import { storeFailure } from './failure.js';
import { FrameSocket, socketPath, VERSION, type Header } from './wire.js';

/** Larger content goes through a file. */
const MAX_INLINE = limits.MAX_FRAME / 2;

export class RemoteDepot implements Depot {
  readonly remote = true;
  readonly publicKey: CoreKey;
  /** process of the daemon */
  readonly pid: number;
  readonly #channel: Channel;
  readonly #options: OpenOptions;

  private constructor(channel: Channel, hello: Header, options: OpenOptions) {
    this.#channel = channel;
    this.publicKey = parseCoreKey(String(hello['publicKey']));
    this.pid = Number(hello['pid']);
    this.#options = options;
  }

  /** undefined when no daemon answers. @throws GtpkgError HOME_BUSY when one of another version does */
  static async connect(options: OpenOptions): Promise<RemoteDepot | undefined> {
    const path = await socketPath(options.home, false);
    if (path === undefined) return undefined;
    const frames = new FrameSocket(createConnection(path));
    const hello = await new Promise<Header | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), limits.TIMEOUT.socket);
      const over = (header?: Header): void => {
        clearTimeout(timer);
        resolve(header);
      };
      frames.onFrame = over;
      frames.onClose = () => over();
    });
    if (hello === undefined || hello['hello'] !== 'gtpkg-daemon') {
      frames.destroy();
      return undefined;
    }
    if (hello['version'] !== VERSION) {
      frames.destroy();
      throw new GtpkgError('HOME_BUSY', 'gtpkg seed of another version is using this home', {
        hint: 'Stop it and start it again with this version.',
      });
    }
    const channel = new Channel(frames);
    await frames.send({ hello: 'gtpkg', version: VERSION });
    return new RemoteDepot(channel, hello, options);
  }

  async putStatic(path: string): Promise<CoreRef> {
    return toRef((await this.#channel.call('putStatic', { path: resolve(path) })).ok);
  }

  async putStaticBytes(bytes: Uint8Array): Promise<CoreRef> {
    if (bytes.byteLength <= MAX_INLINE)
      return toRef((await this.#channel.call('putStaticBytes', {}, { body: bytes })).ok);
    let directory: string | undefined;
    try {
      directory = await mkdtemp(join(this.#options.home, 'put-'));
      const path = join(directory, 'content');
      await writeFile(path, bytes, { mode: 0o600 });
      return await this.putStatic(path);
    } catch (cause) {
      throw storeFailure(cause);
    } finally {
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    }
  }

  async held(refs: readonly CoreRef[]): Promise<number[]> {
    return (await this.#channel.call('held', { refs: refs.map(encodeRef) })).ok as number[];
  }

  async fetch(refs: readonly CoreRef[], options: FetchOptions = {}): Promise<void> {
    const offline = this.#options.offline === true || options.offline === true;
    const { signal, onProgress } = options;
    await this.#channel.call(
      'fetch',
      { refs: refs.map(encodeRef), offline, first: options.first, ...this.#timeout(options) },
      { signal, onProgress },
    );
  }

  source(ref: CoreRef): ByteSource {
    return {
      byteLength: ref.byteLength,
      read: (offset, length) => this.#channel.stream('read', { ref: encodeRef(ref), offset, length }),
    };
  }

  async leaves(ref: CoreRef): Promise<Buffer> {
    return (await this.#channel.call('leaves', { ref: encodeRef(ref) })).body;
  }

  async putPart(
    part: StaticPart,
    options: Pick<FetchOptions, 'signal' | 'onProgress'> = {},
  ): Promise<PartTaken> {
    const { path, leavesAt, ref } = part;
    const args = { path: resolve(path), leavesAt, ref: encodeRef(ref) };
    return (await this.#channel.call('putPart', args, options)).ok as PartTaken;
  }

  async readLogProof(key: CoreKey, from: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#channel.stream('readLogProof', { key, from })) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async putLogProof({ path, offset, length }: FileRange): Promise<LogTaken> {
    const { ok } = await this.#channel.call('putLogProof', { path: resolve(path), offset, length });
    return ok as LogTaken;
  }

  async createLog(name: string): Promise<CoreKey> {
    return parseCoreKey(String((await this.#channel.call('createLog', { name })).ok));
  }

  async openLog(key: CoreKey, options: { readonly offline?: boolean } = {}): Promise<Log> {
    const offline = this.#options.offline === true || options.offline === true;
    const { ok } = await this.#channel.call('openLog', { key, offline });
    return new RemoteLog(key, ok as { log: number; length: number; writable: boolean }, (name, args, call) =>
      this.#channel.call(
        name,
        { ...args, ...(call === undefined ? {} : this.#timeout(call)) },
        { body: call?.body ?? new Uint8Array(), signal: call?.signal },
      ),
    );
  }

  async join(keys: readonly CoreKey[]): Promise<void> {
    await this.#channel.call('join', { keys });
  }

  async notices(key: CoreKey, timeout: number): Promise<Buffer[]> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#channel.stream('notices', { key, timeout })) chunks.push(chunk);
    return decodeParts(Buffer.concat(chunks));
  }

  async putNotice(key: CoreKey, bytes: Uint8Array, timeout: number): Promise<number> {
    return (await this.#channel.call('putNotice', { key, timeout }, { body: bytes })).ok as number;
  }

  async dropNotices(key: CoreKey, ids: readonly string[]): Promise<void> {
    await this.#channel.call('dropNotices', { key, ids });
  }

  async addPeers(peers: readonly PeerAddress[]): Promise<void> {
    await this.#channel.call('addPeers', { peers: peers.map(formatPeerAddress) });
  }

  async removePeers(keys: readonly CoreKey[]): Promise<void> {
    await this.#channel.call('removePeers', { keys });
  }

  async peers(): Promise<readonly StoredPeer[]> {
    const { ok } = await this.#channel.call('peers');
    return (ok as (Omit<StoredPeer, keyof PeerAddress> & { peer: string })[]).map(({ peer, ...rest }) => ({
      ...rest,
      ...parsePeerAddress(peer),
    }));
  }

  async status(): Promise<DepotStatus> {
    return (await this.#channel.call('status')).ok as DepotStatus;
  }

  async holdings(): Promise<readonly Holding[]> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#channel.stream('holdings', {})) chunks.push(chunk);
    return decodeHoldings(Buffer.concat(chunks));
  }

  async seeders(keys: readonly CoreKey[]): Promise<number[]> {
    return (await this.#channel.call('seeders', { keys })).ok as number[];
  }

  /** Only who owns the store knows what may go. @throws GtpkgError HOME_BUSY */
  free(): Promise<number> {
    return Promise.reject(notHere());
  }

  /** @throws GtpkgError HOME_BUSY */
  reclaim(): Promise<number> {
    return Promise.reject(notHere());
  }

  close(): Promise<void> {
    this.#channel.close();
    return Promise.resolve();
  }

  #timeout(options: WaitOptions): { timeout?: number } {
    const timeout = options.timeout ?? this.#options.timeout;
    return timeout === undefined ? {} : { timeout };
  }
}

function notHere(): GtpkgError {
  return new GtpkgError('HOME_BUSY', 'gtpkg seed owns the store, and it alone frees space in it', {
    hint: 'Give gtpkg seed a --limit.',
  });
}

type LogCall = (
  name: string,
  args: Header,
  call?: WaitOptions & { body?: Uint8Array },
) => Promise<{ ok: unknown; body: Buffer }>;

class RemoteLog implements Log {
  readonly key: CoreKey;
  readonly writable: boolean;
  readonly #log: number;
  readonly #call: LogCall;
  #length: number;

  constructor(key: CoreKey, opened: { log: number; length: number; writable: boolean }, call: LogCall) {
    this.key = key;
    this.writable = opened.writable;
    this.#log = opened.log;
    this.#length = opened.length;
    this.#call = call;
  }

  get length(): number {
    return this.#length;
  }

  /** More than fits one frame goes in several appends. */
  async append(blocks: readonly Uint8Array[]): Promise<void> {
    for (let start = 0; start < blocks.length;) {
      const sizes: number[] = [];
      let bytes = 0;
      for (let end = start; end < blocks.length; end++) {
        const size = blocks[end]?.byteLength ?? 0;
        if (sizes.length > 0 && bytes + size > MAX_INLINE) break;
        sizes.push(size);
        bytes += size;
      }
      const batch = blocks.slice(start, (start += sizes.length));
      const { ok } = await this.#call('logAppend', { log: this.#log, sizes }, { body: Buffer.concat(batch) });
      this.#length = (ok as { length: number }).length;
    }
  }

  async get(index: number, options: WaitOptions = {}): Promise<Buffer> {
    const { ok, body } = await this.#call('logGet', { log: this.#log, index }, options);
    this.#length = (ok as { length: number }).length;
    return body;
  }

  async refresh(options: WaitOptions = {}): Promise<Refreshed> {
    const { ok } = await this.#call('logRefresh', { log: this.#log }, options);
    const answer = ok as Refreshed;
    this.#length = answer.length;
    return answer;
  }

  async close(): Promise<void> {
    await this.#call('logClose', { log: this.#log }).catch(() => undefined);
  }
}

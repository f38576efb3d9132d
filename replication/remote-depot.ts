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
  FetchProgress,
  Log,
  OpenOptions,
  StoredPeer,
  WaitOptions,
} from './contract.js';
import { aborted, storeFailure } from './failure.js';
import { BEAT, decodeError, FrameSocket, socketPath, VERSION, type Header } from './wire.js';

/** A daemon that says nothing for this long while a call is pending is dead or stopped. */
const SILENCE = Math.max(limits.TIMEOUT.socket, 5 * BEAT);
/** Larger content goes through a file. */
const MAX_INLINE = limits.MAX_FRAME / 2;

interface Pending {
  resolve(answer: { ok: unknown; body: Buffer }): void;
  reject(error: Error): void;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly onData?: ((data: Buffer) => void) | undefined;
}

interface CallOptions {
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly onData?: ((data: Buffer) => void) | undefined;
}

/** The connection: calls go out, answers come back in any order. */
class Channel {
  readonly #frames: FrameSocket;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #closed: GtpkgError | undefined;
  #heard = performance.now();
  #watch: NodeJS.Timeout | undefined;

  constructor(frames: FrameSocket) {
    this.#frames = frames;
    frames.onFrame = (header, body) => this.#take(header, body);
    frames.onClose = (cause) => this.#end(gone(cause));
  }

  async call(
    name: string,
    args: Header = {},
    options: CallOptions = {},
  ): Promise<{ ok: unknown; body: Buffer }> {
    const { signal, body } = options;
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted) throw aborted(signal);
    const id = this.#next++;
    const answer = new Promise<{ ok: unknown; body: Buffer }>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress: options.onProgress, onData: options.onData });
    });
    answer.catch(() => undefined);
    const cancel = (): void => {
      this.cancel(id);
      this.#pending.get(id)?.reject(aborted(signal as AbortSignal));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    this.#busy();
    try {
      await this.#frames.send({ id, call: name, args }, body);
      return await answer;
    } finally {
      signal?.removeEventListener('abort', cancel);
      this.#pending.delete(id);
      this.#busy();
    }
  }

  /** Bytes from a call that answers with data frames, as fast as they are taken. */
  async *stream(name: string, args: Header): AsyncGenerator<Uint8Array> {
    const queue: Buffer[] = [];
    let wake: () => void = () => undefined;
    let over = false;
    const id = this.#next;
    const ended = this.call(name, args, {
      onData: (data) => {
        queue.push(data);
        wake();
      },
    }).finally(() => {
      over = true;
      wake();
    });
    ended.catch(() => undefined);
    try {
      for (;;) {
        const chunk = queue.shift();
        if (chunk !== undefined) {
          void this.#frames.send({ id, ack: chunk.byteLength });
          yield chunk;
        } else if (over) break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      await ended;
    } finally {
      if (!over) this.cancel(id);
    }
  }

  cancel(id: number): void {
    void this.#frames.send({ id, cancel: true });
  }

  close(): void {
    this.#end(new GtpkgError('TIMEOUT', 'the depot was closed'));
    this.#frames.destroy();
  }

  #take(header: Header, body: Buffer): void {
    this.#heard = performance.now();
    const pending = typeof header['id'] === 'number' ? this.#pending.get(header['id']) : undefined;
    if (pending === undefined) return;
    if (header['data'] === true) pending.onData?.(body);
    else if (header['progress'] !== undefined) pending.onProgress?.(header['progress'] as FetchProgress);
    else if (header['error'] !== undefined) pending.reject(decodeError(header['error']));
    else pending.resolve({ ok: header['ok'], body });
  }

  #end(error: GtpkgError): void {
    this.#closed ??= error;
    for (const pending of this.#pending.values()) pending.reject(error);
    clearInterval(this.#watch);
  }

  /** Pending calls keep the process alive and are watched; an idle connection does neither. */
  #busy(): void {
    if (this.#pending.size === 0 || this.#closed !== undefined) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      this.#frames.unref();
    } else if (this.#watch === undefined) {
      this.#frames.ref();
      this.#heard = performance.now();
      this.#watch = setInterval(() => {
        if (performance.now() - this.#heard < SILENCE) return;
        this.#end(gone());
        this.#frames.destroy();
      }, BEAT);
    }
  }
}

function gone(cause?: Error): GtpkgError {
  return new GtpkgError('HOME_BUSY', 'gtpkg seed stopped answering while it worked for this command', {
    hint: 'Run the command again.',
    ...(cause === undefined ? {} : { cause }),
  });
}

export class RemoteDepot implements Depot {
  readonly remote = true;
  readonly publicKey: CoreKey;
  readonly #channel: Channel;
  readonly #options: OpenOptions;

  private constructor(channel: Channel, publicKey: CoreKey, options: OpenOptions) {
    this.#channel = channel;
    this.publicKey = publicKey;
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
    return new RemoteDepot(channel, parseCoreKey(String(hello['publicKey'])), options);
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
    return (await this.#channel.call('held', { refs: refs.map(fromRef) })).ok as number[];
  }

  async fetch(refs: readonly CoreRef[], options: FetchOptions = {}): Promise<void> {
    const offline = this.#options.offline === true || options.offline === true;
    const { signal, onProgress } = options;
    await this.#channel.call(
      'fetch',
      { refs: refs.map(fromRef), offline, ...this.#timeout(options) },
      { signal, onProgress },
    );
  }

  source(ref: CoreRef): ByteSource {
    return {
      byteLength: ref.byteLength,
      read: (offset, length) => this.#channel.stream('read', { ref: fromRef(ref), offset, length }),
    };
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

  close(): Promise<void> {
    this.#channel.close();
    return Promise.resolve();
  }

  #timeout(options: WaitOptions): { timeout?: number } {
    const timeout = options.timeout ?? this.#options.timeout;
    return timeout === undefined ? {} : { timeout };
  }
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

  async refresh(options: WaitOptions = {}): Promise<{ readonly length: number; readonly peers: number }> {
    const { ok } = await this.#call('logRefresh', { log: this.#log }, options);
    const answer = ok as { length: number; peers: number };
    this.#length = answer.length;
    return answer;
  }

  async close(): Promise<void> {
    await this.#call('logClose', { log: this.#log }).catch(() => undefined);
  }
}

function fromRef(ref: CoreRef): unknown {
  return [ref.key, ref.byteLength];
}

function toRef(value: unknown): CoreRef {
  const [key, byteLength] = value as [string, number];
  return { key: parseCoreKey(key), byteLength };
}

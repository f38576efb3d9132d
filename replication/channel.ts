/**
 * The client's end of the daemon socket: calls go out, answers come back in any order. docs/formats/daemon-socket.md.
 */
import { GtpkgError, limits } from '../model/index.js';
import type { FetchProgress } from './contract.js';
import { aborted } from './failure.js';
import { BEAT, decodeError, type FrameSocket, type Header } from './wire.js';

/** A daemon that says nothing for this long while a call is pending is dead or stopped. */
const SILENCE = Math.max(limits.TIMEOUT.socket, 5 * BEAT);
interface Pending {
  resolve(answer: { ok: unknown; body: Buffer }): void;
  reject(error: Error): void;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly onData?: ((data: Buffer) => void) | undefined;
}

/** What a call carries beside its arguments. */
export interface CallOptions {
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  readonly onData?: ((data: Buffer) => void) | undefined;
}

/** Idle, it does not keep the process alive; busy, it notices a daemon that stopped. */
export class Channel {
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
    data: { gone: true },
    ...(cause === undefined ? {} : { cause }),
  });
}

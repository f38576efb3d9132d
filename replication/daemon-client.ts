/**
 * One command that is connected to the daemon: its calls in progress, its open logs, what it works with. daemon-calls.ts has the calls.
 */
import type { Socket } from 'node:net';
import { GtpkgError, type CoreKey, type CoreRef } from '../model/index.js';
import type { Depot, Log, ServiceFacts } from './contract.js';
import { Arguments } from './daemon-arguments.js';
import { HANDLERS } from './daemon-calls.js';
import { BEAT, DATA_FRAME, DATA_WINDOW, encodeError, FrameSocket, VERSION, type Header } from './wire.js';

/** Calls at once of one client. */
const MAX_CALLS = 256;

/** A call in progress. */
export interface Call {
  readonly id: number;
  readonly args: Arguments;
  readonly body: Buffer;
  readonly stop: AbortController;
  /** bytes of a read sent and not yet acknowledged */
  window: number;
  wake: () => void;
}

/** What a call gives: the last frame of its answer. */
export type Answer = { readonly ok?: unknown; readonly body?: Uint8Array };

/** Lives as long as the connection. */
export class Client {
  readonly #depot: Depot;
  readonly #frames: FrameSocket;
  readonly #calls = new Map<number, Call>();
  readonly #logs = new Map<number, Log>();
  readonly #beat: NodeJS.Timeout;
  /** cores that this command has fetched, stored or read */
  readonly used = new Set<CoreKey>();
  readonly facts: ServiceFacts;
  #greeted = false;
  #nextLog = 1;
  onClose: () => void = () => undefined;

  constructor(depot: Depot, socket: Socket, facts: ServiceFacts) {
    this.#depot = depot;
    this.facts = facts;
    this.#frames = new FrameSocket(socket);
    this.#frames.onFrame = (header, body) => this.#take(header, body);
    this.#frames.onClose = () => this.#ended();
    this.#beat = setInterval(() => {
      if (this.#calls.size > 0) void this.#frames.send({ beat: true });
    }, BEAT);
    void this.#frames.send({
      hello: 'gtpkg-daemon',
      version: VERSION,
      publicKey: depot.publicKey,
      pid: process.pid,
    });
  }

  close(): void {
    this.#frames.destroy();
  }

  #ended(): void {
    clearInterval(this.#beat);
    for (const call of this.#calls.values()) {
      call.stop.abort(new GtpkgError('TIMEOUT', 'the command went away'));
      call.wake();
    }
    for (const log of this.#logs.values()) void log.close();
    this.onClose();
  }

  #take(header: Header, body: Buffer): void {
    if (!this.#greeted) {
      if (header['hello'] !== 'gtpkg' || header['version'] !== VERSION) return this.close();
      this.#greeted = true;
      return;
    }
    const id = header['id'];
    if (typeof id !== 'number' || !Number.isSafeInteger(id)) return this.close();
    const pending = this.#calls.get(id);
    if (header['cancel'] === true) {
      pending?.stop.abort(new GtpkgError('TIMEOUT', 'the command was stopped'));
      pending?.wake();
    } else if (typeof header['ack'] === 'number') {
      if (pending !== undefined) pending.window -= header['ack'];
      pending?.wake();
    } else if (typeof header['call'] === 'string') {
      if (pending !== undefined || this.#calls.size >= MAX_CALLS) return this.close();
      void this.#answer(header['call'], {
        id,
        args: new Arguments(header['args']),
        body,
        stop: new AbortController(),
        window: 0,
        wake: () => undefined,
      });
    } else this.close();
  }

  async #answer(name: string, call: Call): Promise<void> {
    const { id } = call;
    this.#calls.set(id, call);
    try {
      const handler = Object.hasOwn(HANDLERS, name) ? HANDLERS[name as keyof typeof HANDLERS] : undefined;
      if (handler === undefined) throw new GtpkgError('INTERNAL', `the daemon knows no call "${name}"`);
      const { ok, body } = await handler.call(this, call);
      await this.#frames.send({ id, ok: ok ?? null }, body);
    } catch (error) {
      await this.#frames.send({ id, error: encodeError(error) }).catch(() => this.close());
    } finally {
      this.#calls.delete(id);
    }
  }

  get depot(): Depot {
    return this.#depot;
  }

  progress(call: Call, progress: unknown): void {
    void this.#frames.send({ id: call.id, progress });
  }

  use(ref: CoreRef): CoreRef {
    this.used.add(ref.key);
    return ref;
  }

  addLog(log: Log): number {
    const handle = this.#nextLog++;
    this.#logs.set(handle, log);
    return handle;
  }

  log(call: Call): Log {
    const log = this.#logs.get(call.args.number('log'));
    if (log === undefined) throw new GtpkgError('INTERNAL', 'the daemon knows no such log');
    return log;
  }

  async closeLog(call: Call): Promise<void> {
    const log = this.log(call);
    this.#logs.delete(call.args.number('log'));
    await log.close();
  }

  /** Sends bytes as data frames, at most DATA_WINDOW ahead of the reader. */
  async stream(call: Call, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { signal } = call.stop;
    for await (const chunk of chunks) {
      for (let start = 0; start < chunk.byteLength; start += DATA_FRAME) {
        const piece = chunk.subarray(start, start + DATA_FRAME);
        while (call.window + piece.byteLength > DATA_WINDOW && !signal.aborted) {
          await new Promise<void>((resolve) => (call.wake = resolve));
        }
        if (signal.aborted) throw signal.reason;
        call.window += piece.byteLength;
        await this.#frames.send({ id: call.id, data: true }, piece);
      }
    }
  }
}

/**
 * One thread that lays out files, seen from the thread that feeds it: lay-out.ts says what it works on, lay-out-thread.ts is what it runs.
 */
import { Worker } from 'node:worker_threads';
import { GtpkgError, limits, type ByteSource, type VerifiedRelease } from '../../model/index.js';
import { fromPlain, toPlain } from '../../model/thread-error.js';
import { stopped, type Advance, type Digests, type FileTargets } from '../../installer/lay-out.js';
import type { FromThread, ToThread } from './lay-out-thread.js';

/** Chunks on their way to a thread: at most 512 KiB each. */
const AHEAD = 2;
/** MB for what a thread makes and drops: it holds little at a time, and would let its garbage grow. */
const YOUNG = 4;

/** A piece of work. */
export interface Job {
  readonly release: VerifiedRelease;
  readonly targets: FileTargets;
  readonly advance: Advance;
}

/** A stretch of a source, the first chunk of which may be asked for early. */
export class Stretch {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #first: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(source: ByteSource, { offset, length }: { readonly offset: number; readonly length: number }) {
    this.#chunks = source.read(offset, length)[Symbol.asyncIterator]();
  }

  begin(): void {
    if (this.#first !== undefined) return;
    this.#first = this.#chunks.next();
    // whoever reads it is told
    this.#first.catch(() => undefined);
  }

  async *read(): AsyncGenerator<Uint8Array> {
    this.begin();
    try {
      for (let next = await this.#first; next?.done === false; next = await this.#chunks.next())
        yield next.value;
    } finally {
      await this.close();
    }
  }

  /** Nothing more is read. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** One thread, and this thread's side of what it does. */
export class LayOutWorker {
  readonly #worker: Worker;
  readonly #free: Uint8Array[] = [];
  #ended: Error | undefined;
  #handle: ((message: FromThread) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor(script: URL, root: string) {
    this.#worker = new Worker(script, {
      workerData: { root },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    });
    this.#worker.on('message', (message: FromThread) => this.#handle?.(message));
    this.#worker.on('error', (error) => this.#end(died(error)));
    this.#worker.on('exit', () => this.#end(died()));
  }

  /** One piece of work at a time. */
  async run({ release, targets, advance }: Job, stretch: Stretch): Promise<Digests> {
    if (this.#ended !== undefined) throw this.#ended;
    const { payload } = release;
    if (payload === undefined) throw new GtpkgError('INTERNAL', 'a release without a plan in a thread');
    const feed = new Feed(this.#free, (message, transfer) => this.#worker.postMessage(message, transfer));
    try {
      return await new Promise<Digests>((resolve, reject) => {
        this.#fail = reject;
        this.#handle = (message) => {
          if (message.kind === 'advance') advance(message.bytes);
          else if (message.kind === 'taken') feed.taken(message.bytes);
          else if (message.kind === 'done') resolve(message.digests);
          else reject(fromPlain(message.error));
        };
        this.#worker.postMessage({
          kind: 'job',
          payload,
          targets,
        } satisfies ToThread);
        feed.start(stretch.read());
      });
    } finally {
      this.#handle = undefined;
      this.#fail = undefined;
      feed.end();
    }
  }

  /** Before its next piece of work it gives back the memory that decompressing the last one took. */
  relieve(): void {
    this.#worker.postMessage({ kind: 'relieve' } satisfies ToThread);
  }

  /** Resolves when nothing of it runs any more. */
  async end(): Promise<void> {
    this.#end(stopped());
    await this.#worker.terminate();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#fail?.(this.#ended);
  }
}

/** Bytes for a thread, a few chunks ahead of it. */
class Feed {
  readonly #post: (message: ToThread, transfer: ArrayBuffer[]) => void;
  readonly #free: Uint8Array[];
  #ahead = 0;
  #more: (() => void) | undefined;
  #ended = false;

  /** @param free - memory for chunks, kept from one piece of work to the next */
  constructor(free: Uint8Array[], post: (message: ToThread, transfer: ArrayBuffer[]) => void) {
    this.#free = free;
    this.#post = post;
  }

  start(chunks: AsyncIterable<Uint8Array>): void {
    void this.#pump(chunks).then(
      () => this.#send({ kind: 'end' }),
      (error: unknown) => this.#send({ kind: 'fail', error: toPlain(error) }),
    );
  }

  /** The memory of a chunk comes back. */
  taken(bytes: Uint8Array): void {
    this.#ahead--;
    this.#free.push(bytes);
    this.#more?.();
  }

  end(): void {
    this.#ended = true;
    this.#more?.();
  }

  async #pump(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const most = limits.RELEASE_CHUNK;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length && !this.#ended; at += most)
        await this.#chunk(chunk.subarray(at, at + most));
      if (this.#ended) return;
    }
  }

  async #chunk(chunk: Uint8Array): Promise<void> {
    while (this.#ahead >= AHEAD && !this.#ended) await new Promise<void>((resolve) => (this.#more = resolve));
    if (this.#ended) return;
    this.#ahead++;
    // the source's memory is not ours to give away
    const bytes = this.#free.pop() ?? new Uint8Array(limits.RELEASE_CHUNK);
    bytes.set(chunk);
    this.#send({ kind: 'chunk', bytes, length: chunk.length }, [bytes.buffer as ArrayBuffer]);
  }

  #send(message: ToThread, transfer: ArrayBuffer[] = []): void {
    if (!this.#ended) this.#post(message, transfer);
  }
}

function died(cause?: unknown): GtpkgError {
  return new GtpkgError('INTERNAL', 'a thread that lays out files ended before its work was done', {
    hint: 'Run the command again. Nothing was changed.',
    cause,
  });
}

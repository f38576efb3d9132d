/**
 * Lays out the files of many releases in threads of their own: decompressing, checking and writing takes all processors, while this thread goes on
 * receiving. A release is one piece of work; a thread takes the next one that has arrived.
 *
 * The threads get bytes and plans, and give back that it is done: what was verified stays in the type of the release, here.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import {
  GtpkgError,
  limits,
  type ByteSource,
  type CoreRef,
  type VerifiedRelease,
} from '../../model/index.js';
import {
  LayOutHere,
  stopped,
  type Advance,
  type Digests,
  type FileTargets,
  type LayOut,
} from '../../installer/lay-out.js';
import type { OpenRoot } from '../../installer/root.js';
import { collectYoung } from '../collect.js';
import { trimMemory } from '../../system/memory.js';
import type { FromThread, ToThread } from './lay-out-thread.js';
import { fromPlain, toPlain } from '../../model/thread-error.js';

/** More than this many threads would wait for the disk and for us. */
const MOST = 4;
/** Chunks on their way to a thread: at most 512 KiB each. */
const AHEAD = 2;
/** MB for what a thread makes and drops: it holds little at a time, and would let its garbage grow. */
const YOUNG = 4;
/** Bytes of a payload from which on zstd looks back farther than 8 MiB (docs/formats/release-core.md), and takes as much memory. */
const WIDE = 8 * 1024 * 1024;
/** Compressed bytes handed to threads after which memory that is used no more goes back to the system. */
const RECLAIM_EVERY = 4 * 1024 * 1024;
/** Of compressed bytes: less is done sooner than threads are started. */
const WORTH = 8 * 1024 * 1024;

/** Where the bytes of a release come from. */
export interface Arriving {
  source(ref: CoreRef): ByteSource;
  whole(ref: CoreRef): Promise<void>;
  /** nobody waits any more */
  stop(): Promise<void>;
}

/**
 * Threads where they pay for releases in these cores, else this one. Stopping it ends the fetch too: nothing of it is wanted then.
 * @param cores - of releases that come as themselves, not as deltas
 */
export function chooseLayOut(root: OpenRoot, cores: readonly CoreRef[], arriving: Arriving): LayOut {
  const here = new LayOutHere(root.disk);
  const bytes = cores.reduce((sum, core) => sum + core.byteLength, 0);
  if (bytes < WORTH) return { files: here.files.bind(here), stop: () => stopBoth(arriving, here) };
  const threads = new LayOutThreads({ root: root.dir, arriving, here });
  // of one release all has to come before a thread has work
  if (cores.length > 1) threads.start(cores.length);
  return { files: threads.files.bind(threads), stop: () => stopBoth(arriving, threads) };
}

async function stopBoth(arriving: Arriving, layOut: LayOut): Promise<void> {
  await arriving.stop();
  await layOut.stop();
}

/** A piece of work. */
interface Job {
  readonly release: VerifiedRelease;
  readonly targets: FileTargets;
  readonly advance: Advance;
}

/** What threads work on. */
export interface LayOutOptions {
  /** absolute path; the targets of all calls are below it */
  readonly root: string;
  readonly arriving: Arriving;
  /** for releases that no other thread can make */
  readonly here: LayOut;
  readonly script?: URL;
}

/** A piece of work that waits for a thread; undefined: none will come. */
interface Waiting {
  readonly bytes: number;
  /** its first chunk is fetched from the store, so that no thread waits for it */
  readonly begin: () => void;
  readonly take: (thread: Thread | undefined) => void;
}

/** A stretch of a source, the first chunk of which may be asked for early. */
class Stretch {
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

/** Threads, as many as there is work for. */
export class LayOutThreads implements LayOut {
  readonly #root: string;
  readonly #arriving: Arriving;
  readonly #here: LayOut;
  readonly #script: URL;
  readonly #threads = new Set<Thread>();
  readonly #idle: Thread[] = [];
  readonly #queue: Waiting[] = [];
  /** calls that no thread works on yet */
  #expected = 0;
  #fed = 0;
  readonly #ending = new Set<Promise<void>>();
  #stopping: Promise<void> | undefined;

  /** @param options - `script`: what the threads run, for tests */
  constructor(options: LayOutOptions) {
    this.#root = options.root;
    this.#arriving = options.arriving;
    this.#here = options.here;
    this.#script = options.script ?? new URL('./lay-out-thread.js', import.meta.url);
  }

  /** Starts threads before the first call: they are ready when it comes. @param jobs - calls that are to be expected */
  start(jobs: number): void {
    trimMemory();
    while (this.#threads.size < Math.min(jobs, MOST, availableParallelism())) this.#idle.push(this.#make());
  }

  async files(release: VerifiedRelease, targets: FileTargets, advance: Advance): Promise<Digests> {
    const { payload, pin } = release;
    if (payload === undefined) return this.#here.files(release, targets, advance);
    const { section } = payload;
    const stretch = new Stretch(this.#counted(this.#arriving.source(pin.core)), section);
    this.#expected++;
    let thread: Thread | undefined;
    try {
      await this.#arriving.whole(pin.core);
      thread = await this.#thread(section.rawLength, stretch);
    } finally {
      this.#expected--;
    }
    if (thread === undefined) {
      await stretch.close();
      throw stopped();
    }
    try {
      return await thread.run({ release, targets, advance }, stretch);
    } finally {
      this.#next(thread, section.rawLength);
    }
  }

  /** What a thread does that has done its work: the largest piece that waits, because what is begun last should be over soon. */
  #next(thread: Thread, done: number): void {
    this.#queue.sort((a, b) => a.bytes - b.bytes);
    const next = this.#queue.pop();
    this.#queue.at(-1)?.begin();
    if (next === undefined && this.#expected > 0) this.#idle.push(thread);
    else if (next === undefined) this.#dismiss(thread);
    else if (done <= WIDE || next.bytes > WIDE) next.take(thread);
    else {
      // decompressing the large ones took 32 MiB that it would keep to its end
      this.#dismiss(thread);
      next.take(this.#make());
    }
  }

  #dismiss(thread: Thread): void {
    this.#threads.delete(thread);
    const ending = thread.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const next of this.#queue.splice(0)) next.take(undefined);
    const ends = [...this.#threads].map((thread) => thread.end());
    await Promise.all([this.#here.stop(), ...ends, ...this.#ending]);
  }

  // Blocks of the store that wait for V8 to see that nobody has them, and what lies free in the arenas of three threads: an eighth of all memory.
  #counted(source: ByteSource): ByteSource {
    const fed = (bytes: number): void => {
      this.#fed += bytes;
      if (this.#fed < RECLAIM_EVERY) return;
      this.#fed = 0;
      collectYoung();
      trimMemory();
    };
    return {
      byteLength: source.byteLength,
      async *read(offset, length) {
        for await (const chunk of source.read(offset, length)) {
          yield chunk;
          fed(chunk.length);
        }
      },
    };
  }

  #make(): Thread {
    const made = new Thread(this.#script, this.#root);
    this.#threads.add(made);
    return made;
  }

  #thread(bytes: number, stretch: Stretch): Promise<Thread | undefined> | Thread | undefined {
    if (this.#stopping !== undefined) return undefined;
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#threads.size < Math.min(MOST, availableParallelism())) return this.#make();
    return new Promise((take) => this.#queue.push({ bytes, begin: () => stretch.begin(), take }));
  }
}

/** One thread, and this thread's side of what it does. */
class Thread {
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

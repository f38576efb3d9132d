/**
 * Lays out the files of many releases in threads of their own: decompressing, checking and writing takes all processors, while this thread goes on
 * receiving. A release is one piece of work; a thread takes the next one that has arrived.
 *
 * The threads get bytes and plans, and give back that it is done: what was verified stays in the type of the release, here.
 */
import { availableParallelism } from 'node:os';
import type { ByteSource, CoreRef, VerifiedRelease } from '../../model/index.js';
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
import { LayOutWorker, Stretch } from './lay-out-worker.js';

/** More than this many threads would wait for the disk and for us. */
const MOST = 4;
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
  readonly take: (thread: LayOutWorker | undefined) => void;
}

/** Threads, as many as there is work for. */
export class LayOutThreads implements LayOut {
  readonly #root: string;
  readonly #arriving: Arriving;
  readonly #here: LayOut;
  readonly #script: URL;
  readonly #threads = new Set<LayOutWorker>();
  readonly #idle: LayOutWorker[] = [];
  readonly #queue: Waiting[] = [];
  /** calls that no thread works on yet */
  #expected = 0;
  /** calls that were announced and have not come */
  #announced = 0;
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
    this.#announced = jobs;
    while (this.#threads.size < Math.min(jobs, MOST, availableParallelism())) this.#idle.push(this.#make());
  }

  async files(release: VerifiedRelease, targets: FileTargets, advance: Advance): Promise<Digests> {
    const { payload, pin } = release;
    if (payload === undefined) return this.#here.files(release, targets, advance);
    const { section } = payload;
    const stretch = new Stretch(this.#counted(this.#arriving.source(pin.core)), section);
    this.#announced = Math.max(0, this.#announced - 1);
    this.#expected++;
    let thread: LayOutWorker | undefined;
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
  #next(thread: LayOutWorker, done: number): void {
    this.#queue.sort((a, b) => a.bytes - b.bytes);
    const next = this.#queue.pop();
    this.#queue.at(-1)?.begin();
    if (next === undefined && this.#expected + this.#announced > 0) this.#idle.push(thread);
    else if (next === undefined) this.#dismiss(thread);
    else {
      // decompressing large ones takes 32 MiB that it would keep to its end
      if (done > WIDE && next.bytes <= WIDE) thread.relieve();
      next.take(thread);
    }
  }

  #dismiss(thread: LayOutWorker): void {
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

  #make(): LayOutWorker {
    const made = new LayOutWorker(this.#script, this.#root);
    this.#threads.add(made);
    return made;
  }

  #thread(bytes: number, stretch: Stretch): Promise<LayOutWorker | undefined> | LayOutWorker | undefined {
    if (this.#stopping !== undefined) return undefined;
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#threads.size < Math.min(MOST, availableParallelism())) return this.#make();
    return new Promise((take) => this.#queue.push({ bytes, begin: () => stretch.begin(), take }));
  }
}

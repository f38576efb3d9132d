/**
 * Bucket topics: where those meet who hold, and those who want, a core that nobody in their distributions' swarms holds.
 * docs/formats/swarm.md, ADR 0012.
 *
 * 64 topics for all cores there are; a core's is decided by its discovery key. A node that serves announces the buckets of what it
 * holds and hardly anybody else does, slowly and in the background: an announcement costs tens of milliseconds and memory as long
 * as it stands. A node that fetches looks in a bucket only after its peers had their chance, and for a while only.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../model/index.js';

/** After the start, which is for what matters more. */
const FIRST = 2000;
const AGAIN = 60_000;
/** Between two announcements. */
const PACE = 100;
/** A bucket that nobody asked for again is left, and one that is asked for is looked through again. */
const LEAVE = 30_000;
const LOOK = 5000;

/** The bucket of a core: the first six bits of its discovery key. */
export function bucketOf(discoveryKey: Uint8Array): number {
  return (discoveryKey[0] ?? 0) >> 2;
}

/** Where on the DHT its holders and seekers meet. */
export function bucketTopic(bucket: number): Buffer {
  return createHash('sha256').update('gtpkg bucket topic 1').update(Uint8Array.of(bucket)).digest();
}

/** A topic that is announced, or looked up. */
export interface BucketTopic {
  refresh(): Promise<void>;
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface BucketsContext {
  join(topic: Buffer, announce: boolean): BucketTopic;
  /** false while there is no DHT to announce on */
  answering(): boolean;
  /** what this node serves and hardly anybody else does: discovery keys */
  rare(): Promise<Iterable<Uint8Array>>;
  /** announce at all */
  readonly serves: boolean;
}

export class Buckets {
  readonly #context: BucketsContext;
  readonly #announced = new Map<number, BucketTopic>();
  readonly #looking = new Map<number, { session: BucketTopic; asked: number; looked: number }>();
  readonly #stop = new AbortController();
  readonly #announcing: Promise<void>;

  constructor(context: BucketsContext) {
    this.#context = context;
    this.#announcing = context.serves ? this.#announce().catch(() => undefined) : Promise.resolve();
  }

  /** Buckets announced now. */
  get announced(): number[] {
    return [...this.#announced.keys()];
  }

  /** Nobody who is connected has these: their buckets are looked through, some at a time. Returns at once. */
  look(discoveryKeys: Iterable<Uint8Array>): void {
    if (this.#stop.signal.aborted || !this.#context.answering()) return;
    const now = performance.now();
    const wanted = new Set([...discoveryKeys].map(bucketOf));
    for (const [bucket, { session, asked }] of this.#looking) {
      if (wanted.has(bucket) || now - asked < LEAVE) continue;
      this.#looking.delete(bucket);
      void session.close();
    }
    for (const bucket of wanted) {
      const open = this.#looking.get(bucket);
      if (open !== undefined) {
        open.asked = now;
        if (now - open.looked < LOOK) continue;
        open.looked = now;
        void open.session.refresh();
      } else if (this.#looking.size < limits.MAX_BUCKETS_LOOKED) {
        const session = this.#context.join(bucketTopic(bucket), false);
        this.#looking.set(bucket, { session, asked: now, looked: now });
      }
    }
  }

  /** A fetch is over: its buckets are left. Connections that came of them stay as long as they are used. */
  rest(): void {
    for (const { session } of this.#looking.values()) void session.close();
    this.#looking.clear();
  }

  /** Takes the announcements back, as long as the DHT answers. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.rest();
    await this.#announcing;
    await Promise.all([...this.#announced.values()].map((session) => session.close()));
  }

  async #announce(): Promise<void> {
    const { signal } = this.#stop;
    const pause = async (delay: number): Promise<boolean> => {
      await sleep(delay, undefined, { signal, ref: false }).catch(() => undefined);
      return !signal.aborted;
    };
    for (let delay = FIRST; await pause(delay); delay = AGAIN) {
      if (!this.#context.answering()) {
        delay = FIRST;
        continue;
      }
      const due = new Set([...(await this.#context.rare())].map(bucketOf));
      for (const [bucket, session] of this.#announced) {
        if (due.has(bucket)) continue;
        this.#announced.delete(bucket);
        await session.close();
      }
      for (const bucket of due) {
        if (this.#announced.has(bucket)) continue;
        if (signal.aborted) return;
        const session = this.#context.join(bucketTopic(bucket), true);
        this.#announced.set(bucket, session);
        await Promise.race([session.settled(), pause(FIRST)]);
        if (!(await pause(PACE))) return;
      }
    }
  }
}

/**
 * Objects of packs that are to be judged: the small ones in memory, what would fill it put aside on the disk. A first fetch of 63,000 packages is
 * 55 MB of shards; held as objects they took 200 MB.
 */
import type { Oid } from '../model/index.js';
import type { GitObject } from '../git/objects.js';
import { Spill } from '../git/spill.js';

/** Objects by id, wherever they are kept: a Map is one. */
export interface ObjectSet extends Iterable<readonly [Oid, GitObject]> {
  get(oid: Oid): GitObject | undefined;
  has(oid: Oid): boolean;
}

/** Shards up to so many bytes all together stay in memory: an update does, a snapshot of a distribution does not. */
const IN_MEMORY = 8 << 20;

interface Aside {
  readonly type: GitObject['type'];
  readonly at: number;
  readonly size: number;
}

/** Use until close(). */
export class ObjectHeap implements ObjectSet {
  readonly #held = new Map<Oid, GitObject>();
  readonly #aside = new Map<Oid, Aside>();
  readonly #spill: Spill;

  /** @param dir - a folder for what is put aside */
  constructor(dir: string) {
    this.#spill = new Spill(dir, IN_MEMORY);
  }

  get size(): number {
    return this.#held.size + this.#aside.size;
  }

  /** Keeps an object; again, when it is there, changes nothing. @throws GtpkgError NO_SPACE, IO_ERROR, … */
  add(oid: Oid, object: GitObject): void {
    if (this.has(oid)) return;
    const { type, body } = object;
    if (type !== 'blob') this.#held.set(oid, object);
    else this.#aside.set(oid, { type, at: this.#spill.put(body), size: body.length });
  }

  has(oid: Oid): boolean {
    return this.#held.has(oid) || this.#aside.has(oid);
  }

  get(oid: Oid): GitObject | undefined {
    const aside = this.#aside.get(oid);
    if (aside === undefined) return this.#held.get(oid);
    return { type: aside.type, body: this.#spill.take(aside.at, aside.size) };
  }

  *[Symbol.iterator](): Generator<readonly [Oid, GitObject]> {
    yield* this.#held;
    for (const oid of this.#aside.keys()) yield [oid, this.get(oid) as GitObject];
  }

  close(): void {
    this.#spill.close();
  }
}

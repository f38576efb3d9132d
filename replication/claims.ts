/**
 * What one peer says it holds: a set of 48-bit numbers, kept sorted, eight bytes each. Its size is bounded, and so is the work that a
 * peer can cause: changes are collected and merged when there are many, or when somebody asks.
 */
import { limits } from '../model/index.js';

/** Changes that wait at least before they are merged unasked. */
const PATIENCE = 4096;

export class Claims {
  #sorted = new Float64Array(0);
  readonly #changes = new Map<number, boolean>();

  /** Takes numbers in or out; what goes past MAX_HOLDS is forgotten. */
  change(numbers: Iterable<number>, held: boolean): void {
    for (const number of numbers) {
      if (held && this.#sorted.length + this.#changes.size >= limits.MAX_HOLDS) continue;
      this.#changes.set(number, held);
    }
    if (this.#changes.size > Math.max(PATIENCE, this.#sorted.length / 2)) this.#merge();
  }

  has(number: number): boolean {
    this.#merge();
    const sorted = this.#sorted;
    let low = 0;
    for (let high = sorted.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return sorted[low] === number;
  }

  get size(): number {
    this.#merge();
    return this.#sorted.length;
  }

  #merge(): void {
    if (this.#changes.size === 0) return;
    const changes = this.#changes;
    const kept = this.#sorted.filter((number) => !changes.has(number));
    const added = [...changes].filter(([, held]) => held).map(([number]) => number);
    const merged = new Float64Array(kept.length + added.length);
    merged.set(kept);
    merged.set(added, kept.length);
    this.#sorted = merged.sort();
    changes.clear();
  }
}

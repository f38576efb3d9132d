/**
 * How much each of many is allowed, where nobody is to pay for another's noise.
 */
import { Allowance, type Bounds } from './talk.js';

/** An allowance for each name, of the `most` names that asked last. */
export class Allowances {
  readonly #bounds: Pick<Bounds, 'burst' | 'every'>;
  readonly #most: number;
  readonly #of = new Map<string, Allowance>();

  constructor(bounds: Pick<Bounds, 'burst' | 'every'>, most: number) {
    this.#bounds = bounds;
    this.#most = most;
  }

  take(name: string): boolean {
    const own = this.#of.get(name) ?? new Allowance(this.#bounds);
    this.#of.delete(name);
    this.#of.set(name, own);
    if (this.#of.size > this.#most) {
      const [oldest] = this.#of.keys();
      if (oldest !== undefined) this.#of.delete(oldest);
    }
    return own.take();
  }
}

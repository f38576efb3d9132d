/**
 * Bytes a second, now: the mean over the last seconds, from counters that are looked at once a second.
 */

/** Seconds that the mean is taken over. */
const WINDOW = 5;

/** Counters of one thing: of a connection, of all. */
export interface Counters {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What is flowing. */
export interface Rates {
  /** bytes a second */
  readonly rateIn: number;
  readonly rateOut: number;
}

const STILL: Rates = Object.freeze({ rateIn: 0, rateOut: 0 });

export class Meter<K> {
  readonly #samples = new Map<K, { at: number; counters: Counters }[]>();

  /** Looks at the counters; what is not among them any more is forgotten. */
  sample(all: Iterable<readonly [K, Counters]>, at: number): void {
    const seen = new Set<K>();
    for (const [key, counters] of all) {
      seen.add(key);
      const samples = this.#samples.get(key) ?? [];
      samples.push({ at, counters });
      if (samples.length > WINDOW + 1) samples.shift();
      this.#samples.set(key, samples);
    }
    for (const key of this.#samples.keys()) if (!seen.has(key)) this.#samples.delete(key);
  }

  rates(key: K): Rates {
    const samples = this.#samples.get(key);
    const first = samples?.[0];
    const last = samples?.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return STILL;
    const seconds = (last.at - first.at) / 1000;
    return {
      rateIn: Math.max(0, last.counters.bytesIn - first.counters.bytesIn) / seconds,
      rateOut: Math.max(0, last.counters.bytesOut - first.counters.bytesOut) / seconds,
    };
  }
}

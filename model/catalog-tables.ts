/**
 * Tables of numbers: counting, then placing, as a radix sort does. Pure.
 */

/** Counts one more at `at`; the table is one longer than what is counted. */
export function count1(counts: Uint32Array, at: number): void {
  counts[at + 1] = (counts[at + 1] ?? 0) + 1;
}

/** Counts become offsets. */
export function accumulate(counts: Uint32Array): void {
  for (let i = 1; i < counts.length; i++) counts[i] = (counts[i] ?? 0) + (counts[i - 1] ?? 0);
}

/** The next free place at `at`. */
export function bump(next: Uint32Array, at: number): number {
  const value = next[at] ?? 0;
  next[at] = value + 1;
  return value;
}

/** Each value at its place. */
export function moved(values: Uint32Array, place: Uint32Array): Uint32Array {
  const out = new Uint32Array(values.length);
  for (let from = 0; from < values.length; from++) out[place[from] ?? 0] = values[from] ?? 0;
  return out;
}

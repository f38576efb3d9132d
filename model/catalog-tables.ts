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
export function moved(values: readonly number[], place: Uint32Array): Uint32Array {
  const out = new Uint32Array(values.length);
  values.forEach((value, from) => (out[place[from] ?? 0] = value));
  return out;
}

/** Where each text begins, and where the last ends. */
export function offsets(texts: readonly string[]): Uint32Array {
  const out = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => (out[i + 1] = (out[i] ?? 0) + text.length));
  return out;
}

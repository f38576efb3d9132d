/**
 * Sorts words by their bytes, one place after the other (most significant first, as a telephone book is made): of names that begin alike,
 * what they share is looked at once, not in every comparison. Pure.
 */
import type { ByteWords } from './byte-words.js';

/** Fewer than these are put in order by comparing them. */
const FEW = 24;
/** The end of a word, then its 256 bytes. */
const BUCKETS = 257;

/** The numbers of all words in the order of their bytes. */
export function sortWords(words: ByteWords): Uint32Array {
  const { bytes, offsets } = words.tables;
  const order = Uint32Array.from({ length: words.size }, (_, word) => word);
  const aside = new Uint32Array(words.size);
  // ranges that agree in all places before `place`
  const work = [{ from: 0, to: order.length, place: 0 }];
  for (let range = work.pop(); range !== undefined; range = work.pop()) {
    const { from, to, place } = range;
    if (to - from < FEW) {
      insert(words, order, range);
      continue;
    }
    const starts = new Uint32Array(BUCKETS + 1);
    for (let i = from; i < to; i++) {
      const bucket = bucketOf(order[i] ?? 0) + 1;
      starts[bucket] = (starts[bucket] ?? 0) + 1;
    }
    for (let bucket = 1; bucket <= BUCKETS; bucket++)
      starts[bucket] = (starts[bucket] ?? 0) + (starts[bucket - 1] ?? 0);
    const next = starts.slice();
    for (let i = from; i < to; i++) {
      const word = order[i] ?? 0;
      const bucket = bucketOf(word);
      aside[from + (next[bucket] ?? 0)] = word;
      next[bucket] = (next[bucket] ?? 0) + 1;
    }
    order.set(aside.subarray(from, to), from);
    // no two words are the same, so of those that end here there is one
    for (let bucket = 1; bucket < BUCKETS; bucket++) {
      const [start, end] = [from + (starts[bucket] ?? 0), from + (starts[bucket + 1] ?? 0)];
      if (end - start > 1) work.push({ from: start, to: end, place: place + 1 });
    }

    function bucketOf(word: number): number {
      const at = (offsets[word] ?? 0) + place;
      return at < (offsets[word + 1] ?? 0) ? (bytes[at] ?? 0) + 1 : 0;
    }
  }
  return order;
}

function insert(
  words: ByteWords,
  order: Uint32Array,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  for (let i = from + 1; i < to; i++) {
    const word = order[i] ?? 0;
    let at = i;
    for (; at > from && words.compare(order[at - 1] ?? 0, word) > 0; at--) order[at] = order[at - 1] ?? 0;
    order[at] = word;
  }
}

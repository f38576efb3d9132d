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
  const order = new Uint32Array(words.size);
  for (let word = 0; word < order.length; word++) order[word] = word;
  const aside = new Uint32Array(words.size);
  const buckets = new Uint16Array(words.size);
  const starts = new Uint32Array(BUCKETS + 1);
  // ranges that agree in all places before `place`
  const work = [{ from: 0, to: order.length, place: 0 }];
  for (let range = work.pop(); range !== undefined; range = work.pop()) {
    const { from, to, place } = range;
    if (to - from < FEW) {
      insert(words, order, range);
      continue;
    }
    starts.fill(0);
    for (let i = from; i < to; i++) {
      const word = order[i] ?? 0;
      const at = (offsets[word] ?? 0) + place;
      const bucket = at < (offsets[word + 1] ?? 0) ? (bytes[at] ?? 0) + 1 : 0;
      aside[i] = word;
      buckets[i] = bucket;
      starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1;
    }
    let start = from;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = starts[bucket + 1] ?? 0;
      // no two words are the same, so of those that end here there is one
      if (count > 1) work.push({ from: start, to: start + count, place: place + 1 });
      starts[bucket] = start;
      start += count;
    }
    for (let i = from; i < to; i++) {
      const bucket = buckets[i] ?? 0;
      const target = starts[bucket] ?? 0;
      order[target] = aside[i] ?? 0;
      starts[bucket] = target + 1;
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

/**
 * Sorted words, each with numbers: who provides a name, which packages a word occurs in. Used as it lies on disk. Pure.
 *
 * Words are strings of bytes (UTF-8 read as Latin-1), so that JavaScript's order of strings is the order of bytes.
 */
import { lowerBound, nameAt } from './name-table.js';

/** A table; the words and the numbers of each lie back to back. */
export interface WordTable {
  readonly words: Buffer;
  /** where each word starts in `words`, and the end */
  readonly offsets: Uint32Array;
  /** where each word's numbers start in `links`, and the end */
  readonly starts: Uint32Array;
  /** ascending for each word */
  readonly links: Uint32Array;
}

export const EMPTY: WordTable = {
  words: Buffer.alloc(0),
  offsets: new Uint32Array(1),
  starts: new Uint32Array(1),
  links: new Uint32Array(0),
};

/** How numbers of an old table read in a new one. */
export interface Renumbering {
  /** new number by old one, -1 for what is gone; ascending otherwise */
  readonly map: Int32Array;
  /** low bits of a link that are no part of the number */
  readonly bits: number;
}

/** The old table renumbered, with the fresh words and numbers in it. Words that have no number any more vanish. */
export function mergeWords(
  old: WordTable,
  { map, bits }: Renumbering,
  fresh: ReadonlyMap<string, readonly number[]>,
): WordTable {
  const added = [...fresh.keys()].sort();
  const size = old.offsets.length - 1;
  const count = size + added.length;
  const sum = (of: (word: string) => number): number => added.reduce((total, word) => total + of(word), 0);
  const words = Buffer.allocUnsafeSlow(old.words.length + sum((word) => word.length));
  const offsets = new Uint32Array(count + 1);
  const starts = new Uint32Array(count + 1);
  const links = new Uint32Array(old.links.length + sum((word) => fresh.get(word)?.length ?? 0));
  const low = (1 << bits) - 1;
  let [made, used, bytes] = [0, 0, 0];
  const end = (at: number): void => {
    made++;
    offsets[made] = at;
    starts[made] = used;
  };
  const keep = (from: number, to: number): void => {
    let run = from;
    const copyRun = (end: number): void => {
      bytes += old.words.copy(words, bytes, old.offsets[run], old.offsets[end]);
      run = end + 1;
    };
    for (let i = from; i < to; i++) {
      const before = used;
      const last = old.starts[i + 1] ?? 0;
      for (let at = old.starts[i] ?? 0; at < last; at++) {
        const link = old.links[at] ?? 0;
        const number = map[link >>> bits] ?? -1;
        if (number >= 0) links[used++] = (number << bits) | (link & low);
      }
      if (used === before) copyRun(i);
      else end(bytes + (old.offsets[i + 1] ?? 0) - (old.offsets[run] ?? 0));
    }
    if (run < to) copyRun(to);
  };
  let next = 0;
  for (const word of added) {
    const at = lowerBound(old.words, old.offsets, word);
    keep(next, at);
    const known = at < size && nameAt(old.words, old.offsets, at) === word;
    const [before, wordsBefore] = [used, made];
    if (known) keep(at, at + 1);
    next = known ? at + 1 : at;
    const numbers = fresh.get(word) ?? [];
    links.set(numbers, used);
    used += numbers.length;
    if (made === wordsBefore) {
      bytes += words.write(word, bytes, 'latin1');
      end(bytes);
    } else {
      links.subarray(before, used).sort();
      starts[made] = used;
    }
  }
  keep(next, size);
  return {
    words: words.subarray(0, bytes),
    offsets: offsets.subarray(0, made + 1),
    starts: starts.subarray(0, made + 1),
    links: links.subarray(0, used),
  };
}

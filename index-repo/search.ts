/**
 * Full-text search in a query file's words: whole words, beginnings, parts, and, for what is found nowhere, words that are spelled nearly so.
 * Ranks are in docs/formats/query.md §3. Pure.
 */
import { find, lowerBound, nameAt } from './name-table.js';
import { FIELD, FIELD_BITS, wordsOf } from './search-words.js';
import type { WordTable } from './word-table.js';

/** What is searched in. */
export interface Searched {
  readonly names: Buffer;
  readonly nameOffsets: Uint32Array;
  readonly search: WordTable;
}

/** A name, by its number; higher scores are better. */
export interface Ranked {
  readonly index: number;
  readonly score: number;
}

// What one word is worth by how it matches and where. A name says more than a summary, a summary more than a description.
const WORTH = {
  whole: { name: 600, summary: 140, description: 40 },
  start: { name: 400, summary: 90, description: 20 },
  part: { name: 200, summary: 40, description: 8 },
  near: { name: 100, summary: 25, description: 4 },
} as const;
type Match = keyof typeof WORTH;
/** The package is called so; or its name begins so. */
const CALLED = 1000;
const BEGINS = 50;
/** Shorter ones are parts of everything. */
const SHORTEST_PART = 3;
/** From so many letters on, one or two of them may be wrong. */
const NEAR = { one: 4, two: 8 } as const;

/** Names in which every word is found, best first; among equals the shorter name, then by name. */
export function searchNames(searched: Searched, query: readonly string[]): Ranked[] {
  const words = [...new Set(query.flatMap(wordsOf))];
  if (words.length === 0) return [];
  const { names, nameOffsets, search } = searched;
  const total = new Uint32Array(nameOffsets.length - 1);
  words.forEach((word, round) => {
    const scores = scoresOf(search, word, total.length);
    for (let i = 0; i < total.length; i++) {
      const score = scores[i] ?? 0;
      total[i] = score === 0 || (round > 0 && total[i] === 0) ? 0 : (total[i] ?? 0) + score;
    }
  });
  for (const word of query) raiseNames(searched, word.trim().toLowerCase(), total);
  const found: Ranked[] = [];
  for (let index = 0; index < total.length; index++) {
    const score = total[index] ?? 0;
    if (score > 0) found.push({ index, score });
  }
  const length = (index: number): number => (nameOffsets[index + 1] ?? 0) - (nameOffsets[index] ?? 0);
  // names are numbered in their order
  return names.length === 0
    ? found
    : found.sort((a, b) => b.score - a.score || length(a.index) - length(b.index) || a.index - b.index);
}

function raiseNames({ names, nameOffsets }: Searched, word: string, total: Uint32Array): void {
  if (word === '') return;
  for (let i = lowerBound(names, nameOffsets, word); i < total.length; i++) {
    const name = nameAt(names, nameOffsets, i);
    if (!name.startsWith(word)) break;
    if (total[i] !== 0) total[i] = (total[i] ?? 0) + (name === word ? CALLED : BEGINS);
  }
}

// The best score of one word in each name.
function scoresOf(table: WordTable, word: string, names: number): Uint16Array {
  const scores = new Uint16Array(names);
  const take = (at: number, match: Match): void => {
    const { name, summary, description } = WORTH[match];
    for (let link = table.starts[at] ?? 0; link < (table.starts[at + 1] ?? 0); link++) {
      const posting = table.links[link] ?? 0;
      const worth = posting & FIELD.name ? name : posting & FIELD.summary ? summary : description;
      const index = posting >>> FIELD_BITS;
      if (worth > (scores[index] ?? 0)) scores[index] = worth;
    }
  };
  let any = false;
  for (const [at, match] of matches(table, word)) {
    take(at, match);
    any = true;
  }
  if (!any) for (const at of nearlySo(table, word)) take(at, 'near');
  return scores;
}

function* matches(table: WordTable, word: string): Generator<[at: number, match: Match]> {
  const { words, offsets } = table;
  const size = offsets.length - 1;
  const exact = find(words, offsets, word);
  if (exact >= 0) yield [exact, 'whole'];
  let next = lowerBound(words, offsets, word);
  const first = next;
  for (; next < size && nameAt(words, offsets, next).startsWith(word); next++)
    if (next !== exact) yield [next, 'start'];
  if (word.length < SHORTEST_PART) return;
  const needle = Buffer.from(word, 'latin1');
  let index = 0;
  for (let at = words.indexOf(needle); at >= 0;) {
    index = holding(offsets, at, index);
    const end = offsets[index + 1] ?? 0;
    // not one that two words make together, nor one that was found above
    if (at + needle.length <= end && (index < first || index >= next)) {
      yield [index, 'part'];
      at = words.indexOf(needle, end);
    } else at = words.indexOf(needle, at + 1);
  }
}

// The word that a place is in, at or after `from`.
function holding(offsets: Uint32Array, place: number, from: number): number {
  let [low, high] = [from, offsets.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((offsets[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

function* nearlySo({ words, offsets }: WordTable, word: string): Generator<number> {
  const most = word.length >= NEAR.two ? 2 : word.length >= NEAR.one ? 1 : 0;
  if (most === 0) return;
  for (let at = 0; at < offsets.length - 1; at++) {
    const length = (offsets[at + 1] ?? 0) - (offsets[at] ?? 0);
    if (Math.abs(length - word.length) <= most && distance(word, nameAt(words, offsets, at), most) <= most)
      yield at;
  }
}

/** Letters to insert, leave out, replace or swap with their neighbour, as far as `most`; more than that is `most + 1`. */
export function distance(a: string, b: string, most: number): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let value = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped =
        i > 1 &&
        j > 1 &&
        a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&
        a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (swapped) value = Math.min(value, (before[j - 2] ?? 0) + 1);
      row.push(value);
      least = Math.min(least, value);
    }
    if (least > most) return most + 1;
    [before, last] = [last, row];
  }
  return Math.min(last[b.length] ?? 0, most + 1);
}

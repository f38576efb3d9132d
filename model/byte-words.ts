/**
 * Numbers for words that are read from bytes, in the order in which they come: no string is made of what was seen before. Pure.
 *
 * Words are bytes, taken as Latin-1 where a string is wanted. The table cannot be made slow by words that are chosen to collide: what does
 * not find a place within a few steps goes into a Map, whose hash nobody outside knows.
 */
import { Growing } from './growing.js';

/** Places that are tried for one word. */
const MOST_STEPS = 24;
const FREE = -1;

/** Each word once; numbers count from 0. */
export class ByteWords {
  /** number of words */
  size = 0;
  readonly #offsets = new Growing();
  #bytes = Buffer.allocUnsafeSlow(1 << 12);
  #table = new Int32Array(1 << 10).fill(FREE);
  #crowded: Map<string, number> | undefined;

  constructor() {
    this.#offsets.push(0);
  }

  /** The number of the word `text[from..to)`, -1 for a new one. */
  find(text: Buffer, from: number, to: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let place = hashOf(text, from, to) & mask;
    for (let step = 0; step < MOST_STEPS; step++) {
      const word = table[place] ?? FREE;
      if (word === FREE) return -1;
      if (this.is(word, text, from, to)) return word;
      place = (place + 1) & mask;
    }
    return this.#crowded?.get(text.toString('latin1', from, to)) ?? -1;
  }

  /** Gives a word that `find` does not know its number. */
  add(text: Buffer, from: number, to: number): number {
    const length = to - from;
    const start = this.#offsets.last;
    if (start + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(start + length, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    for (let i = 0; i < length; i++) this.#bytes[start + i] = text[from + i] ?? 0;
    this.#offsets.push(start + length);
    const word = this.size++;
    if (this.size * 2 > this.#table.length) this.#grow();
    else this.#place(word);
    return word;
  }

  /** The number of the word, new or not. */
  of(text: Buffer, from: number, to: number): number {
    const known = this.find(text, from, to);
    return known >= 0 ? known : this.add(text, from, to);
  }

  text(word: number): string {
    return this.#bytes.toString('latin1', this.#offsets.at(word), this.#offsets.at(word + 1));
  }

  texts(): string[] {
    return Array.from({ length: this.size }, (_, word) => this.text(word));
  }

  /** All words back to back, and where each begins and the last ends. Not copied. */
  get tables(): { readonly bytes: Buffer; readonly offsets: Uint32Array } {
    return { bytes: this.#bytes.subarray(0, this.#offsets.last), offsets: this.#offsets.values };
  }

  /** By bytes: below 0 when `a` comes first. */
  compare(a: number, b: number): number {
    const bytes = this.#bytes;
    let [i, j] = [this.#offsets.at(a), this.#offsets.at(b)];
    const [endA, endB] = [this.#offsets.at(a + 1), this.#offsets.at(b + 1)];
    while (i < endA && j < endB) {
      const difference = (bytes[i++] ?? 0) - (bytes[j++] ?? 0);
      if (difference !== 0) return difference;
    }
    return endA - i - (endB - j);
  }

  /** Whether the word is `text[from..to)`. */
  is(word: number, text: Buffer, from: number, to: number): boolean {
    const bytes = this.#bytes;
    let at = this.#offsets.at(word);
    if (this.#offsets.at(word + 1) - at !== to - from) return false;
    for (let i = from; i < to; i++) if (bytes[at++] !== text[i]) return false;
    return true;
  }

  #grow(): void {
    this.#table = new Int32Array(this.#table.length * 2).fill(FREE);
    this.#crowded = undefined;
    for (let word = 0; word < this.size; word++) this.#place(word);
  }

  #place(word: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let place = hashOf(this.#bytes, this.#offsets.at(word), this.#offsets.at(word + 1)) & mask;
    for (let step = 0; step < MOST_STEPS; step++) {
      if (table[place] === FREE) {
        table[place] = word;
        return;
      }
      place = (place + 1) & mask;
    }
    this.#crowded ??= new Map();
    this.#crowded.set(this.text(word), word);
  }
}

// FNV-1a, its high bits brought down.
function hashOf(text: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (text[i] ?? 0), 0x01000193);
  return hash ^ (hash >>> 15);
}

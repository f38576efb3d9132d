/**
 * DEFLATE (RFC 1951) exactly as GNU gzip writes it, so that a .gz file made with `gzip -9n`, as every Debian package holds dozens of,
 * can travel as a difference of what is inside and be made again byte for byte on any machine. zlib differs in where blocks end, and
 * the zlib inside Node in its matches too. Pure.
 *
 * The algorithm is that of Deutsch, Gailly and Adler's reference implementation: hash chains over a window of 64 KiB of which the
 * lower half is kept, lazy matching, a block ended early when its matches are poor (gzip's rule, which zlib dropped).
 * Levels 4 to 9. Input is bounded by the caller; it is held in memory.
 */
import { BlockWriter } from './gnu-gzip-blocks.js';

const WINDOW = 0x8000;
const MASK = WINDOW - 1;
const MIN_MATCH = 3;
const MAX_MATCH = 258;
const MIN_LOOKAHEAD = MAX_MATCH + MIN_MATCH + 1;
const MAX_DISTANCE = WINDOW - MIN_LOOKAHEAD;
/** Matches of three bytes from farther away cost more than three literals. */
const TOO_FAR = 4096;
const HASH_BITS = 15;
const HASH_MASK = (1 << HASH_BITS) - 1;
const HASH_SHIFT = 5;

interface Effort {
  readonly good: number;
  readonly lazy: number;
  readonly nice: number;
  readonly chain: number;
}

const EFFORT: Readonly<Record<number, Effort>> = {
  4: { good: 4, lazy: 4, nice: 16, chain: 16 },
  5: { good: 8, lazy: 16, nice: 32, chain: 32 },
  6: { good: 8, lazy: 16, nice: 128, chain: 128 },
  7: { good: 8, lazy: 32, nice: 128, chain: 256 },
  8: { good: 32, lazy: 128, nice: 258, chain: 1024 },
  9: { good: 32, lazy: 258, nice: 258, chain: 4096 },
};

/** The raw DEFLATE stream that `gzip -LEVEL` makes of `input`. Throws RangeError for a level outside 4..9. */
export function gnuDeflate(input: Uint8Array, level: number): Buffer {
  const effort = EFFORT[level];
  if (effort === undefined) throw new RangeError(`gzip level ${level}`);
  return new Deflater(input, effort).run();
}

class Deflater {
  readonly #input: Uint8Array;
  readonly #effort: Effort;
  readonly #window = new Uint8Array(2 * WINDOW + MAX_MATCH);
  readonly #head = new Uint16Array(1 << HASH_BITS);
  readonly #prev = new Uint16Array(WINDOW);
  readonly #blocks: BlockWriter;
  #taken = 0;
  #atEnd = false;
  #start = 0;
  #lookahead = 0;
  #blockStart = 0;
  #matchStart = 0;
  #hash = 0;

  constructor(input: Uint8Array, effort: Effort) {
    this.#input = input;
    this.#effort = effort;
    this.#blocks = new BlockWriter(input.length);
  }

  run(): Buffer {
    this.#begin();
    const { lazy } = this.#effort;
    const [window, head, prev, blocks] = [this.#window, this.#head, this.#prev, this.#blocks];
    let available = false;
    let length = MIN_MATCH - 1;
    while (this.#lookahead !== 0) {
      const first = this.#insert(window, head, prev);
      let previous = length;
      const previousMatch = this.#matchStart;
      length = MIN_MATCH - 1;
      if (
        first !== 0 &&
        previous < lazy &&
        this.#start - first <= MAX_DISTANCE &&
        this.#start <= 2 * WINDOW - MIN_LOOKAHEAD
      ) {
        length = Math.min(this.#longest(first, previous), this.#lookahead);
        if (length === MIN_MATCH && this.#start - this.#matchStart > TOO_FAR) length--;
      }
      if (previous >= MIN_MATCH && length <= previous) {
        const full = blocks.match(this.#start - 1 - previousMatch, previous, this.#start - this.#blockStart);
        this.#lookahead -= previous - 1;
        previous -= 2;
        do {
          this.#start++;
          this.#insert(window, head, prev);
        } while (--previous !== 0);
        available = false;
        length = MIN_MATCH - 1;
        this.#start++;
        if (full) this.#flush(false);
      } else if (available) {
        if (blocks.literal(window[this.#start - 1] as number, this.#start - this.#blockStart))
          this.#flush(false);
        this.#start++;
        this.#lookahead--;
      } else {
        available = true;
        this.#start++;
        this.#lookahead--;
      }
      while (this.#lookahead < MIN_LOOKAHEAD && !this.#atEnd) this.#fill();
    }
    if (available) blocks.literal(window[this.#start - 1] as number, this.#start - this.#blockStart);
    this.#flush(true);
    return blocks.finish();
  }

  #begin(): void {
    this.#lookahead = this.#read(0, 2 * WINDOW);
    if (this.#lookahead === 0) {
      this.#atEnd = true;
      return;
    }
    while (this.#lookahead < MIN_LOOKAHEAD && !this.#atEnd) this.#fill();
    for (let at = 0; at < MIN_MATCH - 1; at++)
      this.#hash = ((this.#hash << HASH_SHIFT) ^ (this.#window[at] as number)) & HASH_MASK;
  }

  #read(at: number, size: number): number {
    const piece = this.#input.subarray(this.#taken, this.#taken + size);
    this.#window.set(piece, at);
    this.#taken += piece.length;
    return piece.length;
  }

  // What lies behind the end takes part in comparisons, so it must be what gzip has there: zeros at first, old input later.
  #fill(): void {
    let room = 2 * WINDOW - this.#lookahead - this.#start;
    if (this.#start >= WINDOW + MAX_DISTANCE) {
      this.#window.copyWithin(0, WINDOW, 2 * WINDOW);
      this.#matchStart -= WINDOW;
      this.#start -= WINDOW;
      this.#blockStart -= WINDOW;
      slide(this.#head);
      slide(this.#prev);
      room += WINDOW;
    }
    if (this.#atEnd) return;
    const count = this.#read(this.#start + this.#lookahead, room);
    if (count === 0) {
      this.#atEnd = true;
      const end = this.#start + this.#lookahead;
      this.#window.fill(0, end, end + MIN_MATCH - 1);
    } else this.#lookahead += count;
  }

  #insert(window: Uint8Array, head: Uint16Array, prev: Uint16Array): number {
    const at = this.#start;
    this.#hash = ((this.#hash << HASH_SHIFT) ^ (window[at + MIN_MATCH - 1] as number)) & HASH_MASK;
    const first = head[this.#hash] as number;
    prev[at & MASK] = first;
    head[this.#hash] = at;
    return first;
  }

  #longest(first: number, previous: number): number {
    const [window, prev] = [this.#window, this.#prev];
    const scan = this.#start;
    const { good, nice } = this.#effort;
    const limit = scan > MAX_DISTANCE ? scan - MAX_DISTANCE : 0;
    let chain = previous >= good ? this.#effort.chain >> 2 : this.#effort.chain;
    let best = previous;
    let [end1, end] = [window[scan + best - 1], window[scan + best]];
    let current = first;
    do {
      if (
        window[current + best] !== end ||
        window[current + best - 1] !== end1 ||
        window[current] !== window[scan] ||
        window[current + 1] !== window[scan + 1]
      )
        continue;
      let length = MIN_MATCH; // equal hashes and two equal bytes: the third is equal too
      while (length < MAX_MATCH && window[scan + length] === window[current + length]) length++;
      if (length > best) {
        this.#matchStart = current;
        best = length;
        if (length >= nice) break;
        end1 = window[scan + best - 1];
        end = window[scan + best];
      }
    } while ((current = prev[current & MASK] as number) > limit && --chain !== 0);
    return best;
  }

  #flush(last: boolean): void {
    const length = this.#start - this.#blockStart;
    const stored =
      this.#blockStart >= 0 ? this.#window.subarray(this.#blockStart, this.#blockStart + length) : undefined;
    this.#blocks.flush({ stored, length, last });
    this.#blockStart = this.#start;
  }
}

function slide(table: Uint16Array): void {
  for (let at = 0; at < table.length; at++) {
    const value = table[at] as number;
    table[at] = value >= WINDOW ? value - WINDOW : 0;
  }
}

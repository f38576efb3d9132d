/**
 * The blocks of a DEFLATE stream (RFC 1951 §3.2) as GNU gzip ends, codes and writes them; gnu-gzip.ts finds the matches. Pure.
 */

import {
  LITERALS,
  END_BLOCK,
  L_CODES,
  D_CODES,
  BL_CODES,
  MAX_BITS,
  MAX_BL_BITS,
  REP_3_6,
  REPZ_3_10,
  REPZ_11_138,
  EXTRA_L,
  EXTRA_D,
  EXTRA_BL,
  BL_ORDER,
  BASE_LENGTH,
  LENGTH_CODE,
  BASE_DISTANCE,
  FIXED_L,
  FIXED_D,
  Tree,
  distanceCode,
  Huffman,
} from './gnu-gzip-codes.js';

/** Symbols, and matches, of one block at most. */
const BUFFER = 0x8000;

/** What is to become a block. */
export interface Block {
  /** its bytes, when they are still in the window */
  readonly stored: Uint8Array | undefined;
  readonly length: number;
  readonly last: boolean;
}

/** Collects symbols, writes blocks. */
export class BlockWriter {
  readonly #literals = new Tree(L_CODES, EXTRA_L, LITERALS + 1, MAX_BITS, FIXED_L);
  readonly #distances = new Tree(D_CODES, EXTRA_D, 0, MAX_BITS, FIXED_D);
  readonly #lengths = new Tree(BL_CODES, EXTRA_BL, 0, MAX_BL_BITS);
  /** of each symbol: a literal, or the length of a match less three */
  readonly #symbols = new Uint8Array(BUFFER);
  /** of each symbol: 0 for a literal, or the distance of a match */
  readonly #far = new Uint16Array(BUFFER);
  readonly #huffman = new Huffman();
  #count = 0;
  #matches = 0;
  #out: Buffer;
  #size = 0;
  #bits = 0;
  #held = 0;

  /** @param expected - size of the input, to begin with enough room */
  constructor(expected: number) {
    this.#out = Buffer.allocUnsafe((expected >> 1) + 1024);
    this.#reset();
  }

  /** Takes a literal; true when the block should end. @param covered - input bytes of the block so far */
  literal(byte: number, covered: number): boolean {
    this.#symbols[this.#count] = byte;
    this.#far[this.#count++] = 0;
    this.#literals.freq[byte] = (this.#literals.freq[byte] as number) + 1;
    return this.#full(covered);
  }

  /** Takes a match; true when the block should end. */
  match(distance: number, length: number, covered: number): boolean {
    this.#symbols[this.#count] = length - 3;
    this.#far[this.#count++] = distance;
    this.#matches++;
    const symbol = (LENGTH_CODE[length - 3] as number) + LITERALS + 1;
    this.#literals.freq[symbol] = (this.#literals.freq[symbol] as number) + 1;
    const code = distanceCode(distance - 1);
    this.#distances.freq[code] = (this.#distances.freq[code] as number) + 1;
    return this.#full(covered);
  }

  // gzip's guess, every 4,096 symbols, whether another block would do better
  #full(covered: number): boolean {
    if ((this.#count & 0xfff) === 0) {
      let bits = this.#count * 8;
      for (let code = 0; code < D_CODES; code++)
        bits += (this.#distances.freq[code] as number) * (5 + (EXTRA_D[code] as number));
      if (this.#matches < Math.floor(this.#count / 2) && bits >>> 3 < Math.floor(covered / 2)) return true;
    }
    return this.#count === BUFFER - 1 || this.#matches === BUFFER;
  }

  flush({ stored, length, last }: Block): void {
    this.#huffman.build(this.#literals);
    this.#huffman.build(this.#distances);
    const most = this.#buildLengths();
    const fixedBytes = (this.#huffman.fixed + 3 + 7) >>> 3;
    const bestBytes = Math.min((this.#huffman.best + 3 + 7) >>> 3, fixedBytes);
    const final = last ? 1 : 0;
    if (length + 4 <= bestBytes && stored !== undefined) {
      this.#put(final, 3);
      this.#align();
      this.#room(length + 4);
      this.#out.writeUInt16LE(length, this.#size);
      this.#out.writeUInt16LE(~length & 0xffff, this.#size + 2);
      this.#out.set(stored, this.#size + 4);
      this.#size += length + 4;
    } else if (fixedBytes === bestBytes) {
      this.#put(2 + final, 3);
      this.#symbolsWith(FIXED_L, FIXED_D);
    } else {
      this.#put(4 + final, 3);
      this.#trees(this.#literals.maxCode + 1, this.#distances.maxCode + 1, most + 1);
      this.#symbolsWith(this.#literals, this.#distances);
    }
    this.#reset();
    if (last) this.#align();
  }

  /** Everything written. */
  finish(): Buffer {
    return this.#out.subarray(0, this.#size);
  }

  #reset(): void {
    this.#literals.freq.fill(0);
    this.#distances.freq.fill(0);
    this.#lengths.freq.fill(0);
    this.#literals.freq[END_BLOCK] = 1;
    this.#huffman.best = this.#huffman.fixed = 0;
    this.#count = this.#matches = 0;
  }

  #buildLengths(): number {
    this.#runs(this.#literals, (symbol, times) => this.#tally(symbol, times));
    this.#runs(this.#distances, (symbol, times) => this.#tally(symbol, times));
    this.#huffman.build(this.#lengths);
    let most = BL_CODES - 1;
    while (most >= 3 && this.#lengths.length[BL_ORDER[most] as number] === 0) most--;
    this.#huffman.best += 3 * (most + 1) + 5 + 5 + 4;
    return most;
  }

  #tally(symbol: number, times: number): void {
    this.#lengths.freq[symbol] = (this.#lengths.freq[symbol] as number) + times;
  }

  // Code lengths in runs, RFC 1951 §3.2.7. `emit` gets a symbol, how often, and for repeats the extra value.
  #runs(tree: Tree, emit: (symbol: number, times: number, extra?: number, bits?: number) => void): void {
    const { length, maxCode } = tree;
    let previous = -1;
    let next = length[0] as number;
    let count = 0;
    let most = next === 0 ? 138 : 7;
    let least = next === 0 ? 3 : 4;
    for (let n = 0; n <= maxCode; n++) {
      const current = next;
      next = n === maxCode ? 0xffff : (length[n + 1] as number);
      if (++count < most && current === next) continue;
      if (count < least) emit(current, count);
      else if (current !== 0) {
        if (current !== previous) {
          emit(current, 1);
          count--;
        }
        emit(REP_3_6, 1, count - 3, 2);
      } else if (count <= 10) emit(REPZ_3_10, 1, count - 3, 3);
      else emit(REPZ_11_138, 1, count - 11, 7);
      count = 0;
      previous = current;
      if (next === 0) [most, least] = [138, 3];
      else if (current === next) [most, least] = [6, 3];
      else [most, least] = [7, 4];
    }
  }

  #trees(literals: number, distances: number, lengths: number): void {
    this.#put(literals - 257, 5);
    this.#put(distances - 1, 5);
    this.#put(lengths - 4, 4);
    for (let rank = 0; rank < lengths; rank++)
      this.#put(this.#lengths.length[BL_ORDER[rank] as number] as number, 3);
    const emit = (symbol: number, times: number, extra = 0, bits = 0): void => {
      for (; times > 0; times--) this.#code(this.#lengths, symbol);
      if (bits > 0) this.#put(extra, bits);
    };
    this.#runs(this.#literals, emit);
    this.#runs(this.#distances, emit);
  }

  #symbolsWith(literals: Tree, distances: Tree): void {
    for (let at = 0; at < this.#count; at++) {
      const symbol = this.#symbols[at] as number;
      const distance = this.#far[at] as number;
      if (distance === 0) {
        this.#code(literals, symbol);
        continue;
      }
      const code = LENGTH_CODE[symbol] as number;
      this.#code(literals, code + LITERALS + 1);
      const more = EXTRA_L[code] as number;
      if (more !== 0) this.#put(symbol - (BASE_LENGTH[code] as number), more);
      const far = distanceCode(distance - 1);
      this.#code(distances, far);
      const farther = EXTRA_D[far] as number;
      if (farther !== 0) this.#put(distance - 1 - (BASE_DISTANCE[far] as number), farther);
    }
    this.#code(literals, END_BLOCK);
  }

  #code(tree: Tree, symbol: number): void {
    this.#put(tree.code[symbol] as number, tree.length[symbol] as number);
  }

  #put(value: number, bits: number): void {
    this.#bits |= value << this.#held;
    this.#held += bits;
    while (this.#held >= 8) {
      this.#room(1);
      this.#out[this.#size++] = this.#bits & 0xff;
      this.#bits >>>= 8;
      this.#held -= 8;
    }
  }

  #align(): void {
    if (this.#held > 0) this.#put(0, 8 - this.#held);
  }

  #room(more: number): void {
    if (this.#size + more <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#out.length, this.#size + more));
    this.#out.copy(larger, 0, 0, this.#size);
    this.#out = larger;
  }
}

/**
 * The blocks of a DEFLATE stream (RFC 1951 §3.2) as GNU gzip ends, codes and writes them; gnu-gzip.ts finds the matches. Pure.
 */

const LITERALS = 256;
const END_BLOCK = 256;
const L_CODES = 286;
const D_CODES = 30;
const BL_CODES = 19;
const HEAP_SIZE = 2 * L_CODES + 1;
const MAX_BITS = 15;
const MAX_BL_BITS = 7;
const REP_3_6 = 16;
const REPZ_3_10 = 17;
const REPZ_11_138 = 18;
/** Symbols, and matches, of one block at most. */
const BUFFER = 0x8000;

const EXTRA_L = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const EXTRA_D = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const EXTRA_BL = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];
const BL_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** One Huffman tree: frequencies in, code lengths and codes out. */
class Tree {
  readonly freq: Uint32Array;
  readonly length: Uint8Array;
  readonly code: Uint16Array;
  readonly dad: Uint16Array;
  maxCode = 0;

  constructor(
    readonly elements: number,
    readonly extra: readonly number[],
    readonly extraBase: number,
    readonly maxLength: number,
    readonly fixed?: Tree,
  ) {
    const size = Math.max(2 * elements + 1, elements + 2);
    this.freq = new Uint32Array(size);
    this.length = new Uint8Array(size);
    this.code = new Uint16Array(size);
    this.dad = new Uint16Array(size);
  }
}

const BASE_LENGTH = new Uint16Array(29);
const LENGTH_CODE = new Uint8Array(256);
const BASE_DISTANCE = new Uint16Array(D_CODES);
const DISTANCE_CODE = new Uint8Array(512);
const FIXED_L = new Tree(L_CODES + 2, EXTRA_L, LITERALS + 1, MAX_BITS);
const FIXED_D = new Tree(D_CODES, EXTRA_D, 0, MAX_BITS);
makeTables();

function makeTables(): void {
  let length = 0;
  for (let code = 0; code < 28; code++) {
    BASE_LENGTH[code] = length;
    for (let n = 0; n < 1 << (EXTRA_L[code] as number); n++) LENGTH_CODE[length++] = code;
  }
  LENGTH_CODE[length - 1] = 28;
  BASE_LENGTH[28] = 0;
  let distance = 0;
  let code = 0;
  for (; code < 16; code++) {
    BASE_DISTANCE[code] = distance;
    for (let n = 0; n < 1 << (EXTRA_D[code] as number); n++) DISTANCE_CODE[distance++] = code;
  }
  distance >>= 7;
  for (; code < D_CODES; code++) {
    BASE_DISTANCE[code] = distance << 7;
    for (let n = 0; n < 1 << ((EXTRA_D[code] as number) - 7); n++) DISTANCE_CODE[256 + distance++] = code;
  }
  const counts = new Uint16Array(MAX_BITS + 1);
  for (let n = 0; n < L_CODES + 2; n++) {
    const bits = n <= 143 ? 8 : n <= 255 ? 9 : n <= 279 ? 7 : 8;
    FIXED_L.length[n] = bits;
    counts[bits] = (counts[bits] as number) + 1;
  }
  makeCodes(FIXED_L, L_CODES + 1, counts);
  for (let n = 0; n < D_CODES; n++) {
    FIXED_D.length[n] = 5;
    FIXED_D.code[n] = reverse(n, 5);
  }
}

function distanceCode(distance: number): number {
  return (distance < 256 ? DISTANCE_CODE[distance] : DISTANCE_CODE[256 + (distance >> 7)]) as number;
}

function reverse(code: number, length: number): number {
  let out = 0;
  for (let n = 0; n < length; n++) {
    out = (out << 1) | (code & 1);
    code >>= 1;
  }
  return out;
}

function makeCodes(tree: Tree, maxCode: number, counts: Uint16Array): void {
  const next = new Uint16Array(MAX_BITS + 1);
  let code = 0;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    code = (code + (counts[bits - 1] as number)) << 1;
    next[bits] = code;
  }
  for (let n = 0; n <= maxCode; n++) {
    const length = tree.length[n] as number;
    if (length === 0) continue;
    const own = next[length] as number;
    next[length] = own + 1;
    tree.code[n] = reverse(own, length);
  }
}

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
  readonly #heap = new Uint16Array(HEAP_SIZE);
  readonly #depth = new Uint8Array(HEAP_SIZE);
  readonly #counts = new Uint16Array(MAX_BITS + 1);
  #heapLength = 0;
  #heapMax = 0;
  #count = 0;
  #matches = 0;
  #best = 0;
  #fixed = 0;
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
    this.#build(this.#literals);
    this.#build(this.#distances);
    const most = this.#buildLengths();
    const fixedBytes = (this.#fixed + 3 + 7) >>> 3;
    const bestBytes = Math.min((this.#best + 3 + 7) >>> 3, fixedBytes);
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
    this.#best = this.#fixed = 0;
    this.#count = this.#matches = 0;
  }

  #smaller(tree: Tree, n: number, m: number): boolean {
    const [a, b] = [tree.freq[n] as number, tree.freq[m] as number];
    return a < b || (a === b && (this.#depth[n] as number) <= (this.#depth[m] as number));
  }

  #down(tree: Tree, from: number): void {
    const heap = this.#heap;
    const value = heap[from] as number;
    let at = from;
    for (let child = at << 1; child <= this.#heapLength; child <<= 1) {
      if (child < this.#heapLength && this.#smaller(tree, heap[child + 1] as number, heap[child] as number))
        child++;
      if (this.#smaller(tree, value, heap[child] as number)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
  }

  #build(tree: Tree): void {
    const { elements, freq, length, dad, fixed } = tree;
    const [heap, depth] = [this.#heap, this.#depth];
    let maxCode = -1;
    this.#heapLength = 0;
    this.#heapMax = HEAP_SIZE;
    for (let n = 0; n < elements; n++) {
      if (freq[n] === 0) length[n] = 0;
      else {
        heap[++this.#heapLength] = maxCode = n;
        depth[n] = 0;
      }
    }
    // the format wants at least two codes
    while (this.#heapLength < 2) {
      const added = (heap[++this.#heapLength] = maxCode < 2 ? ++maxCode : 0);
      freq[added] = 1;
      depth[added] = 0;
      this.#best--;
      if (fixed !== undefined) this.#fixed -= fixed.length[added] as number;
    }
    tree.maxCode = maxCode;
    for (let n = this.#heapLength >> 1; n >= 1; n--) this.#down(tree, n);
    let node = elements;
    do {
      const n = heap[1] as number;
      heap[1] = heap[this.#heapLength--] as number;
      this.#down(tree, 1);
      const m = heap[1] as number;
      heap[--this.#heapMax] = n;
      heap[--this.#heapMax] = m;
      freq[node] = (freq[n] as number) + (freq[m] as number);
      depth[node] = Math.max(depth[n] as number, depth[m] as number) + 1;
      dad[n] = dad[m] = node;
      heap[1] = node++;
      this.#down(tree, 1);
    } while (this.#heapLength >= 2);
    heap[--this.#heapMax] = heap[1] as number;
    this.#measure(tree);
    makeCodes(tree, maxCode, this.#counts);
  }

  #measure(tree: Tree): void {
    const { freq, length, dad, extra, extraBase, maxLength, maxCode, fixed } = tree;
    const [heap, counts] = [this.#heap, this.#counts];
    counts.fill(0);
    let overflow = 0;
    length[heap[this.#heapMax] as number] = 0;
    let at = this.#heapMax + 1;
    for (; at < HEAP_SIZE; at++) {
      const n = heap[at] as number;
      let bits = (length[dad[n] as number] as number) + 1;
      if (bits > maxLength) {
        bits = maxLength;
        overflow++;
      }
      length[n] = bits;
      if (n > maxCode) continue;
      counts[bits] = (counts[bits] as number) + 1;
      const more = n >= extraBase ? (extra[n - extraBase] ?? 0) : 0;
      this.#best += (freq[n] as number) * (bits + more);
      if (fixed !== undefined) this.#fixed += (freq[n] as number) * ((fixed.length[n] as number) + more);
    }
    if (overflow === 0) return;
    do {
      let bits = maxLength - 1;
      while (counts[bits] === 0) bits--;
      counts[bits] = (counts[bits] as number) - 1;
      counts[bits + 1] = (counts[bits + 1] as number) + 2;
      counts[maxLength] = (counts[maxLength] as number) - 1;
      overflow -= 2;
    } while (overflow > 0);
    for (let bits = maxLength; bits !== 0; bits--) {
      for (let n = counts[bits] as number; n !== 0;) {
        const m = heap[--at] as number;
        if (m > maxCode) continue;
        if (length[m] !== bits) {
          this.#best += (bits - (length[m] as number)) * (freq[m] as number);
          length[m] = bits;
        }
        n--;
      }
    }
  }

  #buildLengths(): number {
    this.#runs(this.#literals, (symbol, times) => this.#tally(symbol, times));
    this.#runs(this.#distances, (symbol, times) => this.#tally(symbol, times));
    this.#build(this.#lengths);
    let most = BL_CODES - 1;
    while (most >= 3 && this.#lengths.length[BL_ORDER[most] as number] === 0) most--;
    this.#best += 3 * (most + 1) + 5 + 5 + 4;
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

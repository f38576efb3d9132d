/**
 * The alphabets of DEFLATE (RFC 1951 §3.2.5–3.2.7) and its Huffman trees, for gnu-gzip-blocks.ts. Pure.
 */

export const LITERALS = 256;
export const END_BLOCK = 256;
export const L_CODES = 286;
export const D_CODES = 30;
export const BL_CODES = 19;
const HEAP_SIZE = 2 * L_CODES + 1;
export const MAX_BITS = 15;
export const MAX_BL_BITS = 7;
export const REP_3_6 = 16;
export const REPZ_3_10 = 17;
export const REPZ_11_138 = 18;

export const EXTRA_L = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
export const EXTRA_D = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
export const EXTRA_BL = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];
export const BL_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** One Huffman tree: frequencies in, code lengths and codes out. */
export class Tree {
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

export const BASE_LENGTH = new Uint16Array(29);
export const LENGTH_CODE = new Uint8Array(256);
export const BASE_DISTANCE = new Uint16Array(D_CODES);
const DISTANCE_CODE = new Uint8Array(512);
export const FIXED_L = new Tree(L_CODES + 2, EXTRA_L, LITERALS + 1, MAX_BITS);
export const FIXED_D = new Tree(D_CODES, EXTRA_D, 0, MAX_BITS);
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

export function distanceCode(distance: number): number {
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

/** Makes trees as the reference implementation does, ties and all: other trees of the same length would be other bytes. */
export class Huffman {
  readonly #heap = new Uint16Array(HEAP_SIZE);
  readonly #depth = new Uint8Array(HEAP_SIZE);
  readonly #counts = new Uint16Array(MAX_BITS + 1);
  #heapLength = 0;
  #heapMax = 0;
  /** bits */
  best = 0;
  /** bits */
  fixed = 0;

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

  /** Codes for the frequencies of a tree; adds what the block takes with them to `best`, and with the fixed codes to `fixed`. */
  build(tree: Tree): void {
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
      this.best--;
      if (fixed !== undefined) this.fixed -= fixed.length[added] as number;
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
      this.best += (freq[n] as number) * (bits + more);
      if (fixed !== undefined) this.fixed += (freq[n] as number) * ((fixed.length[n] as number) + more);
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
          this.best += (bits - (length[m] as number)) * (freq[m] as number);
          length[m] = bits;
        }
        n--;
      }
    }
  }
}

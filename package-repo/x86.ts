/**
 * Makes x86 machine code compress better, and back: docs/formats/release-core.md §2. Pure.
 *
 * A call says how far away its target is, so one target looks different at each place that calls it. The filter puts the target's own place
 * there. What decides whether a place is rewritten is never rewritten itself, before or after: so the way back finds the same places.
 * Measured on 126 Debian packages: 5 % of all that travels.
 */

import { X86_WASM } from './x86-wasm.js';

/** Shorter files pass as they are; so do the first bytes of all others, which say what a file is. */
const HEAD = 64;
/** Bytes of the longest instruction that is looked for. */
const LONGEST = 7;
/** Numbers from -RANGE to RANGE - 1 are rewritten, and stay among them. */
const RANGE = 1 << 24;

/** One file's contents, in pieces. What comes in is changed in place. */
export class X86Filter {
  readonly #sign: 1 | -1;
  #state: 'head' | 'code' | 'other' = 'head';
  #rest: Buffer = Buffer.alloc(0);
  #memory: Buffer = Buffer.alloc(0);
  /** of the first byte of `rest`, modulo 2^25 */
  #position = 0;

  /** @param direction - `encode` before compression, `decode` after */
  constructor(direction: 'encode' | 'decode') {
    this.#sign = direction === 'encode' ? 1 : -1;
  }

  /** Takes what comes next, gives what is finished; that is good until the next call. */
  update(chunk: Buffer): Buffer {
    if (this.#state === 'other') return chunk;
    const bytes = this.#rest.length === 0 ? chunk : this.#join(chunk);
    let from = 0;
    if (this.#state === 'head') {
      this.#rest = bytes.length < HEAD ? Buffer.from(bytes) : bytes;
      if (bytes.length < HEAD) return Buffer.alloc(0);
      this.#state = isX86(bytes) ? 'code' : 'other';
      if (this.#state === 'other') return bytes;
      from = HEAD;
    }
    return this.#take(
      bytes,
      convert(bytes, { from, ends: false, position: this.#position, sign: this.#sign }),
    );
  }

  /** The last bytes. */
  end(): Buffer {
    const bytes = this.#state === 'other' ? Buffer.alloc(0) : this.#rest;
    if (this.#state === 'code')
      convert(bytes, { from: 0, ends: true, position: this.#position, sign: this.#sign });
    return bytes;
  }

  // What was left and what comes, in memory that is used again and again.
  #join(chunk: Buffer): Buffer {
    const length = this.#rest.length + chunk.length;
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length + HEAD);
    this.#rest.copy(this.#memory);
    chunk.copy(this.#memory, this.#rest.length);
    return this.#memory.subarray(0, length);
  }

  #take(bytes: Buffer, done: number): Buffer {
    // a copy: the caller may use the memory again
    this.#rest = Buffer.from(bytes.subarray(done));
    this.#position = (this.#position + done) & (2 * RANGE - 1);
    return bytes.subarray(0, done);
  }
}

/** A whole file's contents, changed in place. */
export function filterX86(bytes: Buffer, direction: 'encode' | 'decode'): void {
  if (bytes.length < HEAD || !isX86(bytes)) return;
  convert(bytes, { from: HEAD, ends: true, position: 0, sign: direction === 'encode' ? 1 : -1 });
}

/** Whether contents that begin like this are rewritten. */
export function isX86(bytes: Buffer): boolean {
  // ELF, little-endian; e_machine is EM_386 or EM_X86_64
  return bytes.readUInt32BE(0) === 0x7f454c46 && bytes[5] === 1 && [3, 62].includes(bytes.readUInt16LE(18));
}

interface Work {
  readonly from: number;
  /** nothing follows */
  readonly ends: boolean;
  /** of bytes[0] in the file */
  readonly position: number;
  readonly sign: 1 | -1;
}

// Returns how far it got: what follows has to be looked at again, together with what comes next.
function convert(bytes: Buffer, work: Work): number {
  const { from, ends, position, sign } = work;
  const length = bytes.length;
  const stop = ends ? length - 4 : length - LONGEST + 1;
  const engine = length >= FEW && length <= MANY ? machine() : undefined;
  if (engine === undefined) return convertHere(bytes, { ...work, stop });
  const { memory, convert: run } = engine;
  const lacking = length - memory.buffer.byteLength;
  if (lacking > 0) memory.grow(Math.ceil(lacking / PAGE));
  const copy = new Uint8Array(memory.buffer, 0, length);
  copy.set(bytes);
  const at = run(from, stop, length, position, sign);
  bytes.set(copy);
  return at;
}

/** Shorter pieces are not worth the copies; longer ones would make its memory grow, which never shrinks. */
const FEW = 512;
const MANY = 4 * 1024 * 1024;
const PAGE = 65536;

/** x86.wat: looks at sixteen bytes at once. */
interface Machine {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  convert(at: number, stop: number, length: number, position: number, sign: number): number;
}

interface WebAssemblyParts {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

let found: Machine | 'none' | undefined;

function machine(): Machine | undefined {
  found ??= load();
  return found === 'none' ? undefined : found;
}

function load(): Machine | 'none' {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyParts }).WebAssembly;
    return new Instance(new Module(Buffer.from(X86_WASM, 'base64'))).exports as Machine;
  } catch {
    // a processor without what sixteen bytes at once need, or WebAssembly is switched off
    return 'none';
  }
}

/** The same in JavaScript: for short pieces, and where there is no such machine. Exported for the tests that hold the two against each other. */
export function convertHere(
  bytes: Buffer,
  { from, stop, position, sign }: Pick<Work, 'from' | 'position' | 'sign'> & { readonly stop: number },
): number {
  const length = bytes.length;
  const first = -bytes.byteOffset & 3;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, Math.max(0, length - first) >> 2);
  // of each word the next one is looked at too
  const last = Math.min(words.length - 1, (stop - first) >> 2);
  let at = from;
  while (at < stop) {
    if (LITTLE_ENDIAN && at >= first && ((at - first) & 3) === 0) {
      let word = (at - first) >> 2;
      while (word < last && !mayBeRewritten(words[word] as number, words[word + 1] as number)) word++;
      at = first + (word << 2);
      if (at >= stop) break;
    }
    const byte = bytes[at] as number;
    if ((byte & 0xfe) === 0xe8) {
      rewrite(bytes, at + 1, { base: position + at + 5, sign });
      at += 5;
    } else if (isRelative(bytes, at) && at + LONGEST <= length) {
      rewrite(bytes, at + 3, { base: position + at + 7, sign });
      at += 7;
    } else at++;
  }
  return at;
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

// Four bytes at once, twice as fast as one by one: E8 or E9, or 48 or 4C with what isRelative() wants two bytes farther on.
// A byte that is zero sets its highest bit, and perhaps that of the next.
function mayBeRewritten(word: number, next: number): boolean {
  const call = (word & 0xfefefefe) ^ 0xe8e8e8e8;
  const later = (word >>> 16) | (next << 16);
  const relative = ((word & 0xfbfbfbfb) ^ 0x48484848) | ((later & 0xc7c7c7c7) ^ 0x05050505);
  return ((((call - 0x01010101) & ~call) | ((relative - 0x01010101) & ~relative)) & 0x80808080) !== 0;
}

// REX.W, any opcode, a place relative to the next instruction. An E8 or E9 in between would be looked at next, and might change the third byte.
function isRelative(bytes: Buffer, at: number): boolean {
  return (
    ((bytes[at] as number) & 0xfb) === 0x48 &&
    ((bytes[at + 1] as number) & 0xfe) !== 0xe8 &&
    ((bytes[at + 2] as number) & 0xc7) === 0x05
  );
}

function rewrite(bytes: Buffer, at: number, { base, sign }: { base: number; sign: 1 | -1 }): void {
  const top = bytes[at + 3] as number;
  if (top !== 0 && top !== 0xff) return;
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
  const value = ((top << 24) | low) + sign * base;
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = (value & RANGE) === 0 ? 0 : 0xff;
}

/**
 * Pack index files, version 2 (gitformat-pack(5)): ours are written here; one that came with a pack is never trusted.
 */
import { createHash } from 'node:crypto';
import { GtpkgError, type Oid } from '../model/index.js';

/** Where one object is in a pack. */
export interface IndexedObject {
  readonly oid: Oid;
  readonly offset: number;
  readonly crc: number;
}

const MAGIC = Buffer.from('\xfftOc\0\0\0\x02', 'latin1');
const LARGE = 0x8000_0000;

/** The .idx file of a pack. `packSum` is the pack's 20-byte trailer. */
export function encodePackIndex(objects: readonly IndexedObject[], packSum: Buffer): Buffer {
  const sorted = [...objects].sort((a, b) => (a.oid < b.oid ? -1 : 1));
  const count = sorted.length;
  const fanout = Buffer.alloc(256 * 4);
  const ids = Buffer.alloc(count * 20);
  const crcs = Buffer.alloc(count * 4);
  const offsets = Buffer.alloc(count * 4);
  const large: Buffer[] = [];
  const counts = new Uint32Array(256);
  sorted.forEach(({ oid, offset, crc }, i) => {
    ids.write(oid, i * 20, 'hex');
    crcs.writeUInt32BE(crc, i * 4);
    const first = ids[i * 20] ?? 0;
    counts[first] = (counts[first] ?? 0) + 1;
    if (offset < LARGE) offsets.writeUInt32BE(offset, i * 4);
    else {
      offsets.writeUInt32BE(LARGE + large.length, i * 4);
      const wide = Buffer.alloc(8);
      wide.writeBigUInt64BE(BigInt(offset));
      large.push(wide);
    }
  });
  let sum = 0;
  counts.forEach((n, i) => fanout.writeUInt32BE((sum += n), i * 4));
  const body = Buffer.concat([MAGIC, fanout, ids, crcs, offsets, ...large, packSum]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** Looks objects up in an .idx file held in memory. */
export class PackIndex {
  readonly #bytes: Buffer;
  readonly #count: number;
  #ends: number[] | undefined;

  /** @throws GtpkgError OBJECT_CORRUPT when the file is not an index of version 2 */
  constructor(bytes: Buffer, where: string) {
    const count = bytes.length >= 1072 ? bytes.readUInt32BE(8 + 255 * 4) : 0;
    if (!bytes.subarray(0, 8).equals(MAGIC) || bytes.length < 1072 + count * 28) {
      throw new GtpkgError('OBJECT_CORRUPT', `${where} is not a pack index of version 2`);
    }
    this.#bytes = bytes;
    this.#count = count;
  }

  /** Offset of the object in the pack, undefined when it is not there. */
  find(oid: Oid): number | undefined {
    const id = Buffer.from(oid, 'hex');
    const first = id[0] ?? 0;
    let low = first === 0 ? 0 : this.#bytes.readUInt32BE(8 + (first - 1) * 4);
    let high = Math.min(this.#bytes.readUInt32BE(8 + first * 4), this.#count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = 1032 + middle * 20;
      const order = this.#bytes.compare(id, 0, 20, at, at + 20);
      if (order === 0) return this.#offset(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** Where the next object after `offset` starts; undefined for the last one. */
  next(offset: number): number | undefined {
    this.#ends ??= Array.from({ length: this.#count }, (_, i) => this.#offset(i)).sort((a, b) => a - b);
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return this.#ends[low];
  }

  #offset(i: number): number {
    const small = this.#bytes.readUInt32BE(1032 + this.#count * 24 + i * 4);
    if (small < LARGE) return small;
    const at = 1032 + this.#count * 28 + (small - LARGE) * 8;
    if (at + 8 > this.#bytes.length) throw new GtpkgError('OBJECT_CORRUPT', 'a pack index is cut short');
    return Number(this.#bytes.readBigUInt64BE(at));
  }
}

/**
 * Reads a git pack from a stranger: whole objects only, every size bounded before it is inflated, ids computed here.
 */
import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import { GtpkgError, systemCode, type Oid } from '../model/index.js';
import { hashObject, type GitObject, type ObjectType } from './hash.js';
import { readStored } from './stored.js';

/** Bounds on one pack, counts and bytes after inflation. */
export interface PackLimits {
  readonly maxObjects: number;
  readonly maxObjectSize: number;
  /** of all objects together */
  readonly maxTotal: number;
}

/** An object of a pack with the id that its bytes have. */
export interface PackedObject extends GitObject {
  readonly oid: Oid;
}

const TYPES: readonly (ObjectType | undefined)[] = [undefined, 'commit', 'tree', 'blob', 'tag'];
const TRAILER = 20;

// A window over the stream: `need` makes bytes available, `take` consumes them into the checksum.
class Window {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #sum = createHash('sha1');
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(bytes: AsyncIterable<Uint8Array> | Uint8Array) {
    const chunks = bytes instanceof Uint8Array ? once(bytes) : bytes;
    this.#source = chunks[Symbol.asyncIterator]();
  }

  // All bytes at hand: `count` of them, or all that are left in the stream.
  async need(count: number): Promise<Buffer> {
    if (this.#buffer.length < count && !this.#ended) {
      const parts: Buffer[] = [this.#buffer];
      let have = this.#buffer.length;
      while (have < count) {
        const next = await this.#source.next();
        if (next.done === true) {
          this.#ended = true;
          break;
        }
        parts.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
        have += next.value.length;
      }
      this.#buffer =
        parts.length === 2 && parts[0]?.length === 0 ? (parts[1] ?? this.#buffer) : Buffer.concat(parts);
    }
    return this.#buffer;
  }

  take(count: number): void {
    this.#sum.update(this.#buffer.subarray(0, count));
    this.#buffer = this.#buffer.subarray(count);
  }

  async checkTrailer(): Promise<void> {
    const rest = await this.need(TRAILER + 1);
    if (rest.length !== TRAILER)
      throw malformed(rest.length < TRAILER ? 'it is cut short' : 'bytes follow its end');
    if (!this.#sum.digest().equals(rest)) throw malformed('its checksum is wrong');
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * The objects of a pack, in its order. The last one may have been yielded before the pack's checksum is seen: act
 * on what came only when the generator has ended.
 * @throws GtpkgError PACK_MALFORMED for deltas, repeated objects, wrong checksums, cut-short or trailing bytes; LIMIT_EXCEEDED
 */
export async function* readPack(
  bytes: AsyncIterable<Uint8Array> | Uint8Array,
  bounds: PackLimits,
): AsyncGenerator<PackedObject> {
  const window = new Window(bytes);
  try {
    const head = await window.need(12);
    if (head.length < 12 || head.toString('latin1', 0, 8) !== 'PACK\0\0\0\x02')
      throw malformed('it is not a pack of version 2');
    const count = head.readUInt32BE(8);
    if (count > bounds.maxObjects) throw exceeded(`${count} objects, ${bounds.maxObjects} are allowed`);
    window.take(12);
    const seen = new Set<Oid>();
    let total = 0;
    for (let i = 0; i < count; i++) {
      const { type, size, length } = parseObjectHeader(await window.need(16));
      total += size;
      if (size > bounds.maxObjectSize || total > bounds.maxTotal)
        throw exceeded('it would grow beyond what is allowed');
      window.take(length);
      const { body, used } = inflate(
        (await window.need(compressedBound(size))).subarray(0, compressedBound(size)),
        size,
      );
      window.take(used);
      const oid = hashObject(type, body);
      if (seen.has(oid)) throw malformed('it holds an object twice');
      seen.add(oid);
      yield { oid, type, body };
    }
    await window.checkTrailer();
  } finally {
    await window.close();
  }
}

function parseObjectHeader(bytes: Buffer): { type: ObjectType; size: number; length: number } {
  let byte = bytes[0] ?? 0;
  const code = (byte >> 4) & 7;
  let size = byte & 15;
  let scale = 16;
  let length = 1;
  while (byte & 0x80) {
    if (length > 7) throw malformed('an object header is too long');
    byte = bytes[length++] ?? 0;
    size += (byte & 0x7f) * scale;
    scale *= 128;
  }
  if (length > bytes.length) throw malformed('it is cut short');
  if (length > 1 && (byte & 0x7f) === 0) throw malformed('an object size has leading zeros');
  if (code === 6 || code === 7)
    throw malformed('it holds a delta; packs between machines hold whole objects');
  const type = TYPES[code];
  if (type === undefined) throw malformed(`it holds an object of type ${code}`);
  return { type, size, length };
}

// What any sane deflate of `size` bytes stays below (stored blocks cost 5 bytes in 16 KiB); a longer one is padding.
function compressedBound(size: number): number {
  return size + Math.ceil(size / 1024) + 1024 + TRAILER;
}

function inflate(bytes: Buffer, size: number): { body: Buffer; used: number } {
  const stored = readStored(bytes, size);
  if (stored !== undefined) return stored;
  try {
    // chunkSize: one output buffer that fits, so that small objects cost little
    const options = {
      info: true,
      maxOutputLength: Math.max(1, size),
      chunkSize: Math.min(Math.max(64, size + 1), 1 << 20),
    };
    const result = inflateSync(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (result.buffer.length !== size) throw malformed('an object is shorter than it says');
    return { body: result.buffer, used: result.engine.bytesWritten };
  } catch (error) {
    if (error instanceof GtpkgError) throw error;
    throw malformed(
      systemCode(error) === 'ERR_BUFFER_TOO_LARGE'
        ? 'an object is longer than it says'
        : 'an object cannot be inflated',
      error,
    );
  }
}

function malformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('PACK_MALFORMED', `The pack is malformed: ${what}`, { cause });
}

function exceeded(what: string): GtpkgError {
  return new GtpkgError('LIMIT_EXCEEDED', `The pack is too large: ${what}`);
}

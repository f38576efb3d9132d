/**
 * What a delta is read from: corrections, old files, new bytes. For delta-read.ts.
 */
import { createBrotliDecompress } from 'node:zlib';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GtpkgError, limits, type BasisFile, type ByteSource } from '../model/index.js';
import { deltaMalformed, type DeltaExtent } from './delta-format.js';
import { readWhole, type StreamReader } from './delta-streams.js';
import { ByteReader } from './reader.js';

/** Bytes given at once. */
export const PIECE = 128 * 1024;
/** Read ahead of a large old file. */
export const WINDOW = 4 * 1024 * 1024;

/** Bytes that are off by something, in all that is copied, one after the other. */
export class Corrections {
  readonly #gaps: StreamReader;
  readonly #values: StreamReader;
  /** bytes that are right before the next correction */
  #left: number;

  constructor(gaps: StreamReader, values: StreamReader) {
    this.#gaps = gaps;
    this.#values = values;
    this.#left = this.#next();
  }

  get atEnd(): boolean {
    return this.#left === Infinity && this.#values.atEnd;
  }

  apply(bytes: Buffer, start: number, length: number): void {
    const end = start + length;
    let at = start;
    while (this.#left < end - at) {
      at += this.#left;
      bytes[at] = ((bytes[at] as number) + this.#values.byte()) & 255;
      at++;
      this.#left = this.#next();
    }
    this.#left -= end - at;
  }

  #next(): number {
    return this.#gaps.atEnd ? Infinity : this.#gaps.number();
  }
}

/** An old file, the part of it that is in memory at once. */
export interface OldBytes {
  readonly size: number;
  /** undefined when they are not in memory */
  at(offset: number, length: number): Buffer | undefined;
  load(offset: number, length: number): Promise<Buffer>;
}

export class Held implements OldBytes {
  readonly size: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  at(offset: number, length: number): Buffer {
    return this.#bytes.subarray(offset, offset + length);
  }

  load(offset: number, length: number): Promise<Buffer> {
    return Promise.resolve(this.at(offset, length));
  }
}

class Windowed implements OldBytes {
  readonly size: number;
  readonly #file: BasisFile;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: BasisFile) {
    this.#file = file;
    this.size = file.size;
  }

  at(offset: number, length: number): Buffer | undefined {
    const from = offset - this.#start;
    return from >= 0 && from + length <= this.#bytes.length
      ? this.#bytes.subarray(from, from + length)
      : undefined;
  }

  async load(offset: number, length: number): Promise<Buffer> {
    this.#start = offset;
    this.#bytes = await this.#file.read(offset, Math.min(Math.max(WINDOW, length), this.size - offset));
    return this.#bytes.subarray(0, length);
  }
}

/** A file of the older release: in memory, or through a window when it is large. */
export async function oldBytes(file: BasisFile): Promise<OldBytes> {
  return file.size <= limits.MAX_DELTA_FILE ? new Held(await file.read(0, file.size)) : new Windowed(file);
}

/** Up to this size new bytes are unpacked at once and kept. */
const SMALL = 1024 * 1024;

/** New bytes, to be read from their beginning as often as is wanted. */
export interface FreshBytes {
  readonly length: number;
  chunks(): AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** @throws GtpkgError RELEASE_MALFORMED; what the source throws, now or later */
export async function freshBytes(source: ByteSource, extent: DeltaExtent): Promise<FreshBytes> {
  const { rawLength } = extent;
  if (rawLength > SMALL) return { length: rawLength, chunks: () => decoded(source, extent) };
  const bytes = await readWhole(source, extent);
  return { length: rawLength, chunks: () => (bytes.length === 0 ? [] : [bytes]) };
}

/** The new bytes, one after the other. */
export class Fresh {
  readonly #reader: ByteReader;
  #chunk: Buffer = Buffer.alloc(0);
  #left: number;

  constructor(bytes: FreshBytes) {
    this.#left = bytes.length;
    this.#reader = new ByteReader(bytes.chunks());
  }

  /** `size` bytes that are in memory already, undefined when they are not. */
  ready(size: number): Buffer | undefined {
    if (this.#chunk.length < size) return undefined;
    const out = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(size);
    return out;
  }

  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = size; left > 0;) {
      if (this.#chunk.length === 0) this.#chunk = await this.#more();
      const part = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(part.length);
      left -= part.length;
      parts.push(part);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async *stream(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      const part = await this.take(Math.min(left, PIECE));
      left -= part.length;
      yield part;
    }
  }

  async atEnd(): Promise<boolean> {
    return this.#chunk.length === 0 && this.#left === 0 && (await this.#reader.atEnd());
  }

  async close(): Promise<void> {
    await this.#reader.close().catch(() => undefined);
  }

  async #more(): Promise<Buffer> {
    let chunk: Buffer;
    try {
      chunk = await this.#reader.upTo(Math.min(PIECE, this.#left));
    } catch (cause) {
      if (cause instanceof GtpkgError) throw cause;
      throw deltaMalformed('its new bytes cannot be decompressed', cause);
    }
    if (chunk.length === 0) throw deltaMalformed('there are fewer new bytes than are asked for');
    this.#left -= chunk.length;
    return chunk;
  }
}

async function* decoded(source: ByteSource, { offset, length }: DeltaExtent): AsyncGenerator<Buffer> {
  const decoder = createBrotliDecompress({ chunkSize: PIECE });
  const feeding = pipeline(Readable.from(source.read(offset, length), { objectMode: false }), decoder);
  feeding.catch(() => undefined); // shows where the decoder is read
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
    await feeding;
  } finally {
    decoder.destroy();
  }
}

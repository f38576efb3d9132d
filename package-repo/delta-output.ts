/** How a delta gets onto the disk: new bytes compressed as they come, the small sections before them when they are known. */
import type { FileHandle } from 'node:fs/promises';
import { once } from 'node:events';
import { createBrotliCompress } from 'node:zlib';
import { collect } from '../git/index.js';
import { GtpkgError } from '../model/index.js';
import { DELTA_HEADER_SIZE } from './delta-format.js';
import { brotliParameters } from './delta-streams.js';
import type { Spool, Spooled } from './spool.js';

/** New bytes, compressed as they come, written behind the header. */
export class FreshWriter {
  readonly #brotli;
  readonly #done: Promise<number>;
  #rawLength = 0;

  constructor(file: FileHandle, quality: number) {
    this.#brotli = createBrotliCompress(brotliParameters(quality));
    this.#done = this.#store(file);
    this.#done.catch(() => undefined);
  }

  async #store(file: FileHandle): Promise<number> {
    let length = 0;
    for await (const chunk of this.#brotli) {
      const bytes = chunk as Buffer;
      await file.write(bytes, 0, bytes.length, DELTA_HEADER_SIZE + length);
      length += bytes.length;
    }
    return length;
  }

  async add(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    this.#rawLength += bytes.length;
    if (!this.#brotli.write(bytes)) await Promise.race([once(this.#brotli, 'drain'), this.#done]);
  }

  async end(): Promise<{ length: number; rawLength: number }> {
    this.#brotli.end();
    const length = await this.#done;
    return this.#rawLength === 0 ? { length: 0, rawLength: 0 } : { length, rawLength: this.#rawLength };
  }
}

/** Moves what stands behind the header farther back, from its end, to make room for the small sections. */
export async function shift(file: FileHandle, { length, by }: { length: number; by: number }): Promise<void> {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (let end = length; end > 0;) {
    const size = Math.min(buffer.length, end);
    end -= size;
    const { bytesRead } = await file.read(buffer, 0, size, DELTA_HEADER_SIZE + end);
    if (bytesRead !== size) throw new GtpkgError('IO_ERROR', 'a temporary file was cut short');
    await file.write(buffer, 0, size, by + end);
  }
  await file.truncate(by + length);
}

/** Cuts chunks into pieces of `size`, the last one shorter. */
export async function* pieces(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + size - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < size) continue;
      yield piece;
      piece = Buffer.allocUnsafe(size);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** A part of what was spooled, in memory. */
export async function readSpool(
  spool: Spool,
  { kept, start, length }: { kept: Spooled; start: number; length: number },
): Promise<Buffer> {
  return collect(spool.read({ ...kept, offset: kept.offset + start, size: length }), length);
}

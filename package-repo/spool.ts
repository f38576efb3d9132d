/** One temporary file that holds the contents of many, one after the other. */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobHasher, withIo, type BlobDigests } from '../git/index.js';

/** What was put into the spool. */
export interface Spooled {
  readonly offset: number;
  readonly size: number;
  readonly digests: BlobDigests;
}

/** Parts up to this size are read in one piece. */
const SMALL = 256 * 1024;

/** An append-only temporary file. Must be closed; then it is gone. */
export class Spool {
  readonly #dir: string;
  readonly #file: FileHandle;
  #size = 0;
  #closed = false;

  private constructor(dir: string, file: FileHandle) {
    this.#dir = dir;
    this.#file = file;
  }

  /** @throws GtpkgError NO_SPACE, PERMISSION, … */
  static async open(): Promise<Spool> {
    return withIo('Cannot make a temporary file', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'gtpkg-'));
      try {
        return new Spool(dir, await open(join(dir, 'spool'), 'wx+', 0o600));
      } catch (error) {
        await rm(dir, { recursive: true, force: true });
        throw error;
      }
    });
  }

  /** Appends `size` bytes, hashing them. @throws GtpkgError OBJECT_CORRUPT when another number comes */
  async add(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Spooled> {
    const hasher = new BlobHasher(size);
    const offset = this.#size;
    for await (const chunk of chunks) {
      hasher.update(chunk);
      await withIo('Cannot write a temporary file', () => this.#file.writeFile(chunk));
      this.#size += chunk.length;
    }
    return { offset, size, digests: hasher.digest() };
  }

  /** The bytes of a part. */
  read(part: Spooled): AsyncIterable<Uint8Array> {
    if (part.size <= SMALL) return this.#readWhole(part);
    const range = { start: part.offset, end: part.offset + part.size - 1 };
    return createReadStream(join(this.#dir, 'spool'), { ...range, highWaterMark: SMALL });
  }

  // most files are small: one read, no stream
  async *#readWhole({ offset, size }: Spooled): AsyncGenerator<Uint8Array> {
    if (size === 0) return;
    const { bytesRead, buffer } = await withIo('Cannot read a temporary file', () =>
      this.#file.read(Buffer.alloc(size), 0, size, offset),
    );
    yield buffer.subarray(0, bytesRead);
  }

  /** Removes the file; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/**
 * Reads a stream of chunks in pieces of the size that a format wants. Holds no more than it was asked for. Where the stream uses its memory again, a
 * piece is good until the next one is asked for.
 */

/** A forward-only reader. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);
  #position = 0;

  constructor(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#source =
      Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  }

  /** Bytes given out so far. */
  get position(): number {
    return this.#position;
  }

  /** True when nothing is left. */
  async atEnd(): Promise<boolean> {
    return !(await this.#fill());
  }

  /** The next `count` bytes when they are in the present chunk: a slice of it, without waiting. */
  now(count: number): Buffer | undefined {
    return count <= this.#chunk.length ? this.#take(count) : undefined;
  }

  /** The next `count` bytes, fewer only at the end of the stream. */
  async upTo(count: number): Promise<Buffer> {
    if (count === 0 || !(await this.#fill())) return Buffer.alloc(0);
    if (this.#chunk.length >= count) return this.#take(count);
    return this.into(Buffer.allocUnsafe(count));
  }

  /** Fills memory of the caller's. @returns what of it was filled: less only at the end of the stream */
  async into(memory: Buffer): Promise<Buffer> {
    let length = 0;
    while (length < memory.length && (await this.#fill()))
      length += this.#take(Math.min(memory.length - length, this.#chunk.length)).copy(memory, length);
    return memory.subarray(0, length);
  }

  /** The next `count` bytes as they come; ends early only at the end of the stream. Do not interleave with other calls. */
  async *stream(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0 && (await this.#fill());) {
      const part = this.#take(Math.min(left, this.#chunk.length));
      left -= part.length;
      yield part;
    }
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    this.#chunk = Buffer.alloc(0);
    await this.#source.return?.();
  }

  #take(count: number): Buffer {
    const part = this.#chunk.subarray(0, count);
    this.#chunk = this.#chunk.subarray(count);
    this.#position += part.length;
    return part;
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return true;
  }
}

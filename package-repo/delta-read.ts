/**
 * Makes the files of a newer release from a delta and the files of an older one. docs/formats/delta.md §3.
 *
 * Nothing here says that the result is right: whoever asks compares it with what was signed. What is here is bounded: every
 * number is checked before it is used, memory does not depend on what the delta says, and every stream must end exactly.
 */
import { createBrotliDecompress } from 'node:zlib';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { limits, type Basis, type BasisFile, type ByteSource, type ManifestEntry } from '../model/index.js';
import { deltaMalformed, MAKE, OTHER_BASE, unzigzag, type DeltaExtents } from './delta-format.js';
import { gunzip, gzip } from './delta-gzip.js';
import { StreamReader } from './delta-streams.js';
import { ByteReader } from './reader.js';

/** Bytes given at once. */
const PIECE = 128 * 1024;
/** Read ahead of a large old file. */
const WINDOW = 4 * 1024 * 1024;

/** Reads one delta from its beginning to its end; must be closed. */
export class DeltaReader {
  readonly #basis: Basis;
  readonly #old: readonly ManifestEntry[];
  readonly #plan: StreamReader;
  readonly #moves: StreamReader;
  readonly #corrections: Corrections;
  readonly #fresh: Fresh;
  #lastBase = 0;

  private constructor(
    basis: Basis,
    parts: { plan: StreamReader; moves: StreamReader; corrections: Corrections; fresh: Fresh },
  ) {
    this.#basis = basis;
    this.#old = basis.manifest.filter((entry) => entry.type === 'f');
    this.#plan = parts.plan;
    this.#moves = parts.moves;
    this.#corrections = parts.corrections;
    this.#fresh = parts.fresh;
  }

  /** @throws GtpkgError RELEASE_MALFORMED; what the source throws */
  static async open(source: ByteSource, sections: DeltaExtents, basis: Basis): Promise<DeltaReader> {
    const stream = (name: 'plan' | 'moves' | 'gaps' | 'values'): Promise<StreamReader> =>
      StreamReader.open(source, sections[name]);
    const [plan, moves, gaps, values] = [
      await stream('plan'),
      await stream('moves'),
      await stream('gaps'),
      await stream('values'),
    ];
    const fresh = new Fresh(source, sections);
    return new DeltaReader(basis, { plan, moves, corrections: new Corrections(gaps, values), fresh });
  }

  /** The manifest's bytes; to be asked for first, once. */
  async manifest(): Promise<Buffer> {
    const length = this.#moves.number();
    if (length > limits.MAX_GIT_OBJECT) throw deltaMalformed('its manifest is too large');
    const bytes = Buffer.from(this.#basis.manifestBytes);
    return gather(this.#moved(new Held(bytes), length), length);
  }

  /** The contents of the next file, in manifest order; to be read to the end before the next. */
  async *file(entry: ManifestEntry): AsyncGenerator<Buffer> {
    const how = this.#plan.number();
    if (how === MAKE.fresh) return yield* this.#fresh.stream(entry.size);
    if (how === MAKE.freshGzip) return yield gzip(await this.#fresh.take(this.#gzipLength()));
    if (how > MAKE.diffGzip + OTHER_BASE) throw deltaMalformed('a file is made in an unknown way');
    const base = this.#base(how, entry);
    const kind = how > MAKE.diffGzip ? how - OTHER_BASE : how;
    const file = await this.#basis.open(base);
    try {
      if (kind === MAKE.copy) {
        if (base.size !== entry.size) throw deltaMalformed('a copy has another size');
        for (let at = 0; at < file.size; at += WINDOW)
          yield await file.read(at, Math.min(WINDOW, file.size - at));
      } else if (kind === MAKE.diff) {
        yield* this.#moved(await window(file), entry.size);
      } else {
        if (file.size > limits.MAX_DELTA_FILE) throw deltaMalformed('a .gz file is too large');
        const inside = gunzip(await file.read(0, file.size));
        if (inside === undefined) throw deltaMalformed('an old .gz file is none');
        const length = this.#gzipLength();
        yield gzip(await gather(this.#moved(new Held(inside), length), length));
      }
    } finally {
      await file.close();
    }
  }

  /** After the last file. @throws GtpkgError RELEASE_MALFORMED when something is left */
  async end(): Promise<void> {
    if (!this.#plan.atEnd || !this.#moves.atEnd || !this.#corrections.atEnd || !(await this.#fresh.atEnd()))
      throw deltaMalformed('something is left over');
  }

  async close(): Promise<void> {
    await this.#fresh.close();
  }

  #gzipLength(): number {
    const length = this.#moves.number();
    if (length > limits.MAX_DELTA_GZIP) throw deltaMalformed('a .gz file holds too much');
    return length;
  }

  #base(how: number, entry: ManifestEntry): ManifestEntry {
    let base: ManifestEntry | undefined;
    if (how <= MAKE.diffGzip) base = this.#byPath().get(entry.path);
    else base = this.#old[(this.#lastBase += unzigzag(this.#plan.number()))];
    if (base === undefined) throw deltaMalformed('a file is built upon one that was not there');
    return base;
  }

  #paths: Map<string, ManifestEntry> | undefined;
  #byPath(): Map<string, ManifestEntry> {
    return (this.#paths ??= new Map(this.#old.map((entry) => [entry.path, entry])));
  }

  async *#moved(old: OldBytes, length: number): AsyncGenerator<Buffer> {
    let place = 0;
    let out = Buffer.allocUnsafe(Math.min(PIECE, length));
    let filled = 0;
    for (let made = 0; made < length;) {
      const copy = this.#moves.number();
      const fresh = this.#moves.number();
      if (copy + fresh === 0 || copy + fresh > length - made) throw deltaMalformed('a move is too long');
      made += copy + fresh;
      if (copy > 0) {
        place += unzigzag(this.#moves.number());
        if (place < 0 || place + copy > old.size) throw deltaMalformed('a move is out of bounds');
        for (const end = place + copy; place < end;) {
          const size = Math.min(end - place, out.length - filled, PIECE);
          const ready = old.at(place, size) ?? (await old.load(place, size));
          ready.copy(out, filled);
          this.#corrections.apply(out, filled, size);
          place += size;
          filled += size;
          if (filled < out.length) continue;
          yield out;
          out = Buffer.allocUnsafe(Math.min(PIECE, length));
          filled = 0;
        }
      }
      for (let left = fresh; left > 0;) {
        const size = Math.min(left, out.length - filled);
        const ready = this.#fresh.ready(size) ?? (await this.#fresh.take(size));
        ready.copy(out, filled);
        left -= size;
        filled += size;
        if (filled < out.length) continue;
        yield out;
        out = Buffer.allocUnsafe(Math.min(PIECE, length));
        filled = 0;
      }
    }
    if (filled > 0) yield out.subarray(0, filled);
  }
}

/** Bytes that are off by something, in all that is copied, one after the other. */
class Corrections {
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
interface OldBytes {
  readonly size: number;
  /** undefined when they are not in memory */
  at(offset: number, length: number): Buffer | undefined;
  load(offset: number, length: number): Promise<Buffer>;
}

class Held implements OldBytes {
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

async function window(file: BasisFile): Promise<OldBytes> {
  return file.size <= limits.MAX_DELTA_FILE ? new Held(await file.read(0, file.size)) : new Windowed(file);
}

/** The new bytes. */
class Fresh {
  readonly #reader: ByteReader;
  readonly #decoder;
  #chunk: Buffer = Buffer.alloc(0);
  #left: number;

  constructor(source: ByteSource, { fresh }: DeltaExtents) {
    this.#left = fresh.rawLength;
    this.#decoder = createBrotliDecompress({ chunkSize: PIECE });
    this.#reader = new ByteReader(fresh.length === 0 ? [] : decoded(source, fresh, this.#decoder));
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
    this.#decoder.destroy();
    await this.#reader.close().catch(() => undefined);
  }

  async #more(): Promise<Buffer> {
    let chunk: Buffer;
    try {
      chunk = await this.#reader.upTo(Math.min(PIECE, this.#left));
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'GtpkgError') throw cause;
      throw deltaMalformed('its new bytes cannot be decompressed', cause);
    }
    if (chunk.length === 0) throw deltaMalformed('there are fewer new bytes than are asked for');
    this.#left -= chunk.length;
    return chunk;
  }
}

async function* decoded(
  source: ByteSource,
  { offset, length }: { offset: number; length: number },
  decoder: ReturnType<typeof createBrotliDecompress>,
): AsyncGenerator<Buffer> {
  const feeding = pipeline(Readable.from(source.read(offset, length), { objectMode: false }), decoder);
  feeding.catch(() => undefined); // shows where the decoder is read
  for await (const chunk of decoder) yield chunk as Buffer;
  await feeding;
}

async function gather(chunks: AsyncIterable<Buffer>, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafe(length);
  let filled = 0;
  for await (const chunk of chunks) filled += chunk.copy(out, filled);
  return out.subarray(0, filled);
}

/**
 * Makes the files of a newer release from a delta and the files of an older one. docs/formats/delta.md §3.
 *
 * Nothing here says that the result is right: whoever asks compares it with what was signed. What is here is bounded: every
 * number is checked before it is used, memory does not depend on what the delta says, and every stream must end exactly.
 */
import { limits, type Basis, type ByteSource, type ManifestEntry } from '../model/index.js';
import { deltaMalformed, MAKE, OTHER_BASE, unzigzag, type DeltaExtents } from './delta-format.js';
import { gunzip, gzip } from './delta-gzip.js';
import {
  Corrections,
  Fresh,
  freshBytes,
  Held,
  oldBytes,
  PIECE,
  WINDOW,
  type FreshBytes,
  type OldBytes,
} from './delta-parts.js';
import { readWhole, StreamReader } from './delta-streams.js';

/** What a delta says, unpacked as far as it is held in memory. */
export interface DeltaStreams {
  readonly plan: Buffer;
  readonly moves: Buffer;
  readonly gaps: Buffer;
  readonly values: Buffer;
  /** chunks of all new bytes, and how many those are */
  readonly fresh: FreshBytes;
}

/** @throws GtpkgError RELEASE_MALFORMED; what the source throws */
export async function readStreams(source: ByteSource, sections: DeltaExtents): Promise<DeltaStreams> {
  return {
    plan: await readWhole(source, sections.plan),
    moves: await readWhole(source, sections.moves),
    gaps: await readWhole(source, sections.gaps),
    values: await readWhole(source, sections.values),
    fresh: await freshBytes(source, sections.fresh),
  };
}

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

  /** Begins at the beginning; several may read the same delta. */
  static open(streams: DeltaStreams, basis: Basis): DeltaReader {
    return new DeltaReader(basis, {
      plan: new StreamReader(streams.plan),
      moves: new StreamReader(streams.moves),
      corrections: new Corrections(new StreamReader(streams.gaps), new StreamReader(streams.values)),
      fresh: new Fresh(streams.fresh),
    });
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
        yield* this.#moved(await oldBytes(file), entry.size);
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

async function gather(chunks: AsyncIterable<Buffer>, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafe(length);
  let filled = 0;
  for await (const chunk of chunks) filled += chunk.copy(out, filled);
  return out.subarray(0, filled);
}

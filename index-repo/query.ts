/**
 * Questions about a source's packages, answered from its compiled query file: nothing is parsed but the entries asked for.
 * Loads neither git nor openpgp. The file is made by compile-query.ts from a verified commit.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { compareVersions } from '../model/version.js';
import { parseParagraph } from '../model/deb822.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import type { Oid } from '../model/ids.js';
import { entryOf, type IndexEntry } from './entry.js';
import {
  HEADER_BYTES,
  corrupt,
  decodeQueryHeader,
  type Extent,
  type QueryMeta,
  type Section,
} from './query-format.js';
import { find, lowerBound, nameAt } from './name-table.js';
import { SearchQuery } from './search.js';

/** An entry and the suite that it stands in. */
export interface QueryEntry extends IndexEntry {
  readonly suite: string;
}

/** What a search finds. */
export interface SearchHit {
  readonly name: string;
  /** the highest */
  readonly version: string;
  readonly summary: string;
}

const TEXT_CHUNK = 1 << 20;

/** One source's compiled packages; open until close(). */
export class QueryFile {
  readonly #fd: number;
  readonly #extents: Readonly<Record<Section, Extent>>;
  readonly #tables: ArrayBuffer;
  readonly #base: number;
  /** the index commit that it was compiled from */
  readonly commit: Oid;
  readonly meta: QueryMeta;
  /** number of package names */
  readonly size: number;
  readonly #nameOffsets: Uint32Array;
  readonly #nameEntries: Uint32Array;
  readonly #nameShards: Uint16Array;
  readonly #entryOffsets: Uint32Array;
  readonly #entryPlaces: Uint16Array;
  readonly #providedOffsets: Uint32Array;
  readonly #providedEntries: Uint32Array;
  readonly #providedLinks: Uint32Array;
  readonly #textOffsets: Uint32Array;
  readonly #names: Buffer;
  readonly #provided: Buffer;

  private constructor(fd: number) {
    const size = fstatSync(fd).size;
    const head = Buffer.alloc(HEADER_BYTES);
    if (readSync(fd, head, 0, HEADER_BYTES, 0) !== HEADER_BYTES) throw corrupt('it was cut short');
    const { commit, extents } = decodeQueryHeader(head, size);
    this.#fd = fd;
    this.commit = commit;
    this.#extents = extents;
    this.#base = extents.meta.offset;
    this.#tables = new ArrayBuffer(extents.texts.offset - this.#base);
    if (
      readSync(fd, new Uint8Array(this.#tables), 0, this.#tables.byteLength, this.#base) !==
      this.#tables.byteLength
    )
      throw corrupt('it was cut short');
    this.meta = JSON.parse(this.#bytes('meta').toString('utf8')) as QueryMeta;
    this.#nameOffsets = this.#words('nameOffsets');
    this.#nameEntries = this.#words('nameEntries');
    this.#nameShards = this.#halves('nameShards');
    this.#entryOffsets = this.#words('entryOffsets');
    this.#entryPlaces = this.#halves('entryPlaces');
    this.#providedOffsets = this.#words('providedOffsets');
    this.#providedEntries = this.#words('providedEntries');
    this.#providedLinks = this.#words('providedLinks');
    this.#textOffsets = this.#words('textOffsets');
    this.#names = this.#bytes('names');
    this.#provided = this.#bytes('provided');
    this.size = this.#nameOffsets.length - 1;
    const fits =
      this.#nameEntries.length === this.size + 1 &&
      this.#textOffsets.length === this.size + 1 &&
      this.#nameShards.length === this.size;
    if (this.size < 0 || !fits) throw corrupt('its tables do not fit');
  }

  /** @throws GtpkgError INDEX_NOT_FOUND when there is no file, INDEX_CORRUPT when it cannot be used */
  static open(path: string): QueryFile {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (cause) {
      if (systemCode(cause) !== 'ENOENT') throw new GtpkgError('IO_ERROR', `Cannot read ${path}`, { cause });
      throw new GtpkgError('INDEX_NOT_FOUND', 'This source has not been updated yet', {
        hint: 'Run gtpkg update.',
        cause,
      });
    }
    try {
      return new QueryFile(fd);
    } catch (error) {
      closeSync(fd);
      throw error instanceof GtpkgError
        ? error
        : corrupt(error instanceof Error ? error.message : 'unreadable');
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Every release of that name, by suite and then version. */
  byName(name: string): QueryEntry[] {
    const at = find(this.#names, this.#nameOffsets, name);
    return at < 0 ? [] : this.#entries(this.#nameEntries[at] ?? 0, this.#nameEntries[at + 1] ?? 0);
  }

  has(name: string): boolean {
    return find(this.#names, this.#nameOffsets, name) >= 0;
  }

  /** Every release whose Provides names `name`, whatever the version. */
  providers(name: string): QueryEntry[] {
    const at = find(this.#provided, this.#providedOffsets, name);
    if (at < 0) return [];
    const links = this.#providedLinks.subarray(this.#providedEntries[at], this.#providedEntries[at + 1]);
    return [...links].flatMap((entry) => this.#entries(entry, entry + 1));
  }

  /** All package names, sorted by bytes. */
  *names(): Generator<string> {
    for (let i = 0; i < this.size; i++) yield nameAt(this.#names, this.#nameOffsets, i);
  }

  /** Names that start with `prefix`, sorted, at most `limit`. */
  startingWith(prefix: string, limit = 20): string[] {
    const found: string[] = [];
    for (
      let i = lowerBound(this.#names, this.#nameOffsets, prefix);
      i < this.size && found.length < limit;
      i++
    ) {
      const name = nameAt(this.#names, this.#nameOffsets, i);
      if (!name.startsWith(prefix)) break;
      found.push(name);
    }
    return found;
  }

  /**
   * Packages in whose name, summary or description every word occurs, without regard to case. Best first: exact name,
   * start of the name, in the name, in the summary, in the description; then by name.
   */
  search(words: readonly string[], options: { limit?: number } = {}): SearchHit[] {
    const query = new SearchQuery(words);
    if (query.empty) return [];
    const hits: { index: number; rank: number }[] = [];
    for (let from = 0; from < this.size;) {
      const start = this.#textOffsets[from] ?? 0;
      let to = from + 1;
      while (to < this.size && (this.#textOffsets[to + 1] ?? 0) - start <= TEXT_CHUNK) to++;
      const chunk = this.#read('texts', start, (this.#textOffsets[to] ?? 0) - start);
      query.scan(chunk, this.#textOffsets.subarray(from, to + 1), (index, rank) =>
        hits.push({ index: from + index, rank }),
      );
      from = to;
    }
    hits.sort((a, b) => a.rank - b.rank || a.index - b.index);
    return hits.slice(0, options.limit ?? hits.length).map(({ index }) => this.#hit(index));
  }

  #hit(index: number): SearchHit {
    const entries = this.#entries(this.#nameEntries[index] ?? 0, this.#nameEntries[index + 1] ?? 0);
    const best = entries.reduce((a, b) => (compareVersions(a.pin.version, b.pin.version) >= 0 ? a : b));
    return {
      name: best.pin.name,
      version: best.pin.version,
      summary: (best.fields.get('Description') ?? '').split('\n', 1)[0] ?? '',
    };
  }

  #entries(from: number, to: number): QueryEntry[] {
    const start = this.#entryOffsets[from] ?? 0;
    const bytes = this.#read('entries', start, (this.#entryOffsets[to] ?? 0) - start);
    const found: QueryEntry[] = [];
    for (let i = from; i < to; i++) {
      const text = bytes.toString(
        'utf8',
        (this.#entryOffsets[i] ?? 0) - start,
        (this.#entryOffsets[i + 1] ?? 0) - start,
      );
      const entry = entryOf(parseParagraph(text, { where: 'query file', code: 'INDEX_CORRUPT' }));
      found.push(inSuite(entry, this.meta.places[this.#entryPlaces[i] ?? 0]?.[0] ?? ''));
    }
    return found;
  }

  /** Entries in whose text `text` (ASCII) stands somewhere: those that may name a package, to be looked at closely. */
  *mentioning(text: string): Generator<QueryEntry> {
    const all = this.#whole('entries');
    let entry = 0;
    for (let at = all.indexOf(text, 0, 'latin1'); at >= 0;) {
      while ((this.#entryOffsets[entry + 1] ?? all.length) <= at) entry++;
      yield* this.#entries(entry, entry + 1);
      at = all.indexOf(text, this.#entryOffsets[entry + 1] ?? all.length, 'latin1');
    }
  }

  /** @internal For compile-query.ts: a name with all that is stored of it, to be copied into a newer file. */
  stored(index: number): {
    name: string;
    shard: number;
    entries: { place: number; bytes: Buffer }[];
    first: number;
    text: Buffer;
  } {
    const [first, end] = [this.#nameEntries[index] ?? 0, this.#nameEntries[index + 1] ?? 0];
    const slice = (i: number): Extent => ({
      offset: this.#entryOffsets[i] ?? 0,
      length: (this.#entryOffsets[i + 1] ?? 0) - (this.#entryOffsets[i] ?? 0),
    });
    const entries = Array.from({ length: end - first }, (_, i) => {
      const { offset, length } = slice(first + i);
      return {
        place: this.#entryPlaces[first + i] ?? 0,
        bytes: this.#whole('entries').subarray(offset, offset + length),
      };
    });
    const text = this.#whole('texts').subarray(this.#textOffsets[index], this.#textOffsets[index + 1]);
    return {
      name: nameAt(this.#names, this.#nameOffsets, index),
      shard: this.#nameShards[index] ?? 0,
      entries,
      first,
      text,
    };
  }

  /** @internal For compile-query.ts: names that each entry provides, by entry number. */
  provides(): Map<number, string[]> {
    const by = new Map<number, string[]>();
    for (let i = 0; i + 1 < this.#providedOffsets.length; i++) {
      const name = nameAt(this.#provided, this.#providedOffsets, i);
      for (const entry of this.#providedLinks.subarray(
        this.#providedEntries[i],
        this.#providedEntries[i + 1],
      )) {
        const names = by.get(entry);
        if (names === undefined) by.set(entry, [name]);
        else names.push(name);
      }
    }
    return by;
  }

  readonly #wholes = new Map<Section, Buffer>();

  #whole(section: 'texts' | 'entries'): Buffer {
    const known = this.#wholes.get(section) ?? this.#read(section, 0, this.#extents[section].length);
    this.#wholes.set(section, known);
    return known;
  }

  #read(section: 'texts' | 'entries', offset: number, length: number): Buffer {
    const extent = this.#extents[section];
    if (offset + length > extent.length) throw corrupt('an entry lies outside');
    const bytes = Buffer.allocUnsafe(length);
    if (readSync(this.#fd, bytes, 0, length, extent.offset + offset) !== length)
      throw corrupt('it was cut short');
    return bytes;
  }

  #bytes(section: Section): Buffer {
    const { offset, length } = this.#extents[section];
    return Buffer.from(this.#tables, offset - this.#base, length);
  }

  #words(section: Section): Uint32Array {
    const { offset, length } = this.#extents[section];
    return new Uint32Array(this.#tables, offset - this.#base, length / 4);
  }

  #halves(section: Section): Uint16Array {
    const { offset, length } = this.#extents[section];
    return new Uint16Array(this.#tables, offset - this.#base, length / 2);
  }
}

function inSuite(entry: IndexEntry, suite: string): QueryEntry {
  return {
    suite,
    pin: entry.pin,
    deltas: entry.deltas,
    cosignatures: entry.cosignatures,
    fields: entry.fields,
    get control() {
      return entry.control;
    },
  };
}

/**
 * A compiled query file, opened: its tables as typed arrays, and the larger sections when they are asked for. query.ts answers questions from
 * it, compile-query.ts makes a newer one of it. Loads neither git nor openpgp.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { GtpkgError, systemCode } from '../model/errors.js';
import type { Oid } from '../model/ids.js';
import {
  HEADER_BYTES,
  corrupt,
  decodeQueryHeader,
  type Extent,
  type QueryMeta,
  type Section,
} from './query-format.js';
import type { WordTable } from './word-table.js';

/** One file; open until close(). */
export class QueryTables {
  readonly #fd: number;
  readonly #extents: Readonly<Record<Section, Extent>>;
  readonly #tables: ArrayBuffer;
  readonly #base: number;
  #search: WordTable | undefined;
  #summaries: Buffer | undefined;
  /** the index commit that it was compiled from */
  readonly commit: Oid;
  readonly meta: QueryMeta;
  /** number of package names */
  readonly size: number;
  readonly names: Buffer;
  readonly nameOffsets: Uint32Array;
  readonly nameEntries: Uint32Array;
  readonly nameShards: Uint16Array;
  readonly entryOffsets: Uint32Array;
  readonly entryPlaces: Uint16Array;
  readonly summaryOffsets: Uint32Array;
  /** entries by the names that they provide */
  readonly provided: WordTable;

  private constructor(fd: number) {
    const size = fstatSync(fd).size;
    const head = Buffer.alloc(HEADER_BYTES);
    if (readSync(fd, head, 0, HEADER_BYTES, 0) !== HEADER_BYTES) throw corrupt('it was cut short');
    const { commit, extents } = decodeQueryHeader(head, size);
    this.#fd = fd;
    this.commit = commit;
    this.#extents = extents;
    this.#base = extents.meta.offset;
    this.#tables = new ArrayBuffer(size - this.#base);
    this.#fill(new Uint8Array(this.#tables), this.#base);
    this.meta = JSON.parse(this.#bytes('meta').toString('utf8')) as QueryMeta;
    this.names = this.#bytes('names');
    this.nameOffsets = this.#words('nameOffsets');
    this.nameEntries = this.#words('nameEntries');
    this.nameShards = new Uint16Array(this.#tables, ...this.#place('nameShards', 2));
    this.entryOffsets = this.#words('entryOffsets');
    this.entryPlaces = new Uint16Array(this.#tables, ...this.#place('entryPlaces', 2));
    this.summaryOffsets = this.#words('summaryOffsets');
    this.provided = {
      words: this.#bytes('provided'),
      offsets: this.#words('providedOffsets'),
      starts: this.#words('providedStarts'),
      links: this.#words('providedLinks'),
    };
    this.size = this.nameOffsets.length - 1;
    const fits =
      this.nameEntries.length === this.size + 1 &&
      this.summaryOffsets.length === this.size + 1 &&
      this.nameShards.length === this.size &&
      this.entryPlaces.length === this.entryOffsets.length - 1 &&
      this.provided.starts.length === this.provided.offsets.length;
    if (this.size < 0 || !fits) throw corrupt('its tables do not fit');
  }

  /** @throws GtpkgError INDEX_NOT_FOUND when there is no file, INDEX_CORRUPT when it cannot be used */
  static open(path: string): QueryTables {
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
      return new QueryTables(fd);
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

  /** Words and the names that they occur in; read when first asked for. @throws GtpkgError INDEX_CORRUPT */
  get search(): WordTable {
    if (this.#search !== undefined) return this.#search;
    const words = (section: Section): Uint32Array => {
      const bytes = this.#section(section);
      return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    };
    this.#search = {
      words: this.#section('words'),
      offsets: words('wordOffsets'),
      starts: words('wordStarts'),
      links: words('postings'),
    };
    if (this.#search.starts.length !== this.#search.offsets.length) throw corrupt('its tables do not fit');
    return this.#search;
  }

  /** Of each name: version and summary; read when first asked for. @throws GtpkgError INDEX_CORRUPT */
  get summaries(): Buffer {
    return (this.#summaries ??= this.#section('summaries'));
  }

  /** The bytes of entries, one after the other. @throws GtpkgError INDEX_CORRUPT */
  entries(from: number, to: number): Buffer {
    const start = this.entryOffsets[from] ?? 0;
    const bytes = Buffer.allocUnsafeSlow((this.entryOffsets[to] ?? 0) - start);
    this.readEntries(bytes, start);
    return bytes;
  }

  /** Fills a buffer from a place in `entries`. @throws GtpkgError INDEX_CORRUPT */
  readEntries(bytes: Buffer, start: number): void {
    const { offset, length } = this.#extents.entries;
    if (start + bytes.length > length) throw corrupt('an entry lies outside');
    this.#fill(bytes, offset + start);
  }

  #section(section: Section): Buffer {
    const { offset, length } = this.#extents[section];
    const bytes = Buffer.from(new ArrayBuffer(length));
    this.#fill(bytes, offset);
    return bytes;
  }

  #fill(bytes: Uint8Array, position: number): void {
    for (let have = 0; have < bytes.length;) {
      const count = readSync(this.#fd, bytes, have, bytes.length - have, position + have);
      if (count === 0) throw corrupt('it was cut short');
      have += count;
    }
  }

  #place(section: Section, width: number): [offset: number, length: number] {
    const { offset, length } = this.#extents[section];
    return [offset - this.#base, Math.floor(length / width)];
  }

  #bytes(section: Section): Buffer {
    return Buffer.from(this.#tables, ...this.#place(section, 1));
  }

  #words(section: Section): Uint32Array {
    return new Uint32Array(this.#tables, ...this.#place(section, 4));
  }
}

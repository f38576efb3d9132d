/**
 * Questions about a source's packages, answered from its compiled query file: nothing is parsed but the entries asked for.
 * Loads neither git nor openpgp. The file is made by compile-query.ts from a verified commit.
 */
import { parseParagraph } from '../model/deb822.js';
import type { Oid } from '../model/ids.js';
import { entryOf, type IndexEntry } from './entry.js';
import type { QueryMeta } from './query-format.js';
import { find, lowerBound, nameAt } from './name-table.js';
import { QueryTables } from './query-tables.js';
import { searchNames } from './search.js';

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
  /** higher is better; comparable between files */
  readonly score: number;
}

/** Bytes of entries that are looked through at once. */
const CHUNK = 4 << 20;

/** One source's compiled packages; open until close(). */
export class QueryFile {
  readonly #tables: QueryTables;

  private constructor(tables: QueryTables) {
    this.#tables = tables;
  }

  /** @throws GtpkgError INDEX_NOT_FOUND when there is no file, INDEX_CORRUPT when it cannot be used */
  static open(path: string): QueryFile {
    return new QueryFile(QueryTables.open(path));
  }

  /** the index commit that it was compiled from */
  get commit(): Oid {
    return this.#tables.commit;
  }

  get meta(): QueryMeta {
    return this.#tables.meta;
  }

  /** number of package names */
  get size(): number {
    return this.#tables.size;
  }

  close(): void {
    this.#tables.close();
  }

  #find(name: string): number {
    return find(this.#tables.names, this.#tables.nameOffsets, name);
  }

  /** Every release of that name, by suite and then version. */
  byName(name: string): QueryEntry[] {
    const at = this.#find(name);
    const { nameEntries } = this.#tables;
    return at < 0 ? [] : this.#entries(nameEntries[at] ?? 0, nameEntries[at + 1] ?? 0);
  }

  has(name: string): boolean {
    return this.#find(name) >= 0;
  }

  /** Every release whose Provides names `name`, whatever the version. */
  providers(name: string): QueryEntry[] {
    const { words, offsets, starts, links } = this.#tables.provided;
    const at = find(words, offsets, name);
    if (at < 0) return [];
    return [...links.subarray(starts[at], starts[at + 1])].flatMap((entry) =>
      this.#entries(entry, entry + 1),
    );
  }

  /** All package names, sorted by bytes. */
  *names(): Generator<string> {
    const { names, nameOffsets } = this.#tables;
    for (let i = 0; i < this.size; i++) yield nameAt(names, nameOffsets, i);
  }

  /** Names that start with `prefix`, sorted, at most `limit`. */
  startingWith(prefix: string, limit = 20): string[] {
    const { names, nameOffsets } = this.#tables;
    const found: string[] = [];
    for (let i = lowerBound(names, nameOffsets, prefix); i < this.size && found.length < limit; i++) {
      const name = nameAt(names, nameOffsets, i);
      if (!name.startsWith(prefix)) break;
      found.push(name);
    }
    return found;
  }

  /** Packages in whose name, summary or description every word occurs, best first (search.ts). */
  search(words: readonly string[], options: { limit?: number } = {}): SearchHit[] {
    const found = searchNames(this.#tables, words);
    return found.slice(0, options.limit ?? found.length).map(({ index, score }) => this.#hit(index, score));
  }

  #hit(index: number, score: number): SearchHit {
    const { names, nameOffsets, summaries, summaryOffsets } = this.#tables;
    const text = summaries.toString('utf8', summaryOffsets[index], summaryOffsets[index + 1]);
    const cut = text.indexOf('\n');
    const name = nameAt(names, nameOffsets, index);
    return { name, version: text.slice(0, cut), summary: text.slice(cut + 1), score };
  }

  #entries(from: number, to: number): QueryEntry[] {
    const { entryOffsets, entryPlaces, meta } = this.#tables;
    const bytes = this.#tables.entries(from, to);
    const start = entryOffsets[from] ?? 0;
    const found: QueryEntry[] = [];
    for (let i = from; i < to; i++) {
      const text = bytes.toString('utf8', (entryOffsets[i] ?? 0) - start, (entryOffsets[i + 1] ?? 0) - start);
      const entry = entryOf(parseParagraph(text, { where: 'query file', code: 'INDEX_CORRUPT' }));
      found.push(inSuite(entry, meta.places[entryPlaces[i] ?? 0]?.[0] ?? ''));
    }
    return found;
  }

  /** Entries in whose text `text` (ASCII) stands somewhere: those that may name a package, to be looked at closely. */
  *mentioning(text: string): Generator<QueryEntry> {
    const { entryOffsets, entryPlaces } = this.#tables;
    for (let from = 0; from < entryPlaces.length;) {
      const start = entryOffsets[from] ?? 0;
      let to = from + 1;
      while (to < entryPlaces.length && (entryOffsets[to + 1] ?? 0) - start <= CHUNK) to++;
      const bytes = this.#tables.entries(from, to);
      let entry = from;
      for (let at = bytes.indexOf(text, 0, 'latin1'); at >= 0;) {
        while ((entryOffsets[entry + 1] ?? 0) - start <= at) entry++;
        yield* this.#entries(entry, entry + 1);
        at = bytes.indexOf(text, (entryOffsets[entry + 1] ?? 0) - start, 'latin1');
      }
      from = to;
    }
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

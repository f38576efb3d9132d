/**
 * Writes a query file: names in order, some copied from an older file, some made anew. docs/formats/query.md §1, §2.
 *
 * Entries go to the file as they come, so memory holds the tables only.
 */
import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Oid } from '../model/index.js';
import { writeAtomically } from '../git/io.js';
import {
  HEADER_BYTES,
  SECTIONS,
  aligned,
  encodeQueryHeader,
  type Extent,
  type QueryMeta,
  type Section,
} from './query-format.js';
import type { QueryTables } from './query-tables.js';
import { FIELD_BITS, indexWords } from './search-words.js';
import { descriptionOf } from './stanzas.js';
import { EMPTY, mergeWords, type WordTable } from './word-table.js';

/** One entry that is made anew. */
export interface FreshEntry {
  /** index into meta.places */
  readonly place: number;
  readonly version: string;
  /** names that it provides, each once */
  readonly provides: readonly string[];
  readonly bytes: () => Buffer;
}

/** All of one name. */
export interface Group {
  readonly name: string;
  /** first three hexadecimal digits of the name's SHA-256 */
  readonly shard: number;
  readonly entries: readonly FreshEntry[];
  /** which of them is found by its words and shown */
  readonly best: FreshEntry;
}

/** What comes next: names that are copied, from one number up to another, or one that is made. */
export type Step = { readonly from: number; readonly to: number } | Group;

/** What goes into a file. */
export interface QueryContent {
  readonly commit: Oid;
  readonly meta: QueryMeta;
  readonly previous: QueryTables | undefined;
  /** in the order of names */
  readonly steps: readonly Step[];
}

/** How much was written. */
export interface Written {
  readonly names: number;
  readonly entries: number;
  readonly bytes: number;
}

/** Bytes that are copied or gathered at once. */
const BATCH = 1 << 20;

/** Writes the file, atomically. */
export async function writeQuery(path: string, content: QueryContent): Promise<Written> {
  return writeAtomically(path, async (handle) => {
    const out = new Out(handle, HEADER_BYTES);
    const draft = new Draft(content.previous, out);
    const entries: Extent = { offset: HEADER_BYTES, length: 0 };
    for (const step of content.steps) {
      if ('from' in step) draft.copy(step.from, step.to);
      else draft.add(step);
    }
    const extents = { entries: { ...entries, length: out.at - HEADER_BYTES } } as Record<Section, Extent>;
    const tables: Partial<Record<Section, Uint8Array>> = {
      ...draft.tables(),
      meta: Buffer.from(JSON.stringify(content.meta), 'utf8'),
    };
    for (const section of SECTIONS) {
      const bytes = tables[section];
      if (bytes === undefined) continue;
      out.add(Buffer.alloc(aligned(out.at) - out.at));
      extents[section] = { offset: out.at, length: bytes.byteLength };
      out.add(bytes);
    }
    out.flush();
    await handle.write(encodeQueryHeader(content.commit, extents), 0, HEADER_BYTES, 0);
    return { ...draft.size, bytes: out.at };
  });
}

// Numbers whose count is known only at the end.
class Numbers {
  #array: Uint32Array;
  length = 0;

  constructor(room: number) {
    this.#array = new Uint32Array(Math.max(16, room));
  }

  push(value: number): void {
    if (this.length === this.#array.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.#array);
      this.#array = larger;
    }
    this.#array[this.length++] = value;
  }

  get last(): number {
    return this.#array[this.length - 1] ?? 0;
  }

  get values(): Uint32Array {
    return this.#array.subarray(0, this.length);
  }
}

// The tables of the new file while names come in.
class Draft {
  readonly #previous: QueryTables | undefined;
  readonly #out: Out;
  readonly #names: Buffer[] = [];
  readonly #summaries: Buffer[] = [];
  readonly #nameOffsets: Numbers;
  readonly #nameEntries: Numbers;
  readonly #nameShards: Numbers;
  readonly #entryOffsets: Numbers;
  readonly #entryPlaces: Numbers;
  readonly #summaryOffsets: Numbers;
  readonly #words = new Map<string, number[]>();
  readonly #provided = new Map<string, number[]>();
  readonly #nameMap: Int32Array;
  readonly #entryMap: Int32Array;

  constructor(previous: QueryTables | undefined, out: Out) {
    this.#previous = previous;
    this.#out = out;
    const names = previous?.size ?? 0;
    const entries = previous?.entryPlaces.length ?? 0;
    this.#nameMap = new Int32Array(names).fill(-1);
    this.#entryMap = new Int32Array(entries).fill(-1);
    const room = (count: number): Numbers => new Numbers(count + 4096);
    [this.#nameOffsets, this.#nameEntries, this.#summaryOffsets] = [room(names), room(names), room(names)];
    this.#nameShards = room(names);
    [this.#entryOffsets, this.#entryPlaces] = [room(entries), room(entries)];
    for (const each of [this.#nameOffsets, this.#nameEntries, this.#summaryOffsets, this.#entryOffsets])
      each.push(0);
  }

  get size(): { names: number; entries: number } {
    return { names: this.#nameShards.length, entries: this.#entryPlaces.length };
  }

  /** Names of the older file, with all that is theirs. */
  copy(from: number, to: number): void {
    const old = this.#previous;
    if (old === undefined) return;
    const [firstEntry, lastEntry] = [old.nameEntries[from] ?? 0, old.nameEntries[to] ?? 0];
    const { names, entries } = this.size;
    const shifted = (into: Numbers, table: Uint32Array, first: number, last: number): void => {
      const by = into.last - (table[first] ?? 0);
      for (let i = first + 1; i <= last; i++) into.push((table[i] ?? 0) + by);
    };
    shifted(this.#nameOffsets, old.nameOffsets, from, to);
    shifted(this.#summaryOffsets, old.summaryOffsets, from, to);
    shifted(this.#nameEntries, old.nameEntries, from, to);
    shifted(this.#entryOffsets, old.entryOffsets, firstEntry, lastEntry);
    for (let i = from; i < to; i++) {
      this.#nameMap[i] = names + i - from;
      this.#nameShards.push(old.nameShards[i] ?? 0);
    }
    for (let i = firstEntry; i < lastEntry; i++) {
      this.#entryMap[i] = entries + i - firstEntry;
      this.#entryPlaces.push(old.entryPlaces[i] ?? 0);
    }
    this.#names.push(old.names.subarray(old.nameOffsets[from], old.nameOffsets[to]));
    this.#summaries.push(old.summaries.subarray(old.summaryOffsets[from], old.summaryOffsets[to]));
    const end = old.entryOffsets[lastEntry] ?? 0;
    for (let at = old.entryOffsets[firstEntry] ?? 0; at < end; at += BATCH) {
      const bytes = this.#out.room(Math.min(BATCH, end - at));
      old.readEntries(bytes, at);
    }
  }

  add({ name, shard, entries, best }: Group): void {
    const number = this.size.names;
    for (const entry of entries) {
      const bytes = entry.bytes();
      for (const word of entry.provides) pushTo(this.#provided, word, this.#entryPlaces.length);
      this.#entryPlaces.push(entry.place);
      this.#entryOffsets.push(this.#entryOffsets.last + bytes.length);
      this.#out.add(bytes);
      if (entry !== best) continue;
      const { summary, rest } = descriptionOf(bytes);
      for (const [word, where] of indexWords(name, summary, rest))
        pushTo(this.#words, word, (number << FIELD_BITS) | where);
      const shown = Buffer.from(`${entry.version}\n${summary}`, 'utf8');
      this.#summaries.push(shown);
      this.#summaryOffsets.push(this.#summaryOffsets.last + shown.length);
    }
    this.#names.push(Buffer.from(name, 'latin1'));
    this.#nameOffsets.push(this.#nameOffsets.last + name.length);
    this.#nameEntries.push(this.#entryPlaces.length);
    this.#nameShards.push(shard);
  }

  tables(): Partial<Record<Section, Uint8Array>> {
    const names = { map: this.#nameMap, bits: FIELD_BITS };
    const search = mergeWords(this.#previous?.search ?? EMPTY, names, this.#words);
    const entries = { map: this.#entryMap, bits: 0 };
    const provided: WordTable = mergeWords(this.#previous?.provided ?? EMPTY, entries, this.#provided);
    return {
      summaries: Buffer.concat(this.#summaries),
      words: search.words,
      wordOffsets: bytesOf(search.offsets),
      wordStarts: bytesOf(search.starts),
      postings: bytesOf(search.links),
      nameOffsets: bytesOf(this.#nameOffsets.values),
      nameEntries: bytesOf(this.#nameEntries.values),
      nameShards: bytesOf(Uint16Array.from(this.#nameShards.values)),
      entryOffsets: bytesOf(this.#entryOffsets.values),
      entryPlaces: bytesOf(Uint16Array.from(this.#entryPlaces.values)),
      summaryOffsets: bytesOf(this.#summaryOffsets.values),
      providedOffsets: bytesOf(provided.offsets),
      providedStarts: bytesOf(provided.starts),
      providedLinks: bytesOf(provided.links),
      names: Buffer.concat(this.#names),
      provided: provided.words,
    };
  }
}

function pushTo(map: Map<string, number[]>, word: string, value: number): void {
  const known = map.get(word);
  if (known === undefined) map.set(word, [value]);
  else known.push(value);
}

function bytesOf(table: Uint32Array | Uint16Array): Uint8Array {
  return new Uint8Array(table.buffer, table.byteOffset, table.byteLength);
}

// Many small parts, few writes, all through one buffer.
class Out {
  readonly #file: number;
  readonly #buffer = Buffer.allocUnsafeSlow(2 * BATCH);
  #fill = 0;
  #written: number;

  constructor(handle: FileHandle, start: number) {
    this.#file = handle.fd;
    this.#written = start;
  }

  /** where the next byte goes */
  get at(): number {
    return this.#written + this.#fill;
  }

  /** A piece of the file, at most BATCH, to be filled at once. */
  room(length: number): Buffer {
    if (this.#fill + length > this.#buffer.length) this.flush();
    this.#fill += length;
    return this.#buffer.subarray(this.#fill - length, this.#fill);
  }

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BATCH) {
      const part = bytes.subarray(at, at + BATCH);
      this.room(part.length).set(part);
    }
  }

  flush(): void {
    for (let done = 0; done < this.#fill;)
      done += writeSync(this.#file, this.#buffer, done, this.#fill - done, this.#written + done);
    this.#written += this.#fill;
    this.#fill = 0;
  }
}

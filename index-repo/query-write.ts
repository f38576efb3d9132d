/**
 * Writes a query file from groups of entries. docs/formats/query.md §1.
 */
import type { FileHandle } from 'node:fs/promises';
import type { Oid } from '../model/index.js';
import { writeAtomically } from '../git/io.js';
import { SECTIONS, encodeQueryHeader, layout, type QueryMeta, type Section } from './query-format.js';

/** One entry as it will stand in the file. */
export interface StoredEntry {
  /** index into meta.places */
  readonly place: number;
  readonly bytes: Buffer;
  /** names that it provides, each once */
  readonly provides: readonly string[];
}

/** All of one name. */
export interface Group {
  readonly name: string;
  /** first three hexadecimal digits of the name's SHA-256 */
  readonly shard: number;
  readonly entries: readonly StoredEntry[];
  /** what is searched */
  readonly text: Buffer;
}

/** What goes into a file. */
export interface QueryContent {
  readonly commit: Oid;
  readonly meta: QueryMeta;
  readonly groups: readonly Group[];
}

/** Writes the file, atomically. `groups` are sorted by name. */
export async function writeGroups(
  path: string,
  { commit, meta, groups }: QueryContent,
): Promise<{ names: number; entries: number; bytes: number }> {
  const tables = tablesOf(meta, groups);
  const entryLengths = groups.reduce(
    (sum, group) => sum + group.entries.reduce((bytes, entry) => bytes + entry.bytes.length, 0),
    0,
  );
  const textLengths = groups.reduce((sum, group) => sum + group.text.length, 0);
  const lengths = Object.fromEntries(
    SECTIONS.map((section) => [section, tables[section]?.length ?? 0]),
  ) as Record<Section, number>;
  const { extents, total } = layout({ ...lengths, texts: textLengths, entries: entryLengths });
  await writeAtomically(path, async (handle) => {
    const out = new Batches(handle);
    out.add(encodeQueryHeader(commit, extents));
    for (const section of SECTIONS) {
      out.padTo(extents[section].offset);
      for (const part of section === 'texts' || section === 'entries'
        ? partsOf(section, groups)
        : [tables[section] ?? Buffer.alloc(0)]) {
        if (out.add(part)) await out.flush();
      }
    }
    await out.flush();
  });
  return {
    names: groups.length,
    entries: groups.reduce((sum, group) => sum + group.entries.length, 0),
    bytes: total,
  };
}

function* partsOf(section: 'texts' | 'entries', groups: readonly Group[]): Generator<Buffer> {
  for (const group of groups) {
    if (section === 'texts') yield group.text;
    else for (const entry of group.entries) yield entry.bytes;
  }
}

function tablesOf(meta: QueryMeta, groups: readonly Group[]): Partial<Record<Section, Buffer>> {
  const nameEntries = [0];
  const entryOffsets = [0];
  const entryPlaces: number[] = [];
  const provided = new Map<string, number[]>();
  for (const group of groups) {
    for (const { place, bytes, provides } of group.entries) {
      for (const name of provides) {
        const links = provided.get(name);
        if (links === undefined) provided.set(name, [entryPlaces.length]);
        else links.push(entryPlaces.length);
      }
      entryPlaces.push(place);
      entryOffsets.push((entryOffsets.at(-1) ?? 0) + bytes.length);
    }
    nameEntries.push(entryPlaces.length);
  }
  const virtual = [...provided.keys()].sort();
  return {
    meta: Buffer.from(JSON.stringify(meta), 'utf8'),
    nameOffsets: words(offsetsOf(groups.map((group) => group.name.length))),
    nameEntries: words(nameEntries),
    nameShards: halves(groups.map((group) => group.shard)),
    entryOffsets: words(entryOffsets),
    entryPlaces: halves(entryPlaces),
    providedOffsets: words(offsetsOf(virtual.map((name) => name.length))),
    providedEntries: words(offsetsOf(virtual.map((name) => provided.get(name)?.length ?? 0))),
    providedLinks: words(virtual.flatMap((name) => provided.get(name) ?? [])),
    textOffsets: words(offsetsOf(groups.map((group) => group.text.length))),
    names: Buffer.from(groups.map((group) => group.name).join(''), 'latin1'),
    provided: Buffer.from(virtual.join(''), 'latin1'),
  };
}

function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const length of lengths) offsets.push((offsets.at(-1) ?? 0) + length);
  return offsets;
}

function words(values: readonly number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function halves(values: readonly number[]): Buffer {
  return Buffer.from(Uint16Array.from(values).buffer);
}

// Many small parts, few writes.
class Batches {
  readonly #handle: FileHandle;
  #parts: Buffer[] = [];
  #size = 0;
  #written = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  // True when it is time to flush.
  add(part: Buffer): boolean {
    this.#parts.push(part);
    this.#size += part.length;
    return this.#size >= 1 << 20;
  }

  padTo(offset: number): void {
    this.add(Buffer.alloc(offset - this.#written - this.#size));
  }

  async flush(): Promise<void> {
    await this.#handle.writeFile(Buffer.concat(this.#parts));
    this.#written += this.#size;
    this.#parts = [];
    this.#size = 0;
  }
}

/**
 * Compiles a verified index commit into the file that query.ts reads. docs/formats/query.md.
 *
 * An older file of the same source makes it quick: only shards that changed since are read and taken apart.
 */
import type { FileHandle } from 'node:fs/promises';
import { compareVersions, parseRelations, type GtpkgError, type Oid } from '../model/index.js';
import { writeAtomically } from '../git/io.js';
import { parseTree } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { shardPath } from './entry.js';
import { parseShardPath } from './entry-changes.js';
import { openIndex } from './index-view.js';
import { SECTIONS, encodeQueryHeader, layout, type QueryMeta, type Section } from './query-format.js';
import { QueryFile } from './query.js';
import { diffFiles, findPath, walkTree, type Read } from './walk.js';

/** How a query file is made. */
export interface CompileOptions {
  /** the file to write, atomically; the one that is there is used as a starting point */
  readonly path: string;
  /** beside `all` */
  readonly architectures: readonly string[];
}

/** What was made. */
export interface Compiled {
  readonly names: number;
  readonly entries: number;
  readonly bytes: number;
  /** shards that were read */
  readonly shards: number;
}

interface Stanza {
  readonly place: number;
  readonly version: string;
  readonly bytes: Buffer;
  readonly provides: readonly string[];
}

interface Group {
  readonly name: string;
  readonly shard: number;
  readonly entries: readonly Pick<Stanza, 'place' | 'bytes' | 'provides'>[];
  readonly text: Buffer;
}

/**
 * @param commit - a commit whose tree is whole and verified
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, INDEX_MALFORMED, NO_SPACE, …
 */
export async function compileQuery(dir: string, commit: Oid, options: CompileOptions): Promise<Compiled> {
  const repository = await openIndex(dir);
  const previous = openPrevious(options);
  try {
    const changed =
      previous === undefined ? undefined : await changedShards(repository, previous.commit, commit);
    const places = new Places(changed === undefined ? [] : (previous?.meta.places ?? []));
    const wanted = new Set([...options.architectures, 'all']);
    const fresh = new Map<string, Stanza[]>();
    const read: Read = (oid) => repository.read(oid);
    let shards = 0;
    for await (const { path, body } of changed === undefined
      ? allShards(repository, commit)
      : readShards(read, changed)) {
      const place = parseShardPath(path);
      if (place === undefined || !wanted.has(place.architecture)) continue;
      shards++;
      for (const [name, stanza] of takeApart(body, places.number(place.suite, place.architecture))) {
        const known = fresh.get(name);
        if (known === undefined) fresh.set(name, [stanza]);
        else known.push(stanza);
      }
    }
    const kept = changed === undefined || previous === undefined ? [] : keptGroups(previous, changed, fresh);
    const groups = [...kept, ...[...fresh].map(([name, stanzas]) => groupOf(name, stanzas, places))];
    groups.sort((a, b) => (a.name < b.name ? -1 : 1));
    const meta: QueryMeta = { architectures: [...options.architectures].sort(), places: places.list };
    const written = await writeGroups(options.path, { commit, meta, groups });
    return { ...written, shards };
  } finally {
    previous?.close();
  }
}

// The file that is there, if it can be built upon.
function openPrevious({ path, architectures }: CompileOptions): QueryFile | undefined {
  let file: QueryFile;
  try {
    file = QueryFile.open(path);
  } catch (error) {
    if (['INDEX_NOT_FOUND', 'INDEX_CORRUPT'].includes((error as GtpkgError).code)) return undefined;
    throw error;
  }
  if (file.meta.architectures.join() === [...architectures].sort().join()) return file;
  file.close();
  return undefined;
}

class Places {
  readonly list: (readonly [string, string])[];

  constructor(known: readonly (readonly [string, string])[]) {
    this.list = [...known];
  }

  number(suite: string, architecture: string): number {
    const at = this.list.findIndex((place) => place[0] === suite && place[1] === architecture);
    return at >= 0 ? at : this.list.push([suite, architecture]) - 1;
  }

  key(number: number): string {
    return (this.list[number] ?? []).join('/');
  }
}

type Changed = ReadonlyMap<string, Oid | undefined>;

async function suitesTree(repository: Repository, commit: Oid): Promise<Oid | undefined> {
  const body = (await repository.readType(commit, 'commit')).toString('latin1', 0, 45);
  return (await findPath((oid) => repository.read(oid), body.slice(5) as Oid, 'suites'))?.oid;
}

// Paths of shards that differ, with what they hold now; undefined when the older commit is not here.
async function changedShards(repository: Repository, before: Oid, after: Oid): Promise<Changed | undefined> {
  if (!(await repository.has(before))) return undefined;
  const changed = new Map<string, Oid | undefined>();
  const read: Read = (oid) => repository.read(oid);
  for await (const { path, after: blob } of diffFiles(
    read,
    await suitesTree(repository, before),
    await suitesTree(repository, after),
  ))
    changed.set(path, blob);
  return changed;
}

async function* allShards(
  repository: Repository,
  commit: Oid,
): AsyncGenerator<{ path: string; body: Buffer }> {
  const suites = await suitesTree(repository, commit);
  if (suites === undefined) return;
  for (const { name, oid } of parseTree(await repository.readType(suites, 'tree'))) {
    for await (const { path, object } of walkTree(repository, oid))
      if (object.type === 'blob') yield { path: `${name}/${path}`, body: object.body };
  }
}

async function* readShards(read: Read, changed: Changed): AsyncGenerator<{ path: string; body: Buffer }> {
  for (const [path, oid] of changed) if (oid !== undefined) yield { path, body: (await read(oid)).body };
}

// No `.` and no `m`: to JavaScript U+2028 ends a line, to deb822 it does not, and a description may hold one.
const FIELD = /(?:^|\n)(Package|Version|Provides):([^\n]*(?:\n[ \t][^\n]*)*)/gi;

// A shard has passed parseShard when it came in: it is canonical, so two line breaks end an entry and nothing else does.
function* takeApart(body: Buffer, place: number): Generator<[name: string, stanza: Stanza]> {
  for (let start = 0; start < body.length;) {
    const gap = body.indexOf('\n\n', start);
    const end = gap < 0 ? body.length : gap + 1;
    const bytes = body.subarray(start, end);
    const fields = new Map(
      [...bytes.toString('utf8').matchAll(FIELD)].map((match) => [
        (match[1] ?? '').toLowerCase(),
        (match[2] ?? '').trim(),
      ]),
    );
    const provides = parseRelations(fields.get('provides') ?? '', 'Provides').map(
      (relation) => relation.name,
    );
    yield [
      fields.get('package') ?? '',
      { place, version: fields.get('version') ?? '', bytes, provides: [...new Set(provides)] },
    ];
    start = end + 1;
  }
}

function groupOf(name: string, stanzas: Stanza[], places: Places): Group {
  stanzas.sort((a, b) => {
    const [x, y] = [places.key(a.place), places.key(b.place)];
    return x !== y ? (x < y ? -1 : 1) : compareVersions(a.version, b.version);
  });
  const best = stanzas.reduce((a, b) => (compareVersions(a.version, b.version) >= 0 ? a : b));
  return { name, shard: shardNumber(name), entries: stanzas, text: textOf(name, best.bytes) };
}

const DESCRIPTION = /(?:^|\n)Description:([^\n]*)((?:\n[ \t][^\n]*)*)/i;

function textOf(name: string, stanza: Buffer): Buffer {
  const [, summary = '', rest = ''] = DESCRIPTION.exec(stanza.toString('utf8')) ?? [];
  return Buffer.from(
    `${name}\n${summary.trim()}\n${rest.replace(/\s+/g, ' ').trim()}\n`.toLowerCase(),
    'utf8',
  );
}

function shardNumber(name: string): number {
  return Number.parseInt(shardPath(name).replace('/', ''), 16);
}

// Groups none of whose shards changed, as they are; entries of the others that did not change join the fresh ones.
function keptGroups(previous: QueryFile, changed: Changed, fresh: Map<string, Stanza[]>): Group[] {
  const touched = new Map<number, Set<string>>();
  for (const path of changed.keys()) {
    const place = parseShardPath(path);
    if (place === undefined) continue;
    const shard = Number.parseInt(place.shard.replace('/', ''), 16);
    touched.set(shard, (touched.get(shard) ?? new Set()).add(`${place.suite}/${place.architecture}`));
  }
  const provides = previous.provides();
  const kept: Group[] = [];
  for (let index = 0; index < previous.size; index++) {
    const { name, shard, entries, first, text } = previous.stored(index);
    const gone = touched.get(shard);
    if (gone === undefined) {
      kept.push({
        name,
        shard,
        text,
        entries: entries.map((entry, i) => ({ ...entry, provides: provides.get(first + i) ?? [] })),
      });
      continue;
    }
    const staying = entries.filter(({ place }) => !gone.has((previous.meta.places[place] ?? []).join('/')));
    const stanzas = staying.flatMap(({ place, bytes }) =>
      [...takeApart(bytes, place)].map(([, stanza]) => stanza),
    );
    if (stanzas.length > 0) fresh.set(name, [...(fresh.get(name) ?? []), ...stanzas]);
  }
  return kept;
}

interface Content {
  readonly commit: Oid;
  readonly meta: QueryMeta;
  readonly groups: readonly Group[];
}

async function writeGroups(
  path: string,
  { commit, meta, groups }: Content,
): Promise<Omit<Compiled, 'shards'>> {
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

/**
 * Compiles a verified index commit into the file that query.ts reads. docs/formats/query.md.
 *
 * An older file of the same source makes it quick: only shards that changed since are read and taken apart.
 */
import { compareVersions, parseRelations, type GtpkgError, type Oid } from '../model/index.js';
import { parseTree } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { shardPath } from './entry.js';
import { parseShardPath } from './entry-changes.js';
import { openIndex } from './index-view.js';
import type { QueryMeta } from './query-format.js';
import { writeGroups, type Group, type StoredEntry } from './query-write.js';
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

interface Stanza extends StoredEntry {
  readonly version: string;
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

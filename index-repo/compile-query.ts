/**
 * Compiles a verified index commit into the file that query.ts reads. docs/formats/query.md.
 *
 * An older file of the same source makes it quick: only shards that changed since are read and taken apart.
 */
import { dirname } from 'node:path';
import { compareVersions, type GtpkgError, type Oid } from '../model/index.js';
import { parseTree } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { Spill } from '../git/spill.js';
import { shardPath } from './entry.js';
import { parseShardPath } from './entry-changes.js';
import { openIndex } from './index-view.js';
import { lowerBound, nameAt } from './name-table.js';
import type { QueryMeta } from './query-format.js';
import { QueryTables } from './query-tables.js';
import { writeQuery, type FreshEntry, type Group, type Step } from './query-write.js';
import { takeApart } from './stanzas.js';
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

/** Fresh entries up to so many bytes stay in memory: those of an update, not those of a distribution. */
const IN_MEMORY = 8 << 20;

type Fresh = Map<string, FreshEntry[]>;

/**
 * @param commit - a commit whose tree is whole and verified
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, INDEX_MALFORMED, NO_SPACE, …
 */
export async function compileQuery(dir: string, commit: Oid, options: CompileOptions): Promise<Compiled> {
  const repository = await openIndex(dir);
  const previous = openPrevious(options);
  const aside = new Spill(dirname(options.path), IN_MEMORY);
  try {
    const changed =
      previous === undefined ? undefined : await changedShards(repository, previous.commit, commit);
    const base = changed === undefined ? undefined : previous;
    const places = new Places(base?.meta.places ?? []);
    const wanted = new Set([...options.architectures, 'all']);
    const fresh: Fresh = new Map();
    let cosigned = base !== undefined && base.meta.cosigned !== false;
    const add = (body: Buffer, place: number): void => {
      const at = aside.put(body);
      cosigned ||= body.includes('\nCosignatures:', 0, 'latin1');
      for (const { name, version, provides, bytes } of takeApart(body)) {
        const [start, length] = [at + bytes.byteOffset - body.byteOffset, bytes.length];
        const entry = { place, version, provides, bytes: () => aside.take(start, length) };
        const known = fresh.get(name);
        if (known === undefined) fresh.set(name, [entry]);
        else known.push(entry);
      }
    };
    const read: Read = (oid) => repository.read(oid);
    let shards = 0;
    for await (const { path, body } of changed === undefined
      ? allShards(repository, commit)
      : readShards(read, changed)) {
      const place = parseShardPath(path);
      if (place === undefined || !wanted.has(place.architecture)) continue;
      shards++;
      add(body, places.number(place.suite, place.architecture));
    }
    const touched = touchedBy(changed ?? new Map());
    if (base !== undefined) keepOthers(base, touched, add);
    const groups = [...fresh].map(([name, entries]) => groupOf(name, entries, places));
    groups.sort((a, b) => (a.name < b.name ? -1 : 1));
    const meta: QueryMeta = {
      architectures: [...options.architectures].sort(),
      places: places.list,
      cosigned,
    };
    const steps = stepsOf(base, touched, groups);
    const written = await writeQuery(options.path, { commit, meta, previous: base, steps });
    return { ...written, shards };
  } finally {
    aside.close();
    previous?.close();
  }
}

// The file that is there, if it can be built upon.
function openPrevious({ path, architectures }: CompileOptions): QueryTables | undefined {
  let file: QueryTables;
  try {
    file = QueryTables.open(path);
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

function groupOf(name: string, entries: FreshEntry[], places: Places): Group {
  entries.sort((a, b) => {
    const [x, y] = [places.key(a.place), places.key(b.place)];
    return x !== y ? (x < y ? -1 : 1) : compareVersions(a.version, b.version);
  });
  const best = entries.reduce((a, b) => (compareVersions(a.version, b.version) >= 0 ? a : b));
  return { name, shard: Number.parseInt(shardPath(name).replace('/', ''), 16), entries, best };
}

/** Places in which a shard changed, by the shard's number. */
type Touched = ReadonlyMap<number, ReadonlySet<string>>;

function touchedBy(changed: Changed): Touched {
  const touched = new Map<number, Set<string>>();
  for (const path of changed.keys()) {
    const place = parseShardPath(path);
    if (place === undefined) continue;
    const shard = Number.parseInt(place.shard.replace('/', ''), 16);
    touched.set(shard, (touched.get(shard) ?? new Set()).add(`${place.suite}/${place.architecture}`));
  }
  return touched;
}

// A name of a shard that changed is made anew. What stands in other places under that name is taken from the older file.
function keepOthers(base: QueryTables, touched: Touched, add: (body: Buffer, place: number) => void): void {
  for (let index = 0; index < base.size; index++) {
    const gone = touched.get(base.nameShards[index] ?? 0);
    if (gone === undefined) continue;
    for (let at = base.nameEntries[index] ?? 0; at < (base.nameEntries[index + 1] ?? 0); at++) {
      const place = base.entryPlaces[at] ?? 0;
      if (!gone.has((base.meta.places[place] ?? []).join('/'))) add(base.entries(at, at + 1), place);
    }
  }
}

// Runs of names that stay, and between them, in order, those that are made anew.
function stepsOf(base: QueryTables | undefined, touched: Touched, groups: readonly Group[]): Step[] {
  if (base === undefined) return [...groups];
  const steps: Step[] = [];
  const stays = (index: number): boolean => !touched.has(base.nameShards[index] ?? 0);
  const copy = (from: number, to: number): void => {
    for (let at = from; at < to;) {
      const start = at;
      while (at < to && stays(at)) at++;
      if (at > start) steps.push({ from: start, to: at });
      while (at < to && !stays(at)) at++;
    }
  };
  let next = 0;
  for (const group of groups) {
    const at = lowerBound(base.names, base.nameOffsets, group.name);
    copy(next, at);
    steps.push(group);
    next = at < base.size && nameAt(base.names, base.nameOffsets, at) === group.name ? at + 1 : at;
  }
  copy(next, base.size);
  return steps;
}

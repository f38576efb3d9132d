/**
 * What a large index says of one thing, read without the rest of it: the entries of one package, the segments of contents.
 */
import type { Oid } from '../model/index.js';
import { parseTree } from '../git/objects.js';
import { parseContents, type SegmentRef } from './contents.js';
import { parseShard, shardPath, type IndexEntry } from './entry.js';
import { openIndex, tipOf, viewIndex } from './index-view.js';
import { findPath, readTree, type Read } from './walk.js';

/**
 * Every release of `name` in a suite, of any architecture.
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, ENTRY_MALFORMED, INDEX_MALFORMED
 */
export async function entriesOf(dir: string, suite: string, name: string): Promise<IndexEntry[]> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const { commit } = await viewIndex(read, await tipOf(repository));
  const place = await findPath(read, commit.tree, `suites/${suite}`);
  if (place === undefined) return [];
  const found: IndexEntry[] = [];
  for (const { name: architecture, oid } of parseTree(await repository.readType(place.oid, 'tree'))) {
    const shard = await findPath(read, oid, shardPath(name));
    if (shard === undefined) continue;
    const where = `suites/${suite}/${architecture}/${shardPath(name)}`;
    const entries = parseShard(await repository.readType(shard.oid, 'blob'), {
      where,
      architecture,
      shard: shardPath(name),
    });
    found.push(...entries.filter((entry) => entry.pin.name === name));
  }
  return found;
}

/** Segments of the contents of one suite and architecture. */
export interface PlaceContents {
  readonly suite: string;
  readonly architecture: string;
  readonly segments: readonly SegmentRef[];
}

/**
 * The segments that an index names, of every suite and architecture that has some.
 * @param commit - a verified one; the publisher's own newest state when absent
 * @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT, INDEX_MALFORMED
 */
export async function contentsOf(dir: string, commit?: Oid): Promise<PlaceContents[]> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const view = await viewIndex(read, commit ?? (await tipOf(repository)));
  const suites = view.top.get('suites');
  const found: PlaceContents[] = [];
  for (const suite of suites === undefined ? [] : await readTree(read, suites.oid)) {
    for (const { name: architecture, oid } of await readTree(read, suite.oid)) {
      const file = (await readTree(read, oid)).find(
        ({ name, mode }) => name === 'contents' && mode === '100644',
      );
      if (file === undefined) continue;
      const segments = parseContents(await repository.readType(file.oid, 'blob'));
      found.push({ suite: suite.name, architecture, segments });
    }
  }
  return found;
}

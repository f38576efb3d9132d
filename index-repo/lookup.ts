/**
 * The entries of one package, read from its shards alone: a publisher's question, cheap also in a large index.
 */
import { parseTree } from '../git/objects.js';
import { parseShard, shardPath, type IndexEntry } from './entry.js';
import { openIndex, tipOf, viewIndex } from './index-view.js';
import { findPath, type Read } from './walk.js';

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

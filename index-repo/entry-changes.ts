/**
 * Reads every shard that an update changed, strictly, and counts what changed. What passes can be compiled and shown.
 */
import { GtpkgError, isArchitecture, type Oid } from '../model/index.js';
import { parseShard } from './entry.js';
import { takeApart } from './stanzas.js';
import { diffFiles, findPath, type Read } from './walk.js';

/** Releases that came, went, or changed under the same version. */
export interface EntryCounts {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** Where a shard stands, from its path below `suites/`; undefined for files that other versions of gtpkg may put there. */
export interface ShardPath {
  readonly suite: string;
  readonly architecture: string;
  /** `xx/y` */
  readonly shard: string;
}

const NOTHING = Buffer.alloc(0);

/** @throws GtpkgError INDEX_MALFORMED for a path that is neither a shard nor reserved */
export function parseShardPath(path: string): ShardPath | undefined {
  const match =
    /^([A-Za-z0-9][A-Za-z0-9.+_-]{0,63})\/([a-z0-9][a-z0-9-]{0,63})\/([0-9a-f]{2}\/[0-9a-f])$/.exec(path);
  if (match !== null) return { suite: match[1] ?? '', architecture: match[2] ?? '', shard: match[3] ?? '' };
  // index.md §4: deltas are hints, and safe to ignore
  if (/^[^/]+\/[^/]+\/deltas\//.test(path)) return undefined;
  // contents.md §1: read by who asks for paths
  if (/^[^/]+\/[^/]+\/contents$/.test(path)) return undefined;
  throw new GtpkgError(
    'INDEX_MALFORMED',
    `The index is malformed: suites/${path.slice(0, 200)} does not belong there`,
  );
}

/**
 * @param before - root tree to compare with; absent: everything is new
 * @throws GtpkgError ENTRY_MALFORMED, INDEX_MALFORMED
 */
export async function countChanges(
  read: Read,
  before: Oid | undefined,
  head: { readonly tree: Oid; readonly suites: readonly string[] },
): Promise<EntryCounts> {
  const counts = { added: 0, removed: 0, changed: 0 };
  const old = before === undefined ? undefined : (await findPath(read, before, 'suites'))?.oid;
  const now = (await findPath(read, head.tree, 'suites'))?.oid;
  for await (const change of diffFiles(read, old, now)) {
    const place = change.after === undefined ? shardOrNothing(change.path) : parseShardPath(change.path);
    if (place === undefined) continue;
    const { suite, architecture, shard } = place;
    if (change.after !== undefined && (!head.suites.includes(suite) || !isArchitecture(architecture))) {
      throw new GtpkgError('INDEX_MALFORMED', `The index is malformed: there is no suite ${suite}`);
    }
    const body = async (oid: Oid | undefined): Promise<Buffer> =>
      oid === undefined ? NOTHING : (await read(oid)).body;
    // what was there has passed when it came in
    const was = new Map(
      [...takeApart(await body(change.before))].map(({ name, version, bytes }) => [
        `${name} ${version}`,
        bytes.toString('utf8'),
      ]),
    );
    const is = new Map<string, string>();
    if (change.after !== undefined) {
      const where = { where: `suites/${change.path}`, architecture, shard };
      for (const { pin, fields } of parseShard(await body(change.after), where))
        is.set(`${pin.name} ${pin.version}`, fields.toString());
    }
    for (const [release, text] of is) {
      const other = was.get(release);
      if (other === undefined) counts.added++;
      else if (other !== text) counts.changed++;
    }
    for (const release of was.keys()) if (!is.has(release)) counts.removed++;
  }
  return counts;
}

function shardOrNothing(path: string): ShardPath | undefined {
  try {
    return parseShardPath(path);
  } catch {
    return undefined;
  }
}

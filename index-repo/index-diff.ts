/**
 * What differs between two states of an index, told from their trees and not from what a commit's message says.
 */
import type { Oid } from '../model/index.js';
import { formatDate, type Distribution } from './documents.js';
import { parseShard, type IndexEntry } from './entry.js';
import { parseShardPath } from './entry-changes.js';
import { describeKeyFile } from './key-files.js';
import { openIndex, viewIndex, type IndexView } from './index-view.js';
import { diffFiles, type Read } from './walk.js';

/** One difference, for people and for scripts. */
export interface IndexDifference {
  readonly kind: 'added' | 'removed' | 'changed';
  /** a release, a key, who may sign, a field of `distribution`, another file */
  readonly what: 'release' | 'key' | 'roots' | 'field' | 'file';
  readonly name: string;
  /** what it was, and what it is */
  readonly before: string | null;
  readonly after: string | null;
}

/** Differences of two commits of one repository; `before` absent: everything is new. @throws GtpkgError INDEX_NOT_FOUND, OBJECT_CORRUPT */
export async function diffIndex(
  dir: string,
  before: Oid | undefined,
  after: Oid,
): Promise<readonly IndexDifference[]> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const old = before === undefined ? undefined : await viewIndex(read, before);
  const now = await viewIndex(read, after);
  const out: IndexDifference[] = [...fieldsOf(old, now), ...rootsOf(old, now)];
  for await (const change of diffFiles(read, old?.commit.tree, now.commit.tree)) {
    if (change.path.startsWith('suites/')) out.push(...(await releasesOf(read, change)));
    else if (change.path.startsWith('keys/')) out.push(await keyOf(read, change));
    else if (change.path !== 'distribution' && change.path !== 'authorizations')
      out.push(difference('file', change.path, change.before, change.after));
  }
  return out;
}

function difference(
  what: IndexDifference['what'],
  name: string,
  before: string | undefined,
  after: string | undefined,
): IndexDifference {
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return { kind, what, name, before: before ?? null, after: after ?? null };
}

function fieldsOf(old: IndexView | undefined, now: IndexView): IndexDifference[] {
  const say = (d: Distribution): readonly (readonly [string, string])[] => [
    ['Name', d.name],
    ['Suites', d.suites.join(' ')],
    ['Architectures', d.architectures.join(' ')],
    ['Index-Core', d.indexCore],
    ['Forked-From', d.forkedFrom ?? ''],
    ['Valid-Until', formatDate(d.validUntil)],
  ];
  const was = new Map(old === undefined ? [] : say(old.distribution));
  return say(now.distribution)
    .filter(([name, value]) => (was.get(name) ?? '') !== value)
    .map(([name, value]) => difference('field', name, was.get(name), value));
}

function rootsOf(old: IndexView | undefined, now: IndexView): IndexDifference[] {
  const say = ({ authorizations: { roots, threshold } }: IndexView): string =>
    `${threshold} of ${roots.join(' ')}`;
  const [was, is] = [old === undefined ? undefined : say(old), say(now)];
  return was === is ? [] : [difference('roots', 'Roots', was, is)];
}

type Change = { readonly path: string; readonly before?: Oid; readonly after?: Oid };

async function keyOf(read: Read, { path, before, after }: Change): Promise<IndexDifference> {
  const say = async (oid: Oid | undefined): Promise<string | undefined> => {
    if (oid === undefined) return undefined;
    const key = describeKeyFile((await read(oid)).body);
    if (key === undefined) return 'no readable key';
    const { userId, revocation, expires } = key;
    const state = revocation === undefined ? '' : ` (revoked${revocation === 'soft' ? ': retired' : ''})`;
    return `${userId}${state}${expires === undefined ? '' : ` (until ${formatDate(expires)})`}`.trim();
  };
  return difference(
    'key',
    path.slice('keys/'.length).replace(/\.asc$/, ''),
    await say(before),
    await say(after),
  );
}

async function releasesOf(read: Read, { path, before, after }: Change): Promise<IndexDifference[]> {
  const place = parseShardPath(path.slice('suites/'.length));
  if (place === undefined) return [];
  const entries = async (oid: Oid | undefined): Promise<Map<string, IndexEntry>> =>
    new Map(
      (oid === undefined ? [] : parseShard((await read(oid)).body, { where: path, ...place })).map(
        (entry) => [
          `${entry.pin.name} ${entry.pin.version} (${entry.pin.architecture}) in ${place.suite}`,
          entry,
        ],
      ),
    );
  const [was, is] = [await entries(before), await entries(after)];
  const text = (entry: IndexEntry | undefined): string | undefined => entry?.fields.toString();
  const say = (entry: IndexEntry | undefined): string | undefined =>
    entry === undefined ? undefined : `signed by ${entry.pin.signer}, ${entry.pin.tree.slice(0, 16)}`;
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((release) => text(was.get(release)) !== text(is.get(release)))
    .sort()
    .map((release) => difference('release', release, say(was.get(release)), say(is.get(release))));
}

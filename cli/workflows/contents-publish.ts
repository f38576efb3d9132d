/**
 * Which paths new releases have, put beside them into an index: a segment for them, which takes small older ones with it, so that there are
 * few however often somebody publishes. docs/formats/contents.md §3.
 */
import { limits, type CoreRef } from '../../model/index.js';
import type { IndexChange, ReleasePaths, SegmentRef } from '../../index-repo/index.js';
import type { Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import type { OwnIndex } from '../places.js';
import type { Prepared } from './enlist.js';
import { indexRepository } from './own-index.js';
import { coreBytes } from './sync-source.js';

/** Merging looks up so many releases, whether they are listed still; more are kept as they are. */
const MOST_LOOKED_UP = 1000;

/** The changes that make `fresh` findable by their paths. The segments' cores are in the store then. */
export async function contentsChanges(
  context: Context,
  job: { index: OwnIndex; suite: string; fresh: readonly Prepared[] },
): Promise<IndexChange[]> {
  const known = job.fresh.filter(({ paths }) => paths !== undefined);
  if (known.length === 0) return [];
  const { contentsOf, formatContents, releaseHead } = await import('../../index-repo/index.js');
  const { index, suite } = job;
  const places = await contentsOf(indexRepository(index));
  const depot = await context.depot({ local: true });
  const changes: IndexChange[] = [];
  for (const architecture of new Set(known.map(({ entry }) => entry.pin.architecture))) {
    const releases = known
      .filter(({ entry }) => entry.pin.architecture === architecture)
      .map(({ entry: { pin }, paths = [] }): ReleasePaths => ({ ...releaseHead(pin), paths }));
    const before = places.find((place) => place.suite === suite && place.architecture === architecture);
    const listed = await listedIn(index, suite, new Set(releases.map(({ tree }) => tree)));
    const segments = await added(depot, { segments: before?.segments ?? [], releases, listed });
    changes.push({ kind: 'contents', suite, architecture, bytes: formatContents(segments) });
  }
  return changes;
}

type Listed = (release: ReleasePaths) => Promise<boolean>;

// Whether a release stands in the index, or will.
async function listedIn(index: OwnIndex, suite: string, coming: ReadonlySet<string>): Promise<Listed> {
  const { entriesOf } = await import('../../index-repo/index.js');
  return async ({ tree, name }) =>
    coming.has(tree) ||
    (await entriesOf(indexRepository(index), suite, name)).some(({ pin }) => pin.tree.startsWith(tree));
}

async function added(
  depot: Depot,
  job: { segments: readonly SegmentRef[]; releases: readonly ReleasePaths[]; listed: Listed },
): Promise<SegmentRef[]> {
  const { encodeSegment } = await import('../../index-repo/index.js');
  const segments = [...job.segments];
  const all = new Map(job.releases.map((release) => [release.tree, release]));
  // each is at least twice as large as the next: as many as there are powers of two
  for (let last = segments.at(-1); last !== undefined && isSmall(last, all.size); last = segments.at(-1)) {
    const older = await readSegment(depot, last.core);
    if (older === undefined) break;
    segments.pop();
    for (const release of older) {
      if (all.has(release.tree)) continue;
      if (all.size > MOST_LOOKED_UP || (await job.listed(release))) all.set(release.tree, release);
    }
  }
  const core = await depot.putStaticBytes(encodeSegment([...all.values()]));
  const made = { core, releases: all.size };
  return [...segments.filter((segment) => segment.core.key !== core.key), made].slice(
    -limits.MAX_CONTENTS_SEGMENTS,
  );
}

function isSmall({ core, releases }: SegmentRef, fresh: number): boolean {
  return releases < 2 * fresh && core.byteLength <= limits.MAX_CONTENTS_MERGE;
}

// A segment that is not here, or that cannot be read, stays as it is.
async function readSegment(depot: Depot, core: CoreRef): Promise<ReleasePaths[] | undefined> {
  const [held] = await depot.held([core]);
  if (held !== core.byteLength) return undefined;
  const { releasesIn } = await import('../../index-repo/index.js');
  const found: ReleasePaths[] = [];
  try {
    for await (const release of releasesIn(once(await coreBytes(depot, core)), () => true))
      found.push(release);
  } catch {
    return undefined;
  }
  return found;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * Notices of the indexes used and kept here: judged when peers send them, made when there is something to tell. docs/formats/notices.md.
 */
import { GtpkgError, type CoreKey } from '../../model/index.js';
import { readEvidence, requireDecided } from '../../index-repo/evidence-file.js';
import { readStoredIndex, type SyncResult } from '../../index-repo/sync.js';
import type { Context } from '../context.js';
import { coresOf, listIndexes, listSources, type OwnIndex, type Source } from '../places.js';
import { indexRepository, pushIndex } from './own-index.js';
import { statePath } from './trusted-source.js';

/** Peers have said what they know long before, unless one is slow: what a root who is about to sign waits, and who updates. */
export const HEARING = 1_500;
const LISTENING = 500;
/** How long a notice of ours waits for somebody who takes it. */
const TELLING = 3_000;

interface Follower {
  readonly place: Source | OwnIndex;
  readonly own: boolean;
}

async function followers(context: Context, core: CoreKey): Promise<Follower[]> {
  const sources = await listSources(context);
  const indexes = await listIndexes(context);
  return [
    ...sources.filter((each) => coresOf(each).includes(core)).map((place) => ({ place, own: false })),
    ...indexes.filter((each) => coresOf(each).includes(core)).map((place) => ({ place, own: true })),
  ];
}

/**
 * What the store's owner asks of every notice that comes: is it to be kept and passed on? Evidence stops the source at once.
 * Never throws.
 */
export async function judgeNotice(context: Context, core: CoreKey, bytes: Buffer): Promise<boolean> {
  try {
    for (const follower of await followers(context, core))
      if (await isGood(context, follower, bytes)) return true;
    return false;
  } catch {
    return false; // whatever is wrong with it: it is of no use here
  }
}

async function isGood(context: Context, { place, own }: Follower, bytes: Buffer): Promise<boolean> {
  const { decodeNotice, judgeEvidence, judgeNotice: judge } = await import('../../index-repo/index.js');
  // a seeder lives for weeks: its start is no clock
  const now = new Date(context.now.getTime() + Math.max(0, Date.now() - context.now.getTime()));
  const dir = indexRepository(place);
  try {
    if (decodeNotice(bytes).kind === 'equivocation') {
      const source = place as Source;
      const stored = own ? undefined : await readStoredIndex(statePath(source));
      if (stored === undefined) return false;
      const { addEvidence } = await import('../../index-repo/evidence-file.js');
      await addEvidence(statePath(source), await judgeEvidence(bytes, { dir, known: stored.trusted, now }));
      return true;
    }
    const kept = await keptNotices(context, place);
    const { kind } = await judge(bytes, { dir, introduction: place.introduction, now, kept });
    if (own && kind === 'cosignature') await takeIn(context, place as OwnIndex, bytes);
    return true;
  } catch (error) {
    if (error instanceof GtpkgError) return false;
    throw error;
  }
}

// A signature that came to the keeper of an index: perhaps it was the last one that was missing.
async function takeIn(context: Context, index: OwnIndex, bytes: Buffer): Promise<void> {
  const { cosignaturesIn, takeCosignatures } = await import('../../index-repo/index.js');
  const judge = { introduction: index.introduction, now: new Date() };
  const taken = await takeCosignatures(indexRepository(index), await cosignaturesIn(bytes), judge);
  if (taken === 0) return;
  const pending = await pushIndex(context, index);
  context.report({
    kind: 'note',
    text:
      pending.length === 0
        ? `Enough roots of ${index.name} have signed: what was pending is published.`
        : `A root of ${index.name} has signed what is pending.`,
  });
}

async function keptNotices(context: Context, place: Source | OwnIndex): Promise<Buffer[]> {
  const depot = await context.depot();
  return depot.notices(place.introduction.indexCore, 0);
}

/** Shows what was found of two histories to everybody who follows the index. */
export async function spreadEvidence(context: Context, source: Source): Promise<void> {
  const depot = await context.depot();
  for (const { proof } of await readEvidence(statePath(source)))
    if (proof !== '')
      await depot.putNotice(
        source.introduction.indexCore,
        Buffer.from(proof, 'base64'),
        context.settings.offline ? 0 : TELLING / 3,
      );
}

/**
 * Hears what peers know of an index beside its log.
 * @throws GtpkgError INDEX_EQUIVOCATION when they have proof that its roots signed two histories
 */
export async function hearNotices(context: Context, source: Source): Promise<readonly Buffer[]> {
  const depot = await context.depot();
  const { indexCore } = source.introduction;
  const heard = await depot.notices(indexCore, context.settings.offline ? 0 : LISTENING);
  await requireDecided(statePath(source), source.name);
  return heard;
}

/**
 * Takes the commits that say where an index has moved to, if peers know any that go on from what is trusted. Gives what came of it.
 * @throws GtpkgError INDEX_EQUIVOCATION
 */
export async function takeMoved(
  context: Context,
  source: Source,
  heard: readonly Uint8Array[],
): Promise<SyncResult | undefined> {
  const { decodeNotice, syncNotice } = await import('../../index-repo/index.js');
  const depot = await context.depot();
  const { coreBytes } = await import('./sync-source.js');
  for (const bytes of heard) {
    const notice = decodeNotice(bytes);
    if (notice.kind !== 'moved') continue;
    try {
      return await syncNotice(
        {
          dir: indexRepository(source),
          statePath: statePath(source),
          introduction: source.introduction,
          now: context.now,
          fetchCore: (core) => coreBytes(depot, core),
        },
        notice,
      );
    } catch (error) {
      // one that leads nowhere must not keep others from leading on
      if (!(error instanceof GtpkgError) || error.code === 'INDEX_EQUIVOCATION') throw error;
    }
  }
  return undefined;
}

/** Lets the other roots know what is pending; what was pending before is told no longer. */
export async function spreadProposal(context: Context, index: OwnIndex): Promise<void> {
  const { encodeProposal } = await import('../../index-repo/index.js');
  const depot = await context.depot({ local: true });
  const bytes = await encodeProposal(indexRepository(index), (pack) => depot.putStaticBytes(pack));
  await forgetNotices(context, index);
  if (bytes !== undefined) await depot.putNotice(index.indexCore, bytes, 0);
}

/** Forgets the proposals of an index, and the co-signatures that were taken in. */
export async function forgetNotices(context: Context, index: OwnIndex): Promise<void> {
  const { decodeNotice, noticeId } = await import('../../index-repo/index.js');
  const depot = await context.depot({ local: true });
  const old = (await depot.notices(index.indexCore, 0)).filter((bytes) =>
    ['proposal', 'cosignature'].includes(decodeNotice(bytes).kind),
  );
  if (old.length > 0) await depot.dropNotices(index.indexCore, old.map(noticeId));
}

/** Sends signatures on a proposal to whoever follows the index. Gives the number of peers that took them. */
export async function sendCosignatures(context: Context, core: CoreKey, bytes: Uint8Array): Promise<number> {
  const depot = await context.depot();
  return depot.putNotice(core, bytes, context.settings.offline ? 0 : TELLING);
}

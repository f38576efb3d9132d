/**
 * Roots on different machines sign one change. The keeper of an index (who holds the key of its index core) proposes; a root that follows it
 * as a source looks, signs and sends the signature back; whoever has the last one brings it to the keeper, who publishes. docs/formats/index.md §12.
 */
import { existsSync } from 'node:fs';
import { EXIT, GtpkgError, type CoreRef } from '../../model/index.js';
import type { Context } from '../context.js';
import { findIndex, findSource, getIndex, type OwnIndex, type Source } from '../places.js';
import { signerFor } from './keys.js';
import { HEARING, forgetNotices, sendCosignatures } from './notices.js';
import { readNotices, writeNotices } from './notice-file.js';
import { indexRepository, pushIndex, rootsHere } from './own-index.js';
import { pendingOf, type PendingSummary } from './pending.js';
import { meetPeers } from './releases.js';
import { coreBytes, sync } from './sync-source.js';

/** As the command line says it. */
export interface SignOptions {
  readonly name: string;
  readonly keys: readonly string[];
  readonly passphraseFile: string | undefined;
  /** files of notices to take in first, and to write */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly dryRun: boolean;
}

/** What came of it. */
export interface Signed {
  readonly index: string;
  /** this home publishes the index, or follows it */
  readonly role: 'keeper' | 'root';
  readonly dryRun: boolean;
  /** numbers of the commits that were signed here, and by which keys */
  readonly signed: readonly number[];
  readonly by: readonly string[];
  /** signatures of others that came in */
  readonly taken: number;
  /** commits that are published now; a root does not publish */
  readonly published: number;
  readonly pending: readonly PendingSummary[];
  /** peers that took the signatures; null where nothing was sent */
  readonly peers: number | null;
  readonly file: string | null;
}

/** @throws GtpkgError INDEX_NOT_FOUND, SOURCE_NOT_FOUND, KEY_NOT_FOUND, DOUBLE_SIGNATURE, and what judging a proposal throws */
export async function signIndex(context: Context, options: SignOptions): Promise<Signed> {
  const own = await findIndex(context, options.name);
  if (own !== undefined) return signAsKeeper(context, own, options);
  const source = await findSource(context, options.name);
  if (source === undefined) return signAsKeeper(context, await getIndex(context, options.name), options);
  return signAsRoot(context, source, options);
}

async function signAsKeeper(context: Context, index: OwnIndex, options: SignOptions): Promise<Signed> {
  const { cosignaturesIn, takeCosignatures } = await import('../../index-repo/index.js');
  const directory = indexRepository(index);
  const judge = { introduction: index.introduction, now: context.now };
  const depot = await context.depot();
  if (!context.settings.offline) await depot.join([index.indexCore]);
  const came = [
    ...(options.from === undefined ? [] : await readNotices(options.from)),
    ...(await depot.notices(index.indexCore, context.settings.offline ? 0 : HEARING)),
  ];
  let taken = 0;
  if (!options.dryRun)
    for (const notice of came)
      taken += await takeCosignatures(directory, await cosignaturesIn(notice), judge).catch(skipBad(0));
  const before = await pendingOf(context, index, true);
  const { signed, by } = await sign(context, index, { ...options, pending: before });
  const shared = { index: index.name, role: 'keeper' as const, dryRun: options.dryRun, signed, by, taken };
  if (options.dryRun) return { ...shared, published: 0, pending: before, peers: null, file: null };
  const file = await write(context, index, options.to);
  const pending = await pushIndex(context, index);
  if (pending.length === 0) await forgetNotices(context, index);
  return { ...shared, published: before.length - pending.length, pending, peers: null, file };
}

async function signAsRoot(context: Context, source: Source, options: SignOptions): Promise<Signed> {
  const { encodeCosignatures, encodeProposal, takeProposal } = await import('../../index-repo/index.js');
  const directory = indexRepository(source);
  const { indexCore } = source.introduction;
  const depot = await context.depot();
  if (!context.settings.offline) await meetPeers(context, [source]);
  if (options.from === undefined && !context.settings.offline)
    await sync(context, source).catch((error: unknown) => {
      // of an index whose first state is still pending there is nothing to fetch; and what is here already may be signed
      if (!(error instanceof GtpkgError)) throw error;
      if (error.code !== 'INDEX_NOT_FOUND' && error.exit !== EXIT.network) throw error;
    });
  const came = [
    ...(options.from === undefined ? [] : await readNotices(options.from)),
    ...(await depot.notices(indexCore, context.settings.offline ? 0 : HEARING)),
  ];
  await takeAll(context, source, came, { takeProposal, fetchCore: (core) => coreBytes(depot, core) });
  const before = existsSync(directory) ? await pendingOf(context, source, true) : [];
  const { signed, by, tags, last } = await sign(context, source, { ...options, pending: before });
  const shared = { index: source.name, role: 'root' as const, dryRun: options.dryRun, signed, by, taken: 0 };
  const nothing = { published: 0, peers: null, file: null };
  if (options.dryRun || last === undefined) return { ...shared, ...nothing, pending: before };
  const pending = await pendingOf(context, source);
  const notice = await encodeCosignatures(last, tags);
  if (options.to !== undefined) {
    const whole = await encodeProposal(directory, (bytes) => depot.putStaticBytes(bytes));
    await writeNotices(options.to, whole === undefined ? [notice] : [whole, notice]);
  }
  const peers = await sendCosignatures(context, indexCore, notice);
  return { ...shared, ...nothing, pending, peers, file: options.to ?? null };
}

type Take = Pick<typeof import('../../index-repo/index.js'), 'takeProposal'> & {
  readonly fetchCore: (core: CoreRef) => Promise<Uint8Array>;
};

// The proposals, then the signatures that others put on them.
async function takeAll(context: Context, source: Source, came: readonly Buffer[], take: Take): Promise<void> {
  const { cosignaturesIn, decodeNotice, takeCosignatures } = await import('../../index-repo/index.js');
  const judge = { introduction: source.introduction, now: context.now };
  const dir = indexRepository(source);
  let refused: GtpkgError | undefined;
  let good = 0;
  const proposals = came.filter((bytes) => decodeNotice(bytes).kind === 'proposal');
  for (const bytes of proposals) {
    try {
      await take.takeProposal(bytes, { dir, ...judge, fetchCore: take.fetchCore });
      good++;
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      refused ??= error;
    }
  }
  if (good === 0 && refused !== undefined) throw refused;
  if (!existsSync(dir)) return;
  for (const bytes of came) await takeCosignatures(dir, await cosignaturesIn(bytes), judge).catch(skipBad(0));
}

function skipBad<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof GtpkgError) return instead;
    throw error;
  };
}

async function sign(
  context: Context,
  place: Source | OwnIndex,
  options: SignOptions & { readonly pending: readonly PendingSummary[] },
): Promise<{
  signed: number[];
  by: string[];
  tags: Awaited<ReturnType<typeof import('../../index-repo/index.js').signPending>>['tags'];
  last: Parameters<typeof import('../../index-repo/index.js').encodeCosignatures>[0] | undefined;
}> {
  const { signPending } = await import('../../index-repo/index.js');
  const store = await context.keys();
  const missing = [...new Set(options.pending.flatMap((each) => each.missing))];
  const named = await Promise.all(options.keys.map((key) => store.resolve(key)));
  const usable = named.length > 0 ? named : await rootsHere(context, missing as typeof named);
  const nothing = { signed: [], by: [], tags: new Map(), last: undefined };
  if (options.pending.length === 0 || options.dryRun) return nothing;
  if (usable.length === 0) {
    const mine = await rootsHere(context, options.pending.flatMap((each) => each.signers) as typeof named);
    if (mine.length > 0 || options.to !== undefined || options.from !== undefined) return nothing;
    throw new GtpkgError('KEY_NOT_FOUND', `this home has no private key that may sign ${place.name}`, {
      hint: `It takes one of ${missing.join(', ')}; gtpkg key import takes over a private key.`,
      data: { roots: missing },
    });
  }
  const signers = await Promise.all(usable.map((root) => signerFor(context, root, options.passphraseFile)));
  const { tags, signed } = await signPending(indexRepository(place), signers, {
    introduction: place.introduction,
    now: context.now,
  });
  return { signed: signed.map((each) => each.sequence), by: usable, tags, last: signed.at(-1) };
}

async function write(context: Context, index: OwnIndex, path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  const { encodeProposal } = await import('../../index-repo/index.js');
  const depot = await context.depot({ local: true });
  const whole = await encodeProposal(indexRepository(index), (bytes) => depot.putStaticBytes(bytes));
  await writeNotices(path, whole === undefined ? [] : [whole]);
  return path;
}

/** Takes back what is pending. @throws GtpkgError INDEX_NOT_FOUND */
export async function dropPendingOf(
  context: Context,
  name: string,
  dryRun: boolean,
): Promise<{
  readonly index: string;
  readonly dryRun: boolean;
  readonly dropped: readonly PendingSummary[];
}> {
  const { dropPending } = await import('../../index-repo/index.js');
  const index = await getIndex(context, name);
  const dropped = await pendingOf(context, index);
  if (!dryRun && dropped.length > 0) {
    await dropPending(indexRepository(index));
    await forgetNotices(context, index);
  }
  return { index: name, dryRun, dropped };
}

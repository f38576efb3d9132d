/**
 * Brings one source up to date: meet its peers, ask for the newest head, let the trust machine judge, compile the query file.
 */
import {
  EXIT,
  GtpkgError,
  limits,
  type CoreKey,
  type CoreRef,
  type ErrorCode,
  type Oid,
} from '../../model/index.js';
import type { QueryFile } from '../../index-repo/query.js';
import {
  readStoredIndex,
  type StoredIndex,
  type SyncOptions,
  type SyncResult,
} from '../../index-repo/sync.js';
import type { Depot, Log } from '../../replication/index.js';
import type { Context } from '../context.js';
import { coresOf, writeSource, type Source } from '../places.js';
import { recordCosigners } from './cosigners.js';
import { hearNotices, spreadEvidence, takeMoved } from './notices.js';
import { openQuery, queryPath } from './offers.js';
import { indexRepository } from './own-index.js';
import { meetPeers } from './releases.js';
import { recordKeys } from './signer-states.js';
import { sourcePolicy } from './trust-state.js';
import { statePath, summary } from './trusted-source.js';

/** What an update of one source brought. */
export interface SourceUpdate {
  readonly name: string;
  readonly changed: boolean;
  /** null while nothing was ever fetched */
  readonly sequence: number | null;
  readonly previous: number | null;
  /** names it offers for this architecture */
  readonly packages: number;
  readonly validUntil: string | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null } | null;
}

/** A static core in memory, fetched if need be. */
export async function coreBytes(depot: Depot, ref: CoreRef): Promise<Uint8Array> {
  await depot.fetch([ref]);
  const out = Buffer.alloc(ref.byteLength);
  let at = 0;
  for await (const chunk of depot.source(ref).read(0, ref.byteLength)) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** What a sync brought, and the name that the distribution gives itself. */
export interface Synced {
  readonly update: SourceUpdate;
  readonly name: string;
  /** what was read ends before what is known */
  readonly stale: boolean;
}

/** Brings one source up to date. @throws GtpkgError NO_PEER, OFFLINE, and all that the trust machine throws */
export function sync(context: Context, source: Source): Promise<Synced> {
  return explained(source, () => fromPeers(context, source));
}

/**
 * Judges an index from elsewhere than the swarm, and takes it over if it can be trusted.
 * @throws GtpkgError all that the trust machine throws, and what `log` and `fetchCore` throw
 */
export function syncFrom(
  context: Context,
  source: Source,
  from: Pick<SyncOptions, 'log' | 'fetchCore'>,
): Promise<Synced> {
  return explained(source, () => take(context, source, from));
}

async function explained(source: Source, work: () => Promise<Synced>): Promise<Synced> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.exit !== EXIT.untrusted || error.hint !== undefined)
      throw error;
    const known = await readStoredIndex(statePath(source)).catch(() => undefined);
    const hint =
      known === undefined
        ? 'Nothing was trusted. Compare the introduction with where you got it from, and the clock of this machine.'
        : 'What is known stays in use. Ask the makers of that distribution, and check the clock of this machine.';
    throw new GtpkgError(error.code, `the index of ${source.name} is refused: ${error.message}`, {
      hint,
      data: { ...error.data, source: source.name },
      cause: error,
    });
  }
}

/** A source may move several times before it is looked at again; one that moves without end is no source. */
async function fromPeers(context: Context, source: Source, hops = 0): Promise<Synced> {
  const depot = await context.depot();
  await meetPeers(context, [source]);
  const log = await depot.openLog(source.introduction.indexCore);
  let done: Synced | undefined;
  try {
    let failure: GtpkgError | undefined;
    try {
      const length = await lengthOf(context, source, log);
      done = await take(context, source, {
        log: { length, get: (number) => log.get(number) },
        fetchCore: (ref) => coreBytes(depot, ref),
      });
    } catch (error) {
      // index.md §13: what comes too late, or not at all, may have moved
      const lost =
        error instanceof GtpkgError && (error.exit === EXIT.network || error.code === 'INDEX_EXPIRED');
      if (!lost || !(await isKnown(source))) throw error;
      failure = error;
    }
    const before = await readStoredIndex(statePath(source));
    const moved = await takeMoved(context, source, await hearNotices(context, source));
    if (moved !== undefined) done = await finish(context, source, { result: moved, before });
    if (done === undefined) throw failure as GtpkgError;
  } catch (error) {
    if (error instanceof GtpkgError && error.code === 'INDEX_EQUIVOCATION')
      await spreadEvidence(context, source);
    throw error;
  } finally {
    await log.close();
  }
  const named = (await readStoredIndex(statePath(source)))?.trusted.indexCore;
  if (named === undefined || named === source.introduction.indexCore || hops >= limits.MAX_FORMER_CORES)
    return done;
  return followMove(context, { source, to: named, done, hops });
}

async function isKnown(source: Source): Promise<boolean> {
  return (await readStoredIndex(statePath(source))) !== undefined;
}

/** Blocks of the log that there are. @throws GtpkgError NO_PEER, OFFLINE */
async function lengthOf(context: Context, source: Source, log: Log): Promise<number> {
  const { offline, timeout } = context.settings;
  const { length, peers, silence } = offline
    ? { length: log.length, peers: 0, silence: undefined }
    : await log.refresh({ timeout });
  if (peers !== 0 || log.writable || (offline && length > 0)) return length;
  const known = (await isKnown(source)) ? 'What is known stays in use. ' : '';
  if (silence === undefined) {
    throw new GtpkgError(
      'OFFLINE',
      `the index of ${source.name} is not here, and --offline forbids to fetch it`,
      {
        hint: `${known}Run gtpkg update ${source.name} without --offline.`,
        data: { source: source.name, reason: 'offline' },
      },
    );
  }
  const { code, message, hint, ...facts } = silence;
  throw new GtpkgError(code, `nobody that serves ${source.name} was reached: ${message}`, {
    hint: `${known}${hint}`,
    data: { source: source.name, ...facts },
  });
}

/** The trusted head names another index core than the one that was read: from now on that one is. index.md §13 */
async function followMove(
  context: Context,
  move: { readonly source: Source; readonly to: CoreKey; readonly done: Synced; readonly hops: number },
): Promise<Synced> {
  const { source, to, done, hops } = move;
  const formerly = coresOf(source).filter((core) => core !== to);
  const moved = await writeSource(
    context,
    source.name,
    { ...source.introduction, indexCore: to },
    formerly.slice(0, limits.MAX_FORMER_CORES),
  );
  context.report({
    kind: 'note',
    text: `${source.name} has moved to the index core ${to}, signed by its roots.`,
  });
  try {
    const { update, ...rest } = await fromPeers(context, moved, hops + 1);
    return { ...rest, update: { ...update, changed: done.update.changed || update.changed } };
  } catch (error) {
    // its peers may not be there yet; where it is now is known
    if (!(error instanceof GtpkgError) || error.exit !== EXIT.network) throw error;
    context.report({ kind: 'warning', text: `${error.message}; gtpkg update tries again` });
    return done;
  }
}

async function take(
  context: Context,
  source: Source,
  from: Pick<SyncOptions, 'log' | 'fetchCore'>,
): Promise<Synced> {
  const { syncIndex } = await import('../../index-repo/sync.js');
  const before = await readStoredIndex(statePath(source));
  const result = await syncIndex({
    dir: indexRepository(source),
    statePath: statePath(source),
    introduction: source.introduction,
    now: context.now,
    ...from,
  });
  return finish(context, source, { result, before });
}

/** Makes of a trusted state all that other commands read. */
async function finish(
  context: Context,
  source: Source,
  { result: done, before }: { readonly result: SyncResult; readonly before: StoredIndex | undefined },
): Promise<Synced> {
  const packages = await ensureQuery(context, source, done.commit);
  await recordKeys(source, done.commit);
  await recordCosigners(context, source, done.commit);
  await sourcePolicy(context, source);
  const update = {
    name: source.name,
    changed: done.changed,
    sequence: done.sequence,
    previous: done.changed ? (before?.trusted.sequence ?? null) : null,
    packages,
    validUntil: done.validUntil.toISOString(),
    error: null,
  };
  return { update, name: done.name, stale: done.stale };
}

// A damaged query file is no more than a missing one: it is compiled again.
function tryQuery(source: Source): QueryFile | undefined {
  try {
    return openQuery(source);
  } catch {
    return undefined;
  }
}

/** Compiles the query file unless it is of this commit already. Gives the number of names. */
async function ensureQuery(context: Context, source: Source, commit: Oid): Promise<number> {
  const open = tryQuery(source);
  if (open?.commit === commit) return open.size;
  const { compileQuery } = await import('../../index-repo/index.js');
  await compileQuery(indexRepository(source), commit, {
    architectures: [context.architecture],
    path: queryPath(source),
  });
  return openQuery(source)?.size ?? 0;
}

/** A failed update as data: what is known stays in use. */
export async function failed(source: Source, error: GtpkgError): Promise<SourceUpdate> {
  const known = await summary(source).catch(() => undefined);
  const query = tryQuery(source);
  const { code, message, hint } = error.toJSON();
  return {
    name: source.name,
    changed: false,
    sequence: known?.sequence ?? null,
    previous: null,
    packages: query?.size ?? 0,
    validUntil: known?.validUntil ?? null,
    error: { code, message, hint },
  };
}

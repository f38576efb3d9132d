/**
 * Sources: the distributions this machine uses. Adding, updating, and what is known of each.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EXIT,
  GtpkgError,
  parseIntroduction,
  type CoreRef,
  type ErrorCode,
  type Fingerprint,
  type Oid,
} from '../../model/index.js';
import { readStoredIndex } from '../../index-repo/sync.js';
import { checkFresh, type TrustedState } from '../../index-repo/state.js';
import type { Depot } from '../../replication/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import {
  checkName,
  findSource,
  getSource,
  listSources,
  removeSource,
  writeSource,
  type Source,
} from '../places.js';
import { indexRepository } from './indexes.js';
import type { QueryFile } from '../../index-repo/query.js';
import { openQuery, queryPath } from './offers.js';
import { meetPeers } from './releases.js';

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

/** A source as source list shows it. */
export interface SourceSummary {
  readonly name: string;
  readonly indexCore: string;
  readonly roots: readonly string[];
  readonly threshold: number;
  readonly sequence: number | null;
  readonly validUntil: string | null;
}

/** A new source. */
export interface AddedSource {
  readonly source: SourceSummary;
  readonly update: SourceUpdate;
}

const NETWORK: readonly ErrorCode[] = ['OFFLINE', 'NO_PEER', 'TIMEOUT', 'BLOCKS_MISSING'];

function statePath(source: Source): string {
  return join(source.directory, 'state.json');
}

/**
 * What is trusted of a source, still fresh.
 * @throws GtpkgError INDEX_NOT_FOUND when it was never fetched, INDEX_EXPIRED
 */
export async function freshSource(
  context: Context,
  source: Source,
  options: { readonly allowExpired?: boolean } = {},
): Promise<TrustedState> {
  const stored = await readStoredIndex(statePath(source));
  if (stored === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `the index of ${source.name} was never fetched`, {
      hint: `Run gtpkg update ${source.name}.`,
    });
  if (options.allowExpired !== true) checkFresh(stored.trusted, context.now);
  return stored.trusted;
}

/** The key of one signer, from the trusted state of the source. @throws GtpkgError SIGNER_UNKNOWN, INDEX_NOT_FOUND */
export async function keyOfSource(source: Source, signer: Fingerprint): Promise<PublicKey> {
  const { openIndex, readIndexKey } = await import('../../index-repo/index.js');
  const stored = await readStoredIndex(statePath(source));
  if (stored === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `the index of ${source.name} was never fetched`, {
      hint: `Run gtpkg update ${source.name}.`,
    });
  try {
    return await readIndexKey(await openIndex(indexRepository(source)), stored.trusted.head, signer);
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.code !== 'KEY_NOT_FOUND') throw error;
    throw new GtpkgError('SIGNER_UNKNOWN', `${source.name} vouches for no key ${signer}`, {
      hint: 'Tell the maker of that distribution; nothing was changed.',
      data: { source: source.name, signer },
      cause: error,
    });
  }
}

async function summary(source: Source): Promise<SourceSummary> {
  const stored = await readStoredIndex(statePath(source));
  return {
    name: source.name,
    indexCore: source.introduction.indexCore,
    roots: source.introduction.roots,
    threshold: source.introduction.threshold,
    sequence: stored?.trusted.sequence ?? null,
    validUntil: stored?.trusted.validUntil ?? null,
  };
}

/** All sources, by name. */
export async function listSourceSummaries(context: Context): Promise<SourceSummary[]> {
  return Promise.all((await listSources(context)).map(summary));
}

async function coreBytes(depot: Depot, ref: CoreRef): Promise<Uint8Array> {
  await depot.fetch([ref]);
  const out = Buffer.alloc(ref.byteLength);
  let at = 0;
  for await (const chunk of depot.source(ref).read(0, ref.byteLength)) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Brings one source up to date. @throws GtpkgError NO_PEER, OFFLINE, and all that the trust machine throws */
async function sync(context: Context, source: Source): Promise<{ update: SourceUpdate; name: string }> {
  try {
    return await syncTrusted(context, source);
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

async function syncTrusted(
  context: Context,
  source: Source,
): Promise<{ update: SourceUpdate; name: string }> {
  const { syncIndex } = await import('../../index-repo/sync.js');
  const before = await readStoredIndex(statePath(source));
  const depot = await context.depot();
  await meetPeers(context, [source]);
  const log = await depot.openLog(source.introduction.indexCore);
  try {
    const { length, peers } = context.settings.offline
      ? { length: log.length, peers: 0 }
      : await log.refresh({ timeout: context.settings.timeout });
    if (peers === 0 && !log.writable && !(context.settings.offline && length > 0)) {
      throw new GtpkgError(
        context.settings.offline ? 'OFFLINE' : 'NO_PEER',
        `no peer that serves ${source.name} was reached`,
        {
          hint:
            before === undefined
              ? 'Ask for a peer address (gtpkg peer add KEY@HOST:PORT), or try again later.'
              : 'What is known stays in use; try again later, or gtpkg peer add KEY@HOST:PORT.',
          data: { source: source.name },
        },
      );
    }
    const done = await syncIndex({
      dir: indexRepository(source),
      statePath: statePath(source),
      introduction: source.introduction,
      now: context.now,
      log: { length, get: (number) => log.get(number) },
      fetchCore: (ref) => coreBytes(depot, ref),
    });
    const packages = await ensureQuery(context, source, done.commit);
    const update = {
      name: source.name,
      changed: done.changed,
      sequence: done.sequence,
      previous: done.changed ? (before?.trusted.sequence ?? null) : null,
      packages,
      validUntil: done.validUntil.toISOString(),
      error: null,
    };
    return { update, name: done.name };
  } finally {
    await log.close();
  }
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

async function failed(source: Source, error: GtpkgError): Promise<SourceUpdate> {
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

/**
 * Adds a source and fetches its index. Without a peer the source is kept for later; an index that the introduction does not
 * authorise leaves nothing behind.
 * @throws GtpkgError BAD_INTRODUCTION, ALREADY_EXISTS, and all that the trust machine throws
 */
export async function addSource(
  context: Context,
  line: string,
  name: string | undefined,
): Promise<AddedSource> {
  const introduction = parseIntroduction(line);
  if (name !== undefined) await mustBeFree(context, name);
  const known = (await listSources(context)).find(
    (each) => each.introduction.indexCore === introduction.indexCore,
  );
  if (known !== undefined) {
    throw new GtpkgError('ALREADY_EXISTS', `this distribution is the source "${known.name}" already`, {
      hint: `gtpkg update ${known.name} fetches its newest index; gtpkg source remove ${known.name} forgets it.`,
    });
  }
  const fallback = introduction.indexCore.slice(0, 12);
  const draft = await writeSource(context, name ?? fallback, introduction);
  try {
    const { update, name: own } = await sync(context, draft);
    const source = name === undefined ? await takeOwnName(context, draft, own.toLowerCase()) : draft;
    return { source: await summary(source), update: { ...update, name: source.name } };
  } catch (error) {
    if (error instanceof GtpkgError && NETWORK.includes(error.code)) {
      context.report({
        kind: 'warning',
        text: `${error.message}; the source is kept, gtpkg update fetches its index`,
      });
      return { source: await summary(draft), update: await failed(draft, error) };
    }
    await removeSource(draft);
    throw error;
  }
}

async function mustBeFree(context: Context, name: string): Promise<void> {
  if ((await findSource(context, checkName(name))) !== undefined) {
    throw new GtpkgError('ALREADY_EXISTS', `there is a source "${name}" already`, {
      hint: 'Choose another --name, or remove that source first.',
    });
  }
}

// A name that is taken, or that is no name for a directory, leaves the short form of the key.
async function takeOwnName(context: Context, draft: Source, own: string): Promise<Source> {
  const target = context.home('sources', own);
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(own) || existsSync(target)) return draft;
  await rename(draft.directory, target);
  return getSource(context, own);
}

/**
 * Updates the named sources, or all. One that fails does not keep the others back; the first failure is thrown at the end.
 * @throws GtpkgError SOURCE_NOT_FOUND, and the first failure with all results in `data.updates`
 */
export async function updateSources(context: Context, names: readonly string[]): Promise<SourceUpdate[]> {
  const sources =
    names.length === 0
      ? await listSources(context)
      : await Promise.all(names.map((name) => getSource(context, name)));
  await meetPeers(context, sources);
  const updates: SourceUpdate[] = [];
  let first: GtpkgError | undefined;
  context.report({ kind: 'start', id: 'update', label: 'Updating', total: sources.length });
  for (const source of sources) {
    context.report({ kind: 'advance', id: 'update', done: updates.length, note: source.name });
    try {
      updates.push((await sync(context, source)).update);
    } catch (error) {
      if (!(error instanceof GtpkgError) || error.code === 'INTERNAL') throw error;
      first ??= error;
      updates.push(await failed(source, error));
      if (sources.length > 1) context.report({ kind: 'warning', text: `${source.name}: ${error.message}` });
    }
  }
  context.report({ kind: 'end', id: 'update' });
  if (first !== undefined) {
    throw new GtpkgError(first.code, first.message, {
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      data: { ...first.data, updates },
      cause: first,
    });
  }
  return updates;
}

/** Forgets a source. @throws GtpkgError SOURCE_NOT_FOUND */
export async function forgetSource(
  context: Context,
  name: string,
  dryRun: boolean,
): Promise<{ removed: string; dryRun: boolean }> {
  const source = await getSource(context, name);
  if (!dryRun) await rm(source.directory, { recursive: true, force: true });
  return { removed: name, dryRun };
}

/**
 * Sources: the distributions this machine uses. Adding, updating, and what is known of each.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { GtpkgError, parseIntroduction, type ErrorCode, type Introduction } from '../../model/index.js';
import type { Context } from '../context.js';
import {
  checkName,
  coresOf,
  findSource,
  getSource,
  listSources,
  removeSource,
  writeSource,
  type Source,
} from '../places.js';
import { meetPeers } from './releases.js';
import { failed, sync, type SourceUpdate } from './sync-source.js';
import { summary, type SourceSummary } from './trusted-source.js';

/** A new source. */
export interface AddedSource {
  readonly source: SourceSummary;
  readonly update: SourceUpdate;
}

/** Failures that another day may mend; INDEX_NOT_FOUND: nothing is published yet, as its roots have to sign it first. */
const LATER: readonly ErrorCode[] = ['OFFLINE', 'NO_PEER', 'TIMEOUT', 'BLOCKS_MISSING', 'INDEX_NOT_FOUND'];

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
  const known = (await listSources(context)).find((each) => coresOf(each).includes(introduction.indexCore));
  if (known !== undefined) {
    throw new GtpkgError('ALREADY_EXISTS', `this distribution is the source "${known.name}" already`, {
      hint: `gtpkg update ${known.name} fetches its newest index; gtpkg source remove ${known.name} forgets it.`,
    });
  }
  const draft = await writeSource(context, name ?? shortName(introduction), introduction);
  try {
    const { update, name: own } = await sync(context, draft);
    const source = name === undefined ? await takeOwnName(context, draft, own.toLowerCase()) : draft;
    return { source: await summary(source), update: { ...update, name: source.name } };
  } catch (error) {
    if (error instanceof GtpkgError && LATER.includes(error.code)) {
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

/** What a source is called until its own name is known. */
export function shortName(introduction: Introduction): string {
  return introduction.indexCore.slice(0, 12);
}

async function mustBeFree(context: Context, name: string): Promise<void> {
  if ((await findSource(context, checkName(name))) !== undefined) {
    throw new GtpkgError('ALREADY_EXISTS', `there is a source "${name}" already`, {
      hint: 'Choose another --name, or remove that source first.',
    });
  }
}

/** Calls a new source by its distribution's name; one that is taken, or no name for a directory, leaves the short form of the key. */
export async function takeOwnName(context: Context, draft: Source, own: string): Promise<Source> {
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
      const { update, name } = await sync(context, source);
      const nameless = source.name === shortName(source.introduction);
      const { name: now } = nameless ? await takeOwnName(context, source, name.toLowerCase()) : source;
      updates.push({ ...update, name: now });
    } catch (error) {
      if (!(error instanceof GtpkgError) || error.code === 'INTERNAL') throw error;
      first ??= error;
      updates.push(await failed(source, error));
      if (sources.length > 1) context.report({ kind: 'warning', text: `${source.name}: ${error.message}` });
    }
  }
  context.report({ kind: 'end', id: 'update' });
  await warnOfKeys(context, sources);
  if (first !== undefined) {
    throw new GtpkgError(first.code, first.message, {
      ...(first.hint === undefined ? {} : { hint: first.hint }),
      data: { ...first.data, updates },
      cause: first,
    });
  }
  return updates;
}

/** Names what is installed and signed by a key that was revoked since, and keys that will be refused before long. */
async function warnOfKeys(context: Context, sources: readonly Source[]): Promise<void> {
  const { revokedInstalls, troubledKeys } = await import('./signer-states.js');
  const { isNear } = await import('../../trust/algorithms.js');
  for (const { name, version, signer } of await revokedInstalls(context))
    context.report({
      kind: 'warning',
      text: `${name} ${version} is installed, and its signer's key ${signer} was revoked: upgrade or remove it`,
    });
  for (const source of sources) {
    const near = [...(await troubledKeys(source))].flatMap(([key, { weakFrom, root, userId }]) =>
      weakFrom !== null && isNear(new Date(weakFrom), context.now)
        ? [{ key, root, userId, from: weakFrom.slice(0, 10) }]
        : [],
    );
    for (const { key, userId, from } of near.filter(({ root }) => root))
      context.report({
        kind: 'warning',
        text: `the root key ${key} (${userId}) of ${source.name} is refused from ${from} on: its algorithm is too weak then`,
      });
    const [first, ...others] = near.filter(({ root }) => !root); // there may be hundreds: one line for all
    if (first !== undefined)
      context.report({
        kind: 'warning',
        text: `the maintainer's key ${first.key} (${first.userId})${others.length === 0 ? '' : ` and ${others.length} more`} in ${source.name} is refused from ${first.from} on: its algorithm is too weak then`,
      });
  }
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

/**
 * Indexes kept here, as other workflows need them: where they are, who signs them, how they reach their index core.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, limits, type CoreKey } from '../../model/index.js';
import type { Depot } from '../../replication/index.js';
import type { Fingerprint } from '../../model/index.js';
import type { PublicKey, Signer } from '../../trust/index.js';
import type { Context } from '../context.js';
import { checkName, findIndex, type OwnIndex } from '../places.js';
import { signerFor } from './keys.js';
import { spreadProposal } from './notices.js';
import { summaryOf, type PendingSummary } from './pending.js';

/** The git directory of an index kept here. */
export function indexRepository(index: { readonly directory: string }): string {
  return join(index.directory, 'index.git');
}

/**
 * Root keys as the command line names them: private ones sign, public ones are only named.
 * @throws GtpkgError USAGE; KEY_NOT_FOUND, also when none of them can sign here
 */
export async function rootKeys(
  context: Context,
  keys: readonly string[],
  { threshold, passphraseFile }: { threshold: number; passphraseFile: string | undefined },
): Promise<{ signers: Signer[]; publicKeys: PublicKey[] }> {
  if (threshold > keys.length)
    throw new GtpkgError('USAGE', `a threshold of ${threshold} needs as many root keys, not ${keys.length}`, {
      hint: 'Give --key once for each root key.',
    });
  const store = await context.keys();
  const known = await store.list();
  const signers: Signer[] = [];
  const publicKeys: PublicKey[] = [];
  for (const key of keys) {
    const fingerprint = await store.resolve(key);
    if (publicKeys.some((each) => each.fingerprint === fingerprint))
      throw new GtpkgError('USAGE', `the key ${fingerprint} is named twice`);
    publicKeys.push(await store.publicKey(fingerprint));
    if (known.some((each) => each.fingerprint === fingerprint && each.secret))
      signers.push(await signerFor(context, fingerprint, passphraseFile));
  }
  if (signers.length === 0)
    throw new GtpkgError('KEY_NOT_FOUND', 'this home has the private part of none of the root keys', {
      hint: 'gtpkg key import takes over a private key.',
      data: { threshold, signers: 0 },
    });
  return { signers, publicKeys };
}

/** Root keys of an index whose private part is here and that are not revoked. */
export async function rootsHere(context: Context, roots: readonly Fingerprint[]): Promise<Fingerprint[]> {
  const own = (await (await context.keys()).list()).filter((each) => each.secret && !each.revoked);
  return roots.filter((root) => own.some((each) => each.fingerprint === root));
}

/**
 * Signers for the next commit: as many of the index's roots as its threshold wants, or those that are here: other roots sign then
 * what is pending. @throws GtpkgError KEY_NOT_FOUND
 */
export async function indexSigners(
  context: Context,
  index: OwnIndex,
  passphraseFile: string | undefined,
): Promise<Signer[]> {
  const { openIndex, showIndex: show, tipOf } = await import('../../index-repo/index.js');
  const directory = indexRepository(index);
  const commit = await tipOf(await openIndex(directory));
  const { roots, threshold } = (await show(directory, { commit })).authorizations;
  const usable = (await rootsHere(context, roots)).slice(0, threshold);
  if (usable.length === 0) {
    throw new GtpkgError(
      'KEY_NOT_FOUND',
      `this home has no private key that may sign the index ${index.name}`,
      { hint: `Import one of ${roots.join(', ')} with gtpkg key import.`, data: { roots } },
    );
  }
  return Promise.all(usable.map((root) => signerFor(context, root, passphraseFile)));
}

/**
 * Publishes what is signed by enough roots on the index core, and lets a running seeder announce it. Safe to repeat.
 * @returns what is pending still
 */
export async function pushIndex(context: Context, index: OwnIndex): Promise<readonly PendingSummary[]> {
  const { openIndex, settlePending } = await import('../../index-repo/index.js');
  const directory = indexRepository(index);
  const { introduction } = index;
  const { pending } = await settlePending(directory, { introduction, now: context.now });
  const published = (await (await openIndex(directory)).resolveRef('refs/heads/main')) !== undefined;
  if (published) await pushPublished(context, index);
  if (pending.length > 0) await spreadProposal(context, index);
  return pending.map((each) => summaryOf(each));
}

/**
 * On the index core that the head names; on the one before too, where it can be written, so that those who follow it are led on. One that
 * cannot be written any more is why there is a move: then a notice tells (index.md §13).
 */
async function pushPublished(context: Context, index: OwnIndex): Promise<void> {
  const { encodeMoved, namedCore } = await import('../../index-repo/index.js');
  const { writeIndex } = await import('../places.js');
  const named = await namedCore(indexRepository(index));
  await appendTo(context, index, index.indexCore);
  if (named === index.indexCore) return;
  await appendTo(context, index, named);
  const formerly = [...new Set([index.indexCore, ...(index.formerly ?? [])])].slice(
    0,
    limits.MAX_FORMER_CORES,
  );
  const introduction = { ...index.introduction, indexCore: named };
  await writeIndex(context, { ...index, indexCore: named, introduction, formerly });
  const depot = await context.depot({ local: true });
  await depot.join(formerly);
  for (const core of formerly) {
    const notice = await encodeMoved(indexRepository(index), core, (bytes) => depot.putStaticBytes(bytes));
    if (notice !== undefined) await depot.putNotice(core, notice, 0);
  }
}

async function appendTo(context: Context, index: OwnIndex, core: CoreKey): Promise<void> {
  const { publishIndex } = await import('../../index-repo/index.js');
  const depot = await context.depot({ local: true });
  const log = await depot.openLog(core);
  try {
    // a moved index is kept here, the key of its old core is not
    if (!log.writable) return;
    await publishIndex(indexRepository(index), { log, putCore: (bytes) => depot.putStaticBytes(bytes) });
  } finally {
    await log.close();
  }
  await depot.join([core]);
}

/** @throws GtpkgError ALREADY_EXISTS, BAD_NAME */
export async function nameIsFree(context: Context, name: string): Promise<void> {
  if ((await findIndex(context, checkName(name))) === undefined) return;
  throw new GtpkgError('ALREADY_EXISTS', `an index "${name}" is kept in this home already`, {
    hint: 'Choose another name; gtpkg index list shows what is here.',
  });
}

/** A place for a new index of a free name: a directory with nothing in it. */
export async function placeForIndex(
  context: Context,
  name: string,
): Promise<{ directory: string; depot: Depot }> {
  const directory = context.home('indexes', name);
  // without its index.json this is what a killed attempt left
  await rm(directory, { recursive: true, force: true });
  return { directory, depot: await context.depot({ local: true }) };
}

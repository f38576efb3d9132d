/**
 * Moves an index to an index core of this home: when the key of the old one is lost, or somebody else has it too. One commit says so, signed by as
 * many roots as any other; those who follow the old core are led on. docs/formats/index.md §13.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatIntroduction } from '../../model/index.js';
import type { Context } from '../context.js';
import { findIndex, getIndex, findSource, writeIndex, type OwnIndex, type Source } from '../places.js';
import { indexRepository, indexSigners, placeForIndex, pushIndex } from './own-index.js';
import type { PendingSummary } from './pending.js';
import { freshSource } from './trusted-source.js';

/** Where an index is from now on. */
export interface MovedIndex {
  readonly name: string;
  readonly dryRun: boolean;
  /** it was only followed here, and is kept here from now on */
  readonly adopted: boolean;
  readonly sequence: number;
  readonly from: string;
  readonly to: string | null;
  /** for new users */
  readonly introduction: string | null;
  readonly pending: readonly PendingSummary[];
}

/** @throws GtpkgError INDEX_NOT_FOUND, KEY_NOT_FOUND, SIGNER_UNKNOWN, and what freshSource throws */
export async function moveIndex(
  context: Context,
  options: { readonly name: string; readonly passphraseFile: string | undefined; readonly dryRun: boolean },
): Promise<MovedIndex> {
  const { changeIndex, openIndex, showIndex, tipOf } = await import('../../index-repo/index.js');
  const { name, dryRun } = options;
  const own = await findIndex(context, name);
  const source = own === undefined ? await findSource(context, name) : undefined;
  if (own === undefined && source === undefined) await getIndex(context, name);
  const place = (own ?? source) as OwnIndex | Source;
  const from = place.introduction.indexCore;
  const directory = indexRepository(place);
  const { sequence } = (await showIndex(directory, { commit: await tipOf(await openIndex(directory)) }))
    .distribution;
  const shared = { name, dryRun, adopted: own === undefined, from, sequence: sequence + 1 };
  if (dryRun) return { ...shared, to: null, introduction: null, pending: [] };
  const index = own ?? (await adopt(context, source as Source));
  const signers = await indexSigners(context, index, options.passphraseFile);
  const depot = await context.depot({ local: true });
  const to = await depot.createLog(`${name} ${sequence + 1}`);
  await changeIndex(indexRepository(index), { changes: [], signers, now: context.now, indexCore: to });
  const pending = await pushIndex(context, index);
  const introduction = formatIntroduction({ ...index.introduction, indexCore: to });
  return { ...shared, to, introduction, pending };
}

// A source becomes an index of this home: its repository as it is trusted, under the same name, introduction and roots.
async function adopt(context: Context, source: Source): Promise<OwnIndex> {
  const { copyIndex, openIndex, PENDING, showIndex } = await import('../../index-repo/index.js');
  const { name, introduction } = source;
  // an expired index may go on: that is what a lost index core leads to
  const { head } = await freshSource(context, source, { allowExpired: true });
  const { directory } = await placeForIndex(context, name);
  const target = join(directory, 'index.git');
  if (existsSync(target)) await rm(target, { recursive: true });
  await copyIndex(indexRepository(source), target, head);
  await (await openIndex(target)).deleteRef(PENDING);
  const [suite = 'stable'] = (await showIndex(target)).distribution.suites;
  return writeIndex(context, { name, indexCore: introduction.indexCore, introduction, suite });
}

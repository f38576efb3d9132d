/**
 * Forks a whole distribution: a copy of the verified index, new roots on top, an index core that names upstream's cores.
 */
import { join } from 'node:path';
import { formatIntroduction, GtpkgError } from '../../model/index.js';
import type { Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import { getSource, writeIndex } from '../places.js';
import { showIndex } from './index-views.js';
import type { IndexSummary } from './indexes.js';
import { indexRepository, nameIsFree, placeForIndex, pushIndex, rootKeys } from './own-index.js';
import { meetPeers } from './releases.js';
import { freshSource } from './trusted-source.js';

// A fork that names upstream's cores must be able to serve them when upstream is gone. What can't be had any more is left
// out: the fork then starts with a snapshot of its own.
async function canServe(depot: Depot, blocks: readonly Uint8Array[]): Promise<boolean> {
  const { liveCores } = await import('../../index-repo/index.js');
  const cores = await liveCores({
    length: blocks.length,
    get: (number) => Promise.resolve(blocks[number] ?? Buffer.alloc(0)),
  });
  const held = await depot.held(cores);
  const missing = cores.filter((core, i) => (held[i] ?? 0) < core.byteLength);
  if (missing.length === 0) return true;
  try {
    await depot.fetch(missing);
    return true;
  } catch (error) {
    if (error instanceof GtpkgError) return false;
    throw error;
  }
}

/** @throws GtpkgError SOURCE_NOT_FOUND, ALREADY_EXISTS, KEY_NOT_FOUND, INDEX_NOT_FOUND */
export async function forkIndex(
  context: Context,
  options: {
    source: string;
    name: string;
    keys: readonly string[];
    threshold: number;
    days: number | undefined;
    passphraseFile: string | undefined;
    dryRun: boolean;
  },
): Promise<IndexSummary> {
  const { copyIndex, forkBlocks, forkIndex: fork } = await import('../../index-repo/index.js');
  const source = await getSource(context, options.source);
  // an expired index may be forked: that is how an abandoned distribution goes on
  const state = await freshSource(context, source, { allowExpired: true });
  await nameIsFree(context, options.name);
  const { signers, publicKeys } = await rootKeys(context, options.keys, options);
  const { suites } = await showIndex(context, source.name);
  const { name, threshold, dryRun } = options;
  const roots = publicKeys.map((key) => key.fingerprint);
  const summary = { name, dryRun, suites, roots, threshold };
  if (dryRun)
    return { ...summary, introduction: null, sequence: state.sequence + 1, commit: null, pending: [] };
  await context.depot();
  await meetPeers(context, [source]);
  const { directory, depot } = await placeForIndex(context, options.name);
  const indexCore = await depot.createLog(options.name);
  await copyIndex(indexRepository(source), join(directory, 'index.git'), state.head);
  const made = await fork(join(directory, 'index.git'), {
    name: options.name,
    roots: signers,
    rootKeys: publicKeys,
    threshold: options.threshold,
    indexCore,
    forkedFrom: source.introduction,
    now: context.now,
    ...(options.days === undefined ? {} : { validForDays: options.days }),
  });
  const upstream = await depot.openLog(source.introduction.indexCore);
  const log = await depot.openLog(indexCore);
  try {
    if (log.length === 0) {
      const blocks = await forkBlocks(upstream, state.head);
      if (await canServe(depot, blocks)) await log.append(blocks);
    }
  } finally {
    await upstream.close();
    await log.close();
  }
  const introduction = { indexCore, roots, threshold, peers: [], bootstrap: [] };
  const suite = suites[0] ?? 'stable';
  const index = await writeIndex(context, { name, indexCore, introduction, suite });
  const pending = await pushIndex(context, index);
  const { sequence, commit } = made;
  return { ...summary, introduction: formatIntroduction(introduction), sequence, commit, pending };
}

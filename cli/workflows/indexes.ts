/**
 * Indexes kept here: create one, take releases out of one.
 */
import { join } from 'node:path';
import { formatIntroduction, GtpkgError } from '../../model/index.js';
import type { Context } from '../context.js';
import { getIndex, writeIndex } from '../places.js';
import { showIndex } from './index-views.js';
import {
  indexRepository,
  indexSigners,
  nameIsFree,
  placeForIndex,
  pushIndex,
  rootKeys,
} from './own-index.js';
import type { PendingSummary } from './pending.js';
import { parseWanted, someWords } from './versions.js';

/** A new index. With `dryRun` there is none, and no introduction and no commit of it. */
export interface IndexSummary {
  readonly name: string;
  readonly dryRun: boolean;
  readonly introduction: string | null;
  readonly sequence: number;
  readonly commit: string | null;
  readonly suites: readonly string[];
  readonly roots: readonly string[];
  readonly threshold: number;
  /** what other roots must sign before anybody can use it */
  readonly pending: readonly PendingSummary[];
}

/** What index remove took out. */
export interface RemovedEntries {
  readonly index: string;
  readonly sequence: number;
  readonly dryRun: boolean;
  /** what other roots must sign before anybody sees it */
  readonly pending: readonly PendingSummary[];
  readonly removed: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
  }[];
}

/** Makes an index. @throws GtpkgError ALREADY_EXISTS, KEY_NOT_FOUND, USAGE */
export async function createIndex(
  context: Context,
  options: {
    name: string;
    keys: readonly string[];
    threshold: number;
    suites: readonly string[];
    days: number | undefined;
    passphraseFile: string | undefined;
    dryRun: boolean;
  },
): Promise<IndexSummary> {
  const { createIndex: create } = await import('../../index-repo/index.js');
  const { name, suites, threshold, dryRun } = options;
  await nameIsFree(context, name);
  const { signers, publicKeys } = await rootKeys(context, options.keys, options);
  const roots = publicKeys.map((key) => key.fingerprint);
  const summary = { name, dryRun, suites, roots, threshold };
  if (dryRun) return { ...summary, introduction: null, sequence: 1, commit: null, pending: [] };
  const { directory, depot } = await placeForIndex(context, options.name);
  const indexCore = await depot.createLog(options.name);
  const made = await create(join(directory, 'index.git'), {
    name: options.name,
    suites: options.suites,
    architectures: [context.architecture],
    roots: signers,
    rootKeys: publicKeys,
    threshold: options.threshold,
    indexCore,
    now: context.now,
    ...(options.days === undefined ? {} : { validForDays: options.days }),
  });
  const introduction = { indexCore, roots, threshold, peers: [], bootstrap: [] };
  const suite = suites[0] ?? 'stable';
  const index = await writeIndex(context, { name, indexCore, introduction, suite });
  const pending = await pushIndex(context, index);
  const { sequence, commit } = made;
  return { ...summary, introduction: formatIntroduction(introduction), sequence, commit, pending };
}

/** Takes releases out. @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND */
export async function removeFromIndex(
  context: Context,
  options: {
    index: string;
    packages: readonly string[];
    suite: string | undefined;
    passphraseFile: string | undefined;
    dryRun: boolean;
  },
): Promise<RemovedEntries> {
  const { changeIndex, entriesOf } = await import('../../index-repo/index.js');
  const index = await getIndex(context, options.index);
  const suite = options.suite ?? index.suite;
  const wanted = someWords(options.packages, 'package').map((word) => parseWanted(word));
  const removed: { name: string; version: string; architecture: string }[] = [];
  for (const each of wanted) {
    const found = (await entriesOf(indexRepository(index), suite, each.name)).filter(
      (entry) => each.version === undefined || entry.pin.version === each.version,
    );
    if (found.length === 0) {
      throw new GtpkgError(
        each.version === undefined ? 'PACKAGE_NOT_FOUND' : 'VERSION_NOT_FOUND',
        `${index.name}/${suite} does not list ${each.name}${each.version === undefined ? '' : ` ${each.version}`}`,
        {
          hint: `gtpkg index list ${index.name} shows what it lists.`,
        },
      );
    }
    removed.push(
      ...found.map(({ pin }) => ({ name: pin.name, version: pin.version, architecture: pin.architecture })),
    );
  }
  const details = await showIndex(context, index.name);
  if (options.dryRun)
    return { index: index.name, sequence: details.sequence, dryRun: true, removed, pending: [] };
  const changed = await changeIndex(indexRepository(index), {
    changes: wanted.map((each) => ({
      kind: 'remove' as const,
      suite,
      name: each.name,
      ...(each.version === undefined ? {} : { version: each.version }),
    })),
    signers: await indexSigners(context, index, options.passphraseFile),
    now: context.now,
  });
  const pending = await pushIndex(context, index);
  return { index: index.name, sequence: changed.sequence, dryRun: false, removed, pending };
}

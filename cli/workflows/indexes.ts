/**
 * Indexes kept here: create, remove from, list, show, log; and how a changed index reaches its index core.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compareBytes, compareVersions, formatIntroduction, GtpkgError } from '../../model/index.js';
import type { PublicKey, Signer } from '../../trust/index.js';
import type { Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import {
  checkName,
  findIndex,
  findSource,
  getIndex,
  listIndexes,
  writeIndex,
  type OwnIndex,
} from '../places.js';
import { signerFor } from './keys.js';
import { parseWanted, someWords } from './versions.js';

/** A new index. */
export interface IndexSummary {
  readonly name: string;
  readonly introduction: string;
  readonly sequence: number;
  readonly commit: string;
}

/** What index remove took out. */
export interface RemovedEntries {
  readonly index: string;
  readonly sequence: number;
  readonly dryRun: boolean;
  readonly removed: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
  }[];
}

/** One release in an index. */
export interface ListedEntry {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly suite: string;
  readonly size: number;
  readonly core: string;
  readonly signer: string;
  readonly summary: string;
}

/** All indexes, or one. */
export type IndexListing =
  | {
      readonly kind: 'indexes';
      readonly indexes: readonly {
        readonly name: string;
        readonly sequence: number;
        readonly releases: number;
        readonly introduction: string;
      }[];
    }
  | { readonly kind: 'entries'; readonly name: string; readonly entries: readonly ListedEntry[] };

/** The head of an index. */
export interface IndexDetails {
  readonly name: string;
  readonly sequence: number;
  readonly date: string;
  readonly validUntil: string;
  readonly suites: readonly string[];
  readonly architectures: readonly string[];
  readonly threshold: number;
  readonly roots: readonly string[];
  readonly commit: string;
  readonly releases: number;
  readonly forkedFrom: string | null;
  readonly introduction: string;
}

/** One commit of an index. */
export interface IndexLogEntry {
  readonly sequence: number;
  readonly date: string;
  readonly commit: string;
  readonly anchor: boolean;
  readonly signers: readonly string[];
  readonly changes: readonly string[];
}

/** The git directory of an index kept here. */
export function indexRepository(index: { readonly directory: string }): string {
  return join(index.directory, 'index.git');
}

/** Root keys as the command line names them: private ones sign, public ones are only named. */
export async function rootKeys(
  context: Context,
  keys: readonly string[],
  passphraseFile: string | undefined,
): Promise<{ signers: Signer[]; publicKeys: PublicKey[] }> {
  const store = await context.keys();
  const known = await store.list();
  const signers: Signer[] = [];
  const publicKeys: PublicKey[] = [];
  for (const key of keys) {
    const fingerprint = await store.resolve(key);
    publicKeys.push(await store.publicKey(fingerprint));
    if (known.some((each) => each.fingerprint === fingerprint && each.secret))
      signers.push(await signerFor(context, fingerprint, passphraseFile));
  }
  return { signers, publicKeys };
}

/** Signers for the next commit: as many of the index's roots as its threshold wants. @throws GtpkgError KEY_NOT_FOUND */
export async function indexSigners(
  context: Context,
  index: OwnIndex,
  passphraseFile: string | undefined,
): Promise<Signer[]> {
  const { showIndex: show } = await import('../../index-repo/index.js');
  const { roots, threshold } = (await show(indexRepository(index))).authorizations;
  const here = new Set(
    (await (await context.keys()).list()).filter((each) => each.secret).map((each) => each.fingerprint),
  );
  const usable = roots.filter((root) => here.has(root)).slice(0, threshold);
  if (usable.length === 0) {
    throw new GtpkgError(
      'KEY_NOT_FOUND',
      `this home has no private key that may sign the index ${index.name}`,
      { hint: `Import one of ${roots.join(', ')} with gtpkg key import.`, data: { roots } },
    );
  }
  return Promise.all(usable.map((root) => signerFor(context, root, passphraseFile)));
}

/** Puts what is signed on the index core, and lets a running seeder announce it. Safe to repeat. */
export async function pushIndex(context: Context, index: OwnIndex): Promise<void> {
  const { publishIndex } = await import('../../index-repo/index.js');
  const depot = await context.depot({ local: true });
  const log = await depot.openLog(index.indexCore);
  try {
    await publishIndex(indexRepository(index), { log, putCore: (bytes) => depot.putStaticBytes(bytes) });
  } finally {
    await log.close();
  }
  await depot.join([index.indexCore]);
}

/** A place for a new index: its log's key, and a directory with nothing in it. @throws GtpkgError ALREADY_EXISTS */
export async function placeForIndex(
  context: Context,
  name: string,
): Promise<{ directory: string; depot: Depot }> {
  if ((await findIndex(context, checkName(name))) !== undefined) {
    throw new GtpkgError('ALREADY_EXISTS', `an index "${name}" is kept in this home already`, {
      hint: 'Choose another name; gtpkg index list shows what is here.',
    });
  }
  const directory = context.home('indexes', name);
  // without its index.json this is what a killed attempt left
  await rm(directory, { recursive: true, force: true });
  return { directory, depot: await context.depot({ local: true }) };
}

/** Makes an index. @throws GtpkgError ALREADY_EXISTS, KEY_NOT_FOUND, THRESHOLD_NOT_MET, USAGE */
export async function createIndex(
  context: Context,
  options: {
    name: string;
    keys: readonly string[];
    threshold: number;
    suites: readonly string[];
    days: number | undefined;
    passphraseFile: string | undefined;
  },
): Promise<IndexSummary> {
  const { createIndex: create } = await import('../../index-repo/index.js');
  const { signers, publicKeys } = await rootKeys(context, options.keys, options.passphraseFile);
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
  const introduction = {
    indexCore,
    roots: publicKeys.map((key) => key.fingerprint),
    threshold: options.threshold,
    peers: [],
    bootstrap: [],
  };
  const index = await writeIndex(context, {
    name: options.name,
    indexCore,
    introduction,
    suite: options.suites[0] ?? 'stable',
  });
  await pushIndex(context, index);
  return {
    name: index.name,
    introduction: formatIntroduction(introduction),
    sequence: made.sequence,
    commit: made.commit,
  };
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
  const wanted = someWords(options.packages, 'package').map(parseWanted);
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
  if (options.dryRun) return { index: index.name, sequence: details.sequence, dryRun: true, removed };
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
  await pushIndex(context, index);
  return { index: index.name, sequence: changed.sequence, dryRun: false, removed };
}

/** All indexes kept here, or the releases of one index or source. */
export async function listIndex(context: Context, name: string | undefined): Promise<IndexListing> {
  const { listEntries } = await import('../../index-repo/index.js');
  if (name === undefined) {
    const indexes = await Promise.all(
      (await listIndexes(context)).map(async (index) => {
        const { sequence, releases, introduction } = await showIndex(context, index.name);
        return { name: index.name, sequence, releases, introduction };
      }),
    );
    return { kind: 'indexes', indexes };
  }
  const { repository } = await anyIndex(context, name);
  const entries: ListedEntry[] = [];
  for await (const { suite, entry } of listEntries(repository)) {
    const { pin, control } = entry;
    const { name: listed, version, architecture, core, signer } = pin;
    entries.push({
      name: listed,
      version,
      architecture,
      suite,
      size: core.byteLength,
      core: core.key,
      signer,
      summary: control.summary,
    });
  }
  entries.sort((a, b) => compareBytes(a.name, b.name) || compareVersions(a.version, b.version));
  return { kind: 'entries', name, entries };
}

// An index kept here goes before a source of the same name: its repository is the newer one.
async function anyIndex(
  context: Context,
  name: string,
): Promise<{ repository: string; introduction: string }> {
  const place =
    (await findIndex(context, name)) ?? (await findSource(context, name)) ?? (await getIndex(context, name));
  return { repository: indexRepository(place), introduction: formatIntroduction(place.introduction) };
}

/** The head of an index kept here, or of a source. @throws GtpkgError INDEX_NOT_FOUND */
export async function showIndex(context: Context, name: string): Promise<IndexDetails> {
  const { listEntries, showIndex: show } = await import('../../index-repo/index.js');
  const { repository: directory, introduction } = await anyIndex(context, name);
  const { commit, distribution, authorizations } = await show(directory);
  let releases = 0;
  for await (const each of listEntries(directory)) releases += each === undefined ? 0 : 1;
  return {
    name: distribution.name,
    sequence: distribution.sequence,
    date: distribution.date.toISOString(),
    validUntil: distribution.validUntil.toISOString(),
    suites: distribution.suites,
    architectures: distribution.architectures,
    threshold: authorizations.threshold,
    roots: authorizations.roots,
    commit,
    releases,
    forkedFrom: distribution.forkedFrom ?? null,
    introduction,
  };
}

/** Newest first. @throws GtpkgError INDEX_NOT_FOUND */
export async function logOfIndex(
  context: Context,
  name: string,
): Promise<{ name: string; log: IndexLogEntry[] }> {
  const { indexLog } = await import('../../index-repo/index.js');
  const { repository } = await anyIndex(context, name);
  const log: IndexLogEntry[] = [];
  for await (const { sequence, date, commit, anchor, signers, changes } of indexLog(repository)) {
    log.push({ sequence, date: date.toISOString(), commit, anchor, signers, changes });
  }
  return { name, log };
}

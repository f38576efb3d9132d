/**
 * The publisher's side: make an index, change it, fork one. Each call writes one signed commit, or nothing.
 *
 * `dir` is a bare git repository. Removing, adding and signing are decided first; nothing is written before everything is
 * signed. docs/formats/index.md says what is written.
 */
import { existsSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import {
  GtpkgError,
  formatIntroduction,
  limits,
  type CoreKey,
  type Fingerprint,
  type Introduction,
  type Oid,
} from '../model/index.js';
import { ioError } from '../git/io.js';
import { Repository } from '../git/repository.js';
import type { PublicKey, Signer } from '../trust/index.js';
import { commitIndex, requiredSigners } from './commit-index.js';
import { DigestFile } from './digest-file.js';
import { isIndexName, sameAuthorizations, type Authorizations, type Distribution } from './documents.js';
import { MAIN, headOf, keyFilesOf, openIndex, viewIndex } from './index-view.js';
import { editShards, type EntryChange } from './shard-edit.js';
import type { Read } from './walk.js';

/** Older versions of a package that stay in a suite by default: one, to roll back to and to make deltas from. */
export const KEEP_VERSIONS = 2;

/** What creates an index; what forks one is the same and the place it continues. */
export interface CreateOptions {
  readonly name: string;
  readonly suites: readonly string[];
  readonly architectures?: readonly string[];
  /** root keys that sign now: at least `threshold` */
  readonly roots: readonly Signer[];
  /** all root keys; those of `roots` are added */
  readonly rootKeys?: readonly PublicKey[];
  readonly threshold?: number;
  readonly validForDays?: number;
  /** the log it will be published on */
  readonly indexCore: CoreKey;
  readonly now: Date;
}

/** The commit that stands after a call. */
export interface IndexChanged {
  readonly commit: Oid;
  readonly parent: Oid | undefined;
  readonly sequence: number;
  /** false: there was nothing to do and nothing was written */
  readonly changed: boolean;
  /** one line for each change, for people */
  readonly lines: readonly string[];
}

/** One wish of a publisher. */
export type IndexChange =
  | EntryChange
  /** a maintainer's key, or a newer copy of any key */
  | { readonly kind: 'key'; readonly publicKey: PublicKey }
  /** new roots: needs signatures for the old threshold and for the new one */
  | { readonly kind: 'authorize'; readonly roots: readonly PublicKey[]; readonly threshold: number };

/** What changes an index. */
export interface ChangeOptions {
  readonly changes: readonly IndexChange[];
  readonly signers: readonly Signer[];
  readonly now: Date;
  /** a line of the publisher's own, first in the commit message */
  readonly message?: string;
  /** versions of each package that stay; default KEEP_VERSIONS */
  readonly keepVersions?: number;
  readonly allowOlder?: boolean;
  /** commit also when nothing changes, to renew Valid-Until */
  readonly refresh?: boolean;
  /** default: as long as the last commit */
  readonly validForDays?: number;
}

const DAY = 86_400_000;

/**
 * Makes an index in `dir`, with one commit and no package.
 * @throws GtpkgError ALREADY_EXISTS, BAD_NAME, USAGE, THRESHOLD_NOT_MET, SIGNER_UNKNOWN
 */
export async function createIndex(dir: string, options: CreateOptions): Promise<IndexChanged> {
  const { authorizations, keys } = rootsOf(options, 1);
  checkNames([options.name, ...options.suites]);
  if (options.suites.length === 0) throw new GtpkgError('USAGE', 'An index needs a suite');
  const signers = requiredSigners(options.roots, [authorizations]);
  const repository = await Repository.init(dir);
  if ((await repository.resolveRef(MAIN)) !== undefined)
    throw new GtpkgError('ALREADY_EXISTS', `There is an index in ${dir} already`, { data: { dir } });
  const distribution: Distribution = {
    name: options.name,
    sequence: 1,
    ...dates(options.now, options.validForDays ?? limits.DEFAULT_VALIDITY_DAYS),
    suites: [...new Set(options.suites)],
    architectures: (options.architectures ?? []).filter((architecture) => architecture !== 'all'),
    indexCore: options.indexCore,
  };
  const lines = [`create ${options.name}`];
  const digests = await DigestFile.load(dir);
  const commit = await commitIndex({
    repository,
    digests,
    files: keyFiles(keys),
    distribution,
    authorizations,
    signers,
    changes: lines,
    now: options.now,
  });
  return { commit: commit.oid, parent: undefined, sequence: 1, changed: true, lines };
}

/**
 * Applies changes as one signed commit. What is there already changes nothing: with no other change no commit is made.
 * @throws GtpkgError INDEX_NOT_FOUND, ALREADY_EXISTS, PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, KEY_NOT_FOUND, USAGE,
 * THRESHOLD_NOT_MET, SIGNER_UNKNOWN, HOME_BUSY
 */
export async function changeIndex(dir: string, options: ChangeOptions): Promise<IndexChanged> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const view = await viewIndex(read, await headOf(repository));
  const { commit: parent, distribution: before } = view;
  const entryChanges = options.changes.filter((change) => change.kind === 'add' || change.kind === 'remove');
  for (const { suite } of entryChanges) {
    if (before.suites.includes(suite)) continue;
    throw new GtpkgError('USAGE', `The index ${before.name} has no suite ${suite}`, {
      hint: `It has ${before.suites.join(', ')}.`,
      data: { suite, suites: before.suites },
    });
  }
  const rules = {
    keepVersions: Math.max(1, options.keepVersions ?? KEEP_VERSIONS),
    allowOlder: options.allowOlder ?? false,
  };
  const edits = await editShards(read, view.top.get('suites')?.oid, entryChanges, rules);
  const lines = [...edits.lines];
  const known = await keyFilesOf(read, view);
  const files = new Map<string, Buffer | undefined>(edits.files);
  const addKey = async (key: PublicKey): Promise<void> => {
    const blob = known.get(key.fingerprint);
    const bytes = Buffer.from(key.armored, 'utf8');
    if (blob !== undefined && (await repository.readType(blob, 'blob')).equals(bytes)) return;
    files.set(`keys/${key.fingerprint}.asc`, bytes);
    lines.push(
      `${blob === undefined ? 'add' : 'renew'} key ${key.fingerprint} ${key.userIds[0] ?? ''}`.trim(),
    );
  };
  let authorizations = view.authorizations;
  for (const change of options.changes) {
    if (change.kind === 'key') await addKey(change.publicKey);
    if (change.kind !== 'authorize') continue;
    for (const key of change.roots) await addKey(key);
    const wanted = authorizationsFor(change.roots, change.threshold, before.sequence + 1);
    if (sameAuthorizations(wanted, authorizations)) continue;
    authorizations = wanted;
    lines.push(`authorize ${wanted.threshold} of ${wanted.roots.join(' ')}`);
  }
  for (const signer of edits.signers) {
    if (known.has(signer) || files.has(`keys/${signer}.asc`)) continue;
    throw new GtpkgError('KEY_NOT_FOUND', `The index has no key ${signer}, which signed a release`, {
      hint: 'Add the maintainer’s public key in the same change, else nobody can check the release.',
      data: { fingerprint: signer },
    });
  }
  if (files.size === 0 && authorizations === view.authorizations && options.refresh !== true) {
    return {
      commit: parent.oid,
      parent: parent.parents[0],
      sequence: before.sequence,
      changed: false,
      lines: [],
    };
  }
  const sets =
    authorizations === view.authorizations ? [authorizations] : [view.authorizations, authorizations];
  const signers = requiredSigners(options.signers, sets);
  const architectures = [...new Set([...before.architectures, ...edits.architectures])].filter(
    (architecture) => architecture !== 'all',
  );
  const validity = options.validForDays ?? (before.validUntil.getTime() - before.date.getTime()) / DAY;
  const distribution: Distribution = {
    ...before,
    sequence: before.sequence + 1,
    ...dates(options.now, validity),
    architectures,
  };
  const changes = [...(options.message === undefined ? [] : [options.message]), ...lines];
  const digests = await DigestFile.load(dir);
  const commit = await commitIndex({
    repository,
    digests,
    parent,
    files,
    distribution,
    authorizations,
    signers,
    changes,
    now: options.now,
  });
  return { commit: commit.oid, parent: parent.oid, sequence: distribution.sequence, changed: true, lines };
}

/**
 * Copies an index repository, to be forked: its `main` stands at `commit` then.
 * @param target - must not exist
 * @throws GtpkgError INDEX_NOT_FOUND, ALREADY_EXISTS, OBJECT_CORRUPT, NO_SPACE, …
 */
export async function copyIndex(source: string, target: string, commit: Oid): Promise<void> {
  const repository = await openIndex(source);
  await repository.readType(commit, 'commit');
  if (existsSync(target)) {
    throw new GtpkgError('ALREADY_EXISTS', `There is something at ${target} already`, {
      data: { path: target },
    });
  }
  try {
    await cp(source, target, { recursive: true, errorOnExist: true, force: false });
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw ioError(error, `Cannot copy ${source}`);
  }
  await (await openIndex(target)).writeRef(MAIN, commit);
}

/** What forks an index. Suites, packages and maintainers' keys stay as they are upstream. */
export interface ForkOptions extends Omit<CreateOptions, 'suites' | 'architectures'> {
  /** how upstream was trusted */
  readonly forkedFrom: Introduction;
}

/**
 * Puts new roots on top of a verified upstream state. `dir` is a copy of the client's repository with `main` at that
 * state; afterwards it is the fork's own. No package is copied.
 * @throws GtpkgError INDEX_NOT_FOUND, BAD_NAME, THRESHOLD_NOT_MET, SIGNER_UNKNOWN
 */
export async function forkIndex(dir: string, options: ForkOptions): Promise<IndexChanged> {
  checkNames([options.name]);
  const repository = await openIndex(dir);
  const view = await viewIndex((oid) => repository.read(oid), await headOf(repository));
  const { commit: parent, distribution: upstream } = view;
  const sequence = upstream.sequence + 1;
  const { authorizations, keys } = rootsOf(options, sequence);
  const signers = requiredSigners(options.roots, [authorizations]);
  const forkedFrom = formatIntroduction({ ...options.forkedFrom, peers: [], bootstrap: [] });
  const distribution: Distribution = {
    ...upstream,
    name: options.name,
    sequence,
    ...dates(options.now, options.validForDays ?? limits.DEFAULT_VALIDITY_DAYS),
    indexCore: options.indexCore,
    forkedFrom,
    forkedCommit: parent.oid,
  };
  const lines = [`fork ${upstream.name} ${upstream.sequence}`];
  const digests = await DigestFile.load(dir);
  const commit = await commitIndex({
    repository,
    digests,
    parent,
    files: keyFiles(keys),
    distribution,
    authorizations,
    signers,
    changes: lines,
    now: options.now,
  });
  return { commit: commit.oid, parent: parent.oid, sequence, changed: true, lines };
}

function dates(now: Date, days: number): { date: Date; validUntil: Date } {
  if (!(days > 0 && days <= 36_500))
    throw new GtpkgError('USAGE', `An index cannot be valid for ${days} days`);
  const date = new Date(Math.floor(now.getTime() / 1000) * 1000);
  return {
    date,
    validUntil: new Date(date.getTime() + Math.max(1000, Math.round((days * DAY) / 1000) * 1000)),
  };
}

function rootsOf(
  options: Pick<CreateOptions, 'roots' | 'rootKeys' | 'threshold'>,
  since: number,
): { authorizations: Authorizations; keys: PublicKey[] } {
  const keys = new Map<Fingerprint, PublicKey>();
  for (const key of [...options.roots.map((signer) => signer.publicKey), ...(options.rootKeys ?? [])])
    keys.set(key.fingerprint, key);
  return {
    authorizations: authorizationsFor([...keys.values()], options.threshold ?? 1, since),
    keys: [...keys.values()],
  };
}

function authorizationsFor(keys: readonly PublicKey[], threshold: number, since: number): Authorizations {
  const roots = [...new Set(keys.map((key) => key.fingerprint))].sort();
  if (roots.length > limits.MAX_ROOTS)
    throw new GtpkgError('USAGE', `An index has at most ${limits.MAX_ROOTS} roots`);
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > roots.length) {
    throw new GtpkgError('USAGE', `A threshold of ${threshold} does not fit ${roots.length} root keys`);
  }
  return { threshold, since, roots };
}

function keyFiles(keys: readonly PublicKey[]): Map<string, Buffer> {
  return new Map(keys.map((key) => [`keys/${key.fingerprint}.asc`, Buffer.from(key.armored, 'utf8')]));
}

function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (isIndexName(name)) continue;
    throw new GtpkgError('BAD_NAME', `"${name.slice(0, 80)}" cannot be the name of an index or a suite`, {
      hint: 'Letters, digits, . + - and _, at most 64.',
    });
  }
}

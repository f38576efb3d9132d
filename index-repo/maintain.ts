/**
 * The publisher's side: make an index, change it (fork.ts: fork one). Each call writes one signed commit, or nothing.
 *
 * `dir` is a bare git repository. Removing, adding and signing are decided first; nothing is written before everything is
 * signed. docs/formats/index.md says what is written.
 */
import { GtpkgError, limits, type CoreKey, type Oid } from '../model/index.js';
import { Repository } from '../git/repository.js';
import type { PublicKey, Signer } from '../trust/index.js';
import { chooseSigners, commitIndex } from './commit-index.js';
import { DigestFile } from './digest-file.js';
import { sameAuthorizations, type Distribution } from './documents.js';
import { MAIN, PENDING, keyFilesOf, openIndex, tipOf, viewIndex } from './index-view.js';
import { policyPath } from './policy-tree.js';
import { editShards, type EntryChange } from './shard-edit.js';
import { DAY, authorizationsFor, checkNames, dates, keyFiles, rootsOf, type Roots } from './terms.js';
import type { Read } from './walk.js';

/** Versions of a package that stay in a suite by default: the older one to go back to and to make deltas from. */
export const KEEP_VERSIONS = 2;

/** What creates an index; what forks one is the same and the place it continues. */
export interface CreateOptions extends Roots {
  readonly name: string;
  readonly suites: readonly string[];
  readonly architectures?: readonly string[];
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
  /** true: other roots must sign before anybody follows it (pending.ts) */
  readonly pending: boolean;
}

/** One wish of a publisher. */
export type IndexChange =
  | EntryChange
  /** a maintainer's key, or a newer copy of any key */
  | { readonly kind: 'key'; readonly publicKey: PublicKey }
  /** a policy file: its contents, or undefined to take it away */
  | { readonly kind: 'policy'; readonly name: string; readonly bytes: Buffer | undefined }
  /** which paths the releases of a place have: the whole file that lists segments (contents.ts) */
  | {
      readonly kind: 'contents';
      readonly suite: string;
      readonly architecture: string;
      readonly bytes: Buffer;
    }
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
  /** moves the index to another log */
  readonly indexCore?: CoreKey;
}

/**
 * Makes an index in `dir`, with one commit and no package.
 * @throws GtpkgError ALREADY_EXISTS, BAD_NAME, USAGE, SIGNER_UNKNOWN
 */
export async function createIndex(dir: string, options: CreateOptions): Promise<IndexChanged> {
  const { authorizations, keys } = rootsOf(options, 1);
  checkNames([options.name, ...options.suites]);
  if (options.suites.length === 0) throw new GtpkgError('USAGE', 'An index needs a suite');
  const { signers, complete } = chooseSigners(options.roots, [authorizations]);
  const repository = await Repository.init(dir);
  if (((await repository.resolveRef(MAIN)) ?? (await repository.resolveRef(PENDING))) !== undefined)
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
    pending: !complete,
    changes: lines,
    now: options.now,
  });
  return { commit: commit.oid, parent: undefined, sequence: 1, changed: true, lines, pending: !complete };
}

/**
 * Applies changes as one signed commit. What is there already changes nothing: with no other change no commit is made.
 * @throws GtpkgError INDEX_NOT_FOUND, ALREADY_EXISTS, PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, KEY_NOT_FOUND, USAGE,
 * SIGNER_UNKNOWN, DOUBLE_SIGNATURE, HOME_BUSY
 */
export async function changeIndex(dir: string, options: ChangeOptions): Promise<IndexChanged> {
  const repository = await openIndex(dir);
  const read: Read = (oid) => repository.read(oid);
  const waiting = (await repository.resolveRef(PENDING)) !== undefined;
  const view = await viewIndex(read, await tipOf(repository));
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
    date: dates(options.now, 1).date,
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
    if (change.kind === 'policy') {
      files.set(policyPath(change.name), change.bytes);
      lines.push(`${change.bytes === undefined ? 'remove' : 'set'} policy ${change.name}`);
    }
    if (change.kind === 'contents')
      files.set(`suites/${change.suite}/${change.architecture}/contents`, change.bytes);
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
  const indexCore = options.indexCore ?? before.indexCore;
  if (indexCore !== before.indexCore) lines.push(`move to ${indexCore}`);
  const same = files.size === 0 && authorizations === view.authorizations && indexCore === before.indexCore;
  if (same && options.refresh !== true) {
    return {
      commit: parent.oid,
      parent: parent.parents[0],
      sequence: before.sequence,
      changed: false,
      lines: [],
      pending: waiting,
    };
  }
  const sets =
    authorizations === view.authorizations ? [authorizations] : [view.authorizations, authorizations];
  const { signers, complete } = chooseSigners(options.signers, sets);
  const pending = waiting || !complete;
  const architectures = [...new Set([...before.architectures, ...edits.architectures])].filter(
    (architecture) => architecture !== 'all',
  );
  const validity = options.validForDays ?? (before.validUntil.getTime() - before.date.getTime()) / DAY;
  const distribution: Distribution = {
    ...before,
    sequence: before.sequence + 1,
    ...dates(options.now, validity),
    architectures,
    indexCore,
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
    pending,
    changes,
    now: options.now,
  });
  return {
    commit: commit.oid,
    parent: parent.oid,
    sequence: distribution.sequence,
    changed: true,
    lines,
    pending,
  };
}

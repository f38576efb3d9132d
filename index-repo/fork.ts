/**
 * Forks an index: new roots on top of a verified upstream state. docs/formats/index.md §7.
 */
import { existsSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { GtpkgError, formatIntroduction, limits, type Introduction, type Oid } from '../model/index.js';
import { ioError } from '../git/io.js';
import { chooseSigners, commitIndex } from './commit-index.js';
import { DigestFile } from './digest-file.js';
import type { Distribution } from './documents.js';
import { MAIN, headOf, openIndex, viewIndex } from './index-view.js';
import type { CreateOptions, IndexChanged } from './maintain.js';
import { readPolicyFiles } from './policy-files.js';
import { policyPath } from './policy-tree.js';
import { checkNames, dates, keyFiles, rootsOf } from './terms.js';
import type { Read } from './walk.js';

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
 * @throws GtpkgError INDEX_NOT_FOUND, BAD_NAME, SIGNER_UNKNOWN
 */
export async function forkIndex(dir: string, options: ForkOptions): Promise<IndexChanged> {
  checkNames([options.name]);
  const repository = await openIndex(dir);
  const view = await viewIndex((oid) => repository.read(oid), await headOf(repository));
  const { commit: parent, distribution: upstream } = view;
  const sequence = upstream.sequence + 1;
  const { authorizations, keys } = rootsOf(options, sequence);
  const { signers, complete } = chooseSigners(options.roots, [authorizations]);
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
  // index.md §12: upstream's roots delegated, and they are nobody here
  const read: Read = (oid) => repository.read(oid);
  const files = new Map<string, Buffer | undefined>(keyFiles(keys));
  for (const { name } of await readPolicyFiles(read, parent.oid)) {
    files.set(policyPath(name), undefined);
    lines.push(`remove policy ${name}`);
  }
  const digests = await DigestFile.load(dir);
  const commit = await commitIndex({
    repository,
    digests,
    parent,
    files,
    distribution,
    authorizations,
    signers,
    pending: !complete,
    changes: lines,
    now: options.now,
  });
  // nothing of the fork's own is there yet: upstream's state is not its
  if (!complete) await repository.deleteRef(MAIN);
  return { commit: commit.oid, parent: parent.oid, sequence, changed: true, lines, pending: !complete };
}

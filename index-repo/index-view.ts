/**
 * Reads an index repository on this disk: the own one of a publisher, or a client's. What is read here was verified when it
 * came in (sync.ts) or was made here; object ids are checked on every read.
 */
import { GtpkgError, limits, type Fingerprint, type Introduction, type Oid } from '../model/index.js';
import type { TreeEntry } from '../git/objects.js';
import { Repository } from '../git/repository.js';
import type { PublicKey } from '../trust/index.js';
import {
  parseAuthorizations,
  parseDistribution,
  type Authorizations,
  type Distribution,
} from './documents.js';
import { openCommit, type OpenedCommit } from './index-commit.js';
import { readTree, type Read } from './walk.js';

/** The branch that holds an index. */
export const MAIN = 'refs/heads/main';

/** The newest commit that too few roots have signed yet; absent when nothing is pending. */
export const PENDING = 'refs/heads/pending';

/** One commit of an index. */
export interface IndexView {
  readonly commit: OpenedCommit;
  readonly distribution: Distribution;
  readonly authorizations: Authorizations;
  /** the entries of the root tree by name */
  readonly top: ReadonlyMap<string, TreeEntry>;
}

/** @throws GtpkgError INDEX_NOT_FOUND when there is no index repository in `dir` */
export async function openIndex(dir: string): Promise<Repository> {
  try {
    return await Repository.open(dir);
  } catch (cause) {
    if (!(cause instanceof GtpkgError) || cause.code !== 'FILE_NOT_FOUND') throw cause;
    throw new GtpkgError('INDEX_NOT_FOUND', `There is no index in ${dir}`, { data: { dir }, cause });
  }
}

/** The newest commit. @throws GtpkgError INDEX_NOT_FOUND when there is none yet */
export async function headOf(repository: Repository): Promise<Oid> {
  const head = await repository.resolveRef(MAIN);
  if (head === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `The index in ${repository.dir} is empty`, {
      data: { dir: repository.dir },
    });
  return head;
}

/** The newest published commit; where nothing is published yet, the newest pending one. @throws GtpkgError INDEX_NOT_FOUND */
export async function newestOf(repository: Repository): Promise<Oid> {
  return (await repository.resolveRef(MAIN)) ?? tipOf(repository);
}

/** What the next commit continues: the newest pending one, else the newest. @throws GtpkgError INDEX_NOT_FOUND when there is none yet */
export async function tipOf(repository: Repository): Promise<Oid> {
  const [main, pending] = [await repository.resolveRef(MAIN), await repository.resolveRef(PENDING)];
  if (pending === undefined || main === undefined) return pending ?? headOf(repository);
  const number = async (oid: Oid): Promise<number> => openCommit(await repository.read(oid)).message.sequence;
  // a root that follows an index keeps what it signed until it looks again: that may be published long since
  return (await number(pending)) > (await number(main)) ? pending : main;
}

/** @throws GtpkgError OBJECT_CORRUPT, INDEX_MALFORMED */
export async function viewIndex(read: Read, oid: Oid): Promise<IndexView> {
  const commit = openCommit(await read(oid));
  const top = new Map((await readTree(read, commit.tree)).map((entry) => [entry.name, entry]));
  const file = async (name: string): Promise<Buffer> => {
    const entry = top.get(name);
    if (entry === undefined)
      throw new GtpkgError('INDEX_MALFORMED', `The index is malformed: "${name}" is missing`);
    const { type, body } = await read(entry.oid);
    if (type !== 'blob' || body.length > limits.MAX_INDEX_FILE)
      throw new GtpkgError('INDEX_MALFORMED', `The index is malformed: "${name}" is not a small file`);
    return body;
  };
  return {
    commit,
    distribution: parseDistribution(await file('distribution')),
    authorizations: parseAuthorizations(await file('authorizations')),
    top,
  };
}

/** Whether a new introduction must start at this commit: the first of an index, or of a fork. */
export function isAnchor(view: IndexView): boolean {
  return view.commit.parents.length === 0 || view.commit.parents[0] === view.distribution.forkedCommit;
}

/** Fingerprints of all keys in an index, with their blobs. */
export async function keyFilesOf(read: Read, view: IndexView): Promise<Map<Fingerprint, Oid>> {
  const keys = view.top.get('keys');
  const entries = keys === undefined ? [] : await readTree(read, keys.oid);
  return new Map(entries.map((entry) => [entry.name.replace(/\.asc$/, '') as Fingerprint, entry.oid]));
}

/**
 * A key of the index at a commit, to check a release's signature with.
 * @throws GtpkgError KEY_NOT_FOUND, KEY_MALFORMED, KEY_WEAK, INDEX_MALFORMED
 */
export async function readIndexKey(
  repository: Repository,
  commit: Oid,
  fingerprint: Fingerprint,
): Promise<PublicKey> {
  const read: Read = (oid) => repository.read(oid);
  const view = await viewIndex(read, commit);
  const blob = (await keyFilesOf(read, view)).get(fingerprint);
  if (blob === undefined) {
    throw new GtpkgError('KEY_NOT_FOUND', `The index ${view.distribution.name} has no key ${fingerprint}`, {
      data: { fingerprint, index: view.distribution.name },
    });
  }
  const { parseKeyFile } = await import('./key-files.js');
  return parseKeyFile(fingerprint, await repository.readType(blob, 'blob'));
}

/** What a user of this index needs to be told. Hints are for the caller to add. */
export function introductionOf(view: IndexView): Introduction {
  const { roots, threshold } = view.authorizations;
  return { indexCore: view.distribution.indexCore, roots, threshold, peers: [], bootstrap: [] };
}

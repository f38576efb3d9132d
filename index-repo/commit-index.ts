/**
 * Makes one signed index commit: tree, SHA-256 chain, signature, co-signatures; writes all of it or nothing.
 */
import { GtpkgError, type Fingerprint, type Oid } from '../model/index.js';
import {
  cleanPerson,
  encodeCommit,
  encodeTag,
  hashObject,
  signCommit,
  signTag,
  type GitObject,
} from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import type { Signer } from '../trust/index.js';
import { completeDigests, type DigestFile } from './digest-file.js';
import {
  formatAuthorizations,
  formatDistribution,
  type Authorizations,
  type Distribution,
} from './documents.js';
import { editTree } from './edit-tree.js';
import { openCommit, type OpenedCommit } from './index-commit.js';
import { MAIN, PENDING } from './index-view.js';
import { cosignTagName, formatCommitMessage, formatCosignMessage } from './messages.js';
import { computeIds } from './object-ids.js';
import { recordSignatures, refuseDoubleSignatures } from './signed-refs.js';
import { reader, readTree } from './walk.js';

/** What the commit is made of. */
export interface CommitOptions {
  readonly repository: Repository;
  readonly digests: DigestFile;
  /** the commit it continues; absent for the first one */
  readonly parent?: OpenedCommit;
  /** path → contents, or undefined to remove; `distribution` and `authorizations` are written from below */
  readonly files: ReadonlyMap<string, Buffer | undefined>;
  readonly distribution: Distribution;
  readonly authorizations: Authorizations;
  /** as `chooseSigners` chose them: the first commits, the others co-sign */
  readonly signers: readonly Signer[];
  /** too few of them, or what it continues is pending itself: it becomes the tip of what is pending */
  readonly pending?: boolean;
  readonly changes: readonly string[];
  readonly now: Date;
}

/** Who signs a commit, and whether they are enough. */
export interface ChosenSigners {
  /** each key once */
  readonly signers: readonly Signer[];
  /** false: other roots must sign before anybody follows it */
  readonly complete: boolean;
}

/**
 * Those of `signers` that may sign, each key once.
 * @param sets - the parent's authorizations and, when they change, the new ones
 * @throws GtpkgError SIGNER_UNKNOWN when none may
 */
export function chooseSigners(
  signers: readonly Signer[],
  sets: readonly Pick<Authorizations, 'roots' | 'threshold'>[],
): ChosenSigners {
  const allowed = new Map<Fingerprint, Signer>();
  for (const signer of signers) {
    if (!allowed.has(signer.fingerprint) && sets.some(({ roots }) => roots.includes(signer.fingerprint)))
      allowed.set(signer.fingerprint, signer);
  }
  if (allowed.size === 0) {
    throw new GtpkgError('SIGNER_UNKNOWN', 'None of these keys may sign this index', {
      hint: `Its roots are ${[...new Set(sets.flatMap(({ roots }) => roots))].join(', ')}.`,
      data: { signers: signers.map(({ fingerprint }) => fingerprint) },
    });
  }
  const complete = sets.every(
    ({ roots, threshold }) =>
      [...allowed.keys()].filter((fingerprint) => roots.includes(fingerprint)).length >= threshold,
  );
  return { signers: [...allowed.values()], complete };
}

/**
 * Writes the commit, its co-signature tags and the branch.
 * @throws GtpkgError HOME_BUSY when the branch moved meanwhile; what signing and writing throw
 */
export async function commitIndex(options: CommitOptions): Promise<OpenedCommit> {
  const { repository, digests, parent, distribution, authorizations, now } = options;
  const objects = new Map<Oid, GitObject>();
  const put = (type: GitObject['type'], body: Buffer): Oid => {
    const oid = hashObject(type, body);
    objects.set(oid, { type, body });
    return oid;
  };
  const edits = new Map(
    [...options.files].map(([path, body]) => [path, body === undefined ? undefined : put('blob', body)]),
  );
  edits.set('distribution', put('blob', formatDistribution(distribution)));
  edits.set('authorizations', put('blob', formatAuthorizations(authorizations)));
  if (parent !== undefined) await completeDigests(repository, digests, parent.tree);
  const tree = (await editTree((oid) => repository.read(oid), parent?.tree, edits, objects)) as Oid;
  const ids = computeIds(objects, digests);
  const suites = await suitesOf(repository, objects, tree);
  const idOf = (oid: Oid) => ids.get(oid) ?? digests.get(oid);
  const tree256 = idOf(tree);
  const suites256 = suites === undefined ? undefined : idOf(suites);
  if (tree256 === undefined || (suites !== undefined && suites256 === undefined)) {
    throw new GtpkgError('INDEX_CORRUPT', `The index in ${repository.dir} is not whole`, {
      hint: 'Check it with git fsck.',
    });
  }
  const [first, ...others] = options.signers;
  if (first === undefined) throw new GtpkgError('THRESHOLD_NOT_MET', 'An index commit needs a signature');
  const time = Math.floor(now.getTime() / 1000);
  const person = (signer: Signer) => ({ ...cleanPerson(signer.person.name, signer.person.email), time });
  const { name, sequence } = distribution;
  const message = formatCommitMessage({
    name,
    sequence,
    tree: tree256,
    ...(suites256 === undefined ? {} : { suites: suites256 }),
    ...(parent === undefined ? {} : { parent: parent.sha256 }),
    changes: options.changes,
  });
  const author = person(first);
  const payload = encodeCommit({
    tree,
    parents: parent === undefined ? [] : [parent.oid],
    author,
    committer: author,
    message,
  });
  const body = signCommit(payload, await first.sign(payload));
  const oid = put('commit', body);
  const tags = new Map<string, Oid>();
  for (const signer of others)
    tags.set(
      cosignTagName(oid, signer.fingerprint),
      put('tag', await cosign(openCommit({ type: 'commit', body }), signer, person(signer))),
    );
  const pending = options.pending === true;
  if (pending) await refuseDoubleSignatures(repository, sequence, options.signers);
  await repository.importPack(objects.values());
  await digests.add(ids);
  for (const [tag, target] of tags) await repository.writeRef(`refs/tags/${tag}`, target);
  if (pending) {
    await repository.writeRef(
      PENDING,
      oid,
      (await repository.resolveRef(PENDING)) === undefined ? null : parent?.oid,
    );
    await recordSignatures(repository, { sequence, commit: oid, signers: options.signers });
  } else await repository.writeRef(MAIN, oid, parent?.oid ?? null);
  return openCommit({ type: 'commit', body });
}

/** A further root's signature: a signed annotated tag on the commit. */
export async function cosign(
  commit: OpenedCommit,
  signer: Signer,
  tagger: { name: string; email: string; time: number },
): Promise<Buffer> {
  const { name, sequence, tree } = commit.message;
  const payload = encodeTag({
    object: commit.oid,
    type: 'commit',
    tag: cosignTagName(commit.oid, signer.fingerprint),
    tagger,
    message: formatCosignMessage({ name, sequence, commit: commit.sha256, tree }),
  });
  return signTag(payload, await signer.sign(payload));
}

async function suitesOf(
  repository: Repository,
  objects: ReadonlyMap<Oid, GitObject>,
  tree: Oid,
): Promise<Oid | undefined> {
  const read = reader(repository, objects);
  return (await readTree(read, tree)).find((entry) => entry.name === 'suites')?.oid;
}

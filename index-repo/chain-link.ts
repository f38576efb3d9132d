/**
 * One step of the trust machine: a commit is believed because of the one before it, or because of the introduction. Pure.
 */
import { GtpkgError, limits, type Fingerprint, type Introduction, type Oid } from '../model/index.js';
import { parseTree, type GitObject } from '../git/objects.js';
import type { PublicKey } from '../trust/index.js';
import { sameAuthorizations } from './documents.js';
import { readTop, type Lookup, type OpenedCommit, type Top } from './index-commit.js';
import { checkKeys, keysNamed } from './key-files.js';
import type { Ids256 } from './object-ids.js';
import { commitStatement, requireSigners, verifyStatement, type Judgement } from './signers.js';

/** A commit that is believed. */
export interface Link {
  readonly commit: OpenedCommit;
  readonly top: Top;
  /** keys that may sign the next one */
  readonly roots: ReadonlyMap<Fingerprint, PublicKey>;
  readonly signers: ReadonlySet<Fingerprint>;
}

/** What a step is judged on. */
export interface Step {
  readonly lookup: Lookup;
  readonly ids: Ids256;
  readonly now: Date;
  /** co-signature tags by commit */
  readonly tags: ReadonlyMap<Oid, readonly GitObject[]>;
  /** the commit is to be used, not only passed through: all of it must be at hand, and its signers good now */
  readonly whole: boolean;
  /** the commit is only proposed yet: one good signature is enough to look at it, and its Link is trusted by nobody (index.md §12) */
  readonly proposed?: boolean;
}

/** A commit that was checked when it became trusted, or whose descendant was. */
export async function trustedLink(commit: OpenedCommit, lookup: Lookup, ids: Ids256): Promise<Link> {
  const top = readTop(commit, { lookup, ids, whole: false });
  return { commit, top, signers: new Set(), roots: await checkKeys(top, lookup, 'trusted') };
}

/**
 * index.md §7: the first commit is believed because the introduction's roots signed it.
 * @throws GtpkgError INTRODUCTION_MISMATCH, THRESHOLD_NOT_MET, SIGNATURE_*, SIGNER_*, INDEX_*, KEY_*
 */
export async function anchorLink(
  introduction: Introduction,
  commit: OpenedCommit,
  step: Step,
): Promise<Link> {
  const { lookup, ids, now, whole } = step;
  const cosignatures = step.tags.get(commit.oid) ?? [];
  const { roots, threshold } = introduction;
  const keys = await keysNamed(commit, roots, lookup);
  if (keys.length === 0) throw mismatch(commit, 'none of its root keys is in the index');
  const position = whole ? {} : { position: { parentDate: undefined, commitDate: commit.committed } };
  // co-signatures alone may reach the threshold: the commit that brought these roots in may be by an older one
  const judgement: Judgement = { now, ...position };
  const signers = await requireSigners({
    commit,
    cosignatures,
    keys,
    threshold: step.proposed === true ? 1 : threshold,
    judgement,
    ownElsewhere: true,
  });
  const top = readTop(commit, { lookup, ids, whole });
  // index.md §7: and because it authorises exactly the introduction's roots
  if (!sameAuthorizations(top.authorizations, introduction))
    throw mismatch(commit, 'its authorizations are not those of the introduction');
  const { sequence } = top.distribution;
  if (commit.parents.length === 0 && sequence !== 1)
    throw malformed(`the first commit has the number ${sequence}`);
  if (top.authorizations.since > sequence) throw malformed('Since is in the future');
  checkStatements(commit, top, now);
  return { commit, top, signers, roots: await checkKeys(top, lookup, undefined) };
}

/**
 * index.md §8.3, §8.4: a commit is believed because the roots authorised in its parent signed it.
 * @throws GtpkgError THRESHOLD_NOT_MET, SIGNATURE_*, SIGNER_*, INDEX_*, KEY_*
 */
export async function nextLink(base: Link, commit: OpenedCommit, step: Step): Promise<Link> {
  const { lookup, ids, now, whole } = step;
  const cosignatures = step.tags.get(commit.oid) ?? [];
  const before = base.top;
  const position = whole
    ? {}
    : { position: { parentDate: before.distribution.date, commitDate: commit.committed } };
  const judgement: Judgement = { now, ...position };
  // index.md §8.3: threshold of the PARENT's authorizations, on the raw bytes
  const keys = [...base.roots.values()];
  const rotation = mayRotate(commit, before, lookup);
  const proposed = step.proposed === true;
  const signers = await requireSigners({
    commit,
    cosignatures,
    keys,
    // either side of a change of roots may propose it: whose signature it bears is asked below
    threshold: proposed ? (rotation ? 0 : 1) : before.authorizations.threshold,
    judgement,
    ownElsewhere: rotation,
  });
  // index.md §5: the parent by SHA-256, then the tree by SHA-256
  if (commit.message.parent !== base.commit.sha256) {
    throw new GtpkgError(
      'INDEX_CORRUPT',
      `The parent of index commit ${commit.oid} is not the one that was signed (Parent-SHA256 differs)`,
      {
        data: { commit: commit.oid },
      },
    );
  }
  const top = readTop(commit, { lookup, ids, before, whole });
  // index.md §8.4: numbers rise by one, the name stays
  const { sequence, name } = top.distribution;
  if (sequence !== before.distribution.sequence + 1)
    throw malformed(`number ${sequence} follows number ${before.distribution.sequence}`);
  if (name !== before.distribution.name)
    throw malformed(`the name changes from ${before.distribution.name} to ${name}`);
  checkStatements(commit, top, now);
  const link: Link = { commit, top, signers, roots: await checkKeys(top, lookup, base) };
  const same = sameAuthorizations(top.authorizations, before.authorizations);
  if (same && top.authorizations.since !== before.authorizations.since)
    throw malformed('Since changes without a change of roots');
  if (!rotation) return link;
  // index.md §8.4: a change of authorizations needs the old threshold (above) and the new one, and is committed by either side
  const after = [...link.roots.values()];
  await verifyStatement(commitStatement(commit), same ? keys : [...keys, ...after], judgement);
  if (same) return link;
  if (top.authorizations.since !== sequence)
    throw malformed('Since does not name the commit that changed the roots');
  const renewed = await requireSigners({
    commit,
    cosignatures,
    keys: after,
    threshold: proposed ? 0 : top.authorizations.threshold,
    judgement,
    ownElsewhere: true,
  });
  return { ...link, signers: new Set([...signers, ...renewed]) };
}

// Whether the commit may change the roots: then its own signature may be by a new one. The answer is not trusted, it only
// chooses which error a wrong signature gets and lets either side of a rotation be the committer.
function mayRotate(commit: OpenedCommit, before: Top, lookup: Lookup): boolean {
  const tree = lookup(commit.tree);
  if (tree?.type !== 'tree' || tree.body.length > limits.MAX_INDEX_FILE) return false;
  return parseTree(tree.body).some(
    (entry) => entry.name === 'authorizations' && entry.oid !== before.authorizationsFile.oid,
  );
}

// index.md §8.4: what the commit says of itself
function checkStatements(commit: OpenedCommit, top: Top, now: Date): void {
  const { name, sequence, date } = top.distribution;
  if (commit.message.name !== name || commit.message.sequence !== sequence)
    throw malformed('the commit message names another state than its tree');
  // index.md §8.5: not from the future, by more than clocks differ
  if (date.getTime() > now.getTime() + limits.CLOCK_SKEW) {
    throw new GtpkgError(
      'INDEX_FUTURE',
      `The index ${name} is dated ${date.toISOString()}, which is in the future`,
      {
        hint: 'Check the clock of this machine.',
        data: { index: name, date: date.toISOString() },
      },
    );
  }
}

function mismatch(commit: OpenedCommit, why: string): GtpkgError {
  return new GtpkgError('INTRODUCTION_MISMATCH', `The index does not fit its introduction: ${why}`, {
    hint: 'Nothing was trusted. Compare the introduction with where you got it from.',
    data: { commit: commit.oid },
  });
}

function malformed(what: string): GtpkgError {
  return new GtpkgError('INDEX_MALFORMED', `The index is malformed: ${what}`);
}

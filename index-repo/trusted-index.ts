/**
 * The trust machine of an index: bytes in, verdict out. No IO, no clock; immutable: update() gives a new one or throws.
 *
 * Loading order, docs/formats/index.md §8 (every check below names its clause):
 *   1. Sizes and shapes of the raw commits; nothing else of them is looked at yet.
 *   2. Lineage: they continue the trusted head one by one, or begin with an anchor when nothing is trusted yet.
 *   3. For each commit, oldest first: signatures on the raw bytes, by the keys authorised in its PARENT (for an anchor:
 *      named by the introduction); then Parent-SHA256 and Tree-SHA256; only then is its tree parsed.
 *   4. Its statements: sequence, name, dates; a change of authorizations needs the new threshold as well.
 *   5. The last one must be whole, not expired and not from the future. Then, and only then, it is trusted.
 */
import {
  GtpkgError,
  formatIntroduction,
  limits,
  parseIntroduction,
  type Fingerprint,
  type Introduction,
  type Oid,
  type Sha256,
  type Verified,
} from '../model/index.js';
import { markVerified } from '../model/verified.js';
import { parseTree, type GitObject } from '../git/objects.js';
import type { PublicKey } from '../trust/index.js';
import { sameAuthorizations, type Distribution } from './documents.js';
import { openCommit, readTop, take, type Lookup, type OpenedCommit, type Top } from './index-commit.js';
import { checkKeys, keysNamed } from './key-files.js';
import type { Ids256 } from './object-ids.js';
import { commitStatement, groupTags, requireSigners, verifyStatement, type Judgement } from './signers.js';
import { checkFresh, type TrustedState } from './state.js';

/** A trusted state of an index. */
export interface IndexHead extends Distribution {
  readonly commit: Oid;
  readonly tree: Oid;
  /** SHA-256 of the raw commit object */
  readonly sha256: Sha256;
  readonly anchor: Oid;
  /** who may sign the next commit */
  readonly roots: readonly Fingerprint[];
  readonly threshold: number;
  /** fingerprints of all keys in the index */
  readonly keys: readonly Fingerprint[];
  /** who signed this one, as far as it was checked here; empty for a state that was loaded */
  readonly signers: readonly Fingerprint[];
}

/** What an update is judged on. All objects are raw; nothing has to be trusted. */
export interface IndexUpdate {
  /** commits, oldest first, each the parent of the next */
  readonly commits: readonly GitObject[];
  /** co-signature tags of any of them */
  readonly cosignatures?: readonly GitObject[];
  /** root trees, `distribution`, `authorizations`, `keys/`; also of what is trusted already */
  readonly lookup: Lookup;
  /** SHA-256 ids of what is below `suites`, computed from the bytes that are at hand */
  readonly ids: Ids256;
  readonly now: Date;
}

interface Step extends IndexUpdate {
  readonly tags: ReadonlyMap<Oid, readonly GitObject[]>;
}

interface Link {
  readonly commit: OpenedCommit;
  readonly top: Top;
  readonly roots: ReadonlyMap<Fingerprint, PublicKey>;
  readonly signers: ReadonlySet<Fingerprint>;
}

/** One index as far as it is trusted. */
export class TrustedIndex {
  readonly introduction: Introduction;
  readonly #anchor: Oid | undefined;
  readonly #head: Link | undefined;

  private constructor(introduction: Introduction, anchor?: Oid, head?: Link) {
    this.introduction = introduction;
    this.#anchor = anchor;
    this.#head = head;
  }

  /** Nothing is trusted yet but the introduction's fingerprints. */
  static start(introduction: Introduction): TrustedIndex {
    return new TrustedIndex({ ...introduction, peers: [], bootstrap: [] });
  }

  /**
   * What was trusted before. The head's objects come from the own repository and are bound to the state by SHA-256.
   * @throws GtpkgError INDEX_CORRUPT and others when the repository no longer holds what was trusted
   */
  static async restore(state: TrustedState, lookup: Lookup, ids: Ids256): Promise<TrustedIndex> {
    const commit = openCommit({
      type: 'commit',
      body: take(lookup, state.head, 'commit', limits.MAX_INDEX_COMMIT),
    });
    if (commit.sha256 !== state.headSha256)
      throw new GtpkgError(
        'INDEX_CORRUPT',
        `The stored index commit ${state.head} is not the one that was trusted`,
      );
    const link = await TrustedIndex.#trustedLink(commit, lookup, ids);
    return new TrustedIndex(parseIntroduction(state.introduction), state.anchor, link);
  }

  // A commit that was checked when it became trusted, or whose descendant was.
  static async #trustedLink(commit: OpenedCommit, lookup: Lookup, ids: Ids256): Promise<Link> {
    const top = readTop(commit, { lookup, ids, whole: false });
    return { commit, top, signers: new Set(), roots: await checkKeys(top, lookup, 'trusted') };
  }

  /** The trusted state; undefined before the first update. */
  get head(): Verified<IndexHead> | undefined {
    if (this.#head === undefined || this.#anchor === undefined) return undefined;
    const { commit, top, signers } = this.#head;
    return markVerified({
      ...top.distribution,
      commit: commit.oid,
      tree: commit.tree,
      sha256: commit.sha256,
      anchor: this.#anchor,
      roots: top.authorizations.roots,
      threshold: top.authorizations.threshold,
      keys: [...top.keyFiles.keys()],
      signers: [...signers].sort(),
    });
  }

  /** What is to be stored; undefined before the first update. */
  toJSON(): TrustedState | undefined {
    const head = this.head;
    if (head === undefined) return undefined;
    return {
      format: 1,
      introduction: formatIntroduction(this.introduction),
      anchor: head.anchor,
      head: head.commit,
      headSha256: head.sha256,
      name: head.name,
      sequence: head.sequence,
      date: head.date.toISOString(),
      validUntil: head.validUntil.toISOString(),
    };
  }

  /** Refuses to install or update from a state that has expired. @throws GtpkgError INDEX_EXPIRED, INDEX_NOT_FOUND */
  checkFresh(now: Date): void {
    const head = this.head;
    if (head === undefined)
      throw new GtpkgError('INDEX_NOT_FOUND', 'No state of this index is trusted yet', {
        hint: 'Run gtpkg update.',
      });
    checkFresh(head, now);
  }

  /**
   * Checks commits and, when all hold, trusts the last. `this` never changes. Commits that are trusted already may
   * stand at the start; when there is nothing after them, the result is `this`.
   * @throws GtpkgError INDEX_NOT_DESCENDANT, INDEX_ROLLBACK, INDEX_EQUIVOCATION, INTRODUCTION_MISMATCH, SIGNATURE_*, SIGNER_*,
   * THRESHOLD_NOT_MET, KEY_*, INDEX_CORRUPT, INDEX_MALFORMED, INDEX_EXPIRED, INDEX_FUTURE, OBJECT_CORRUPT, LIMIT_EXCEEDED
   */
  async update(update: IndexUpdate): Promise<TrustedIndex> {
    // index.md §8.1: bounds before anything else
    if (update.commits.length > limits.MAX_UPDATE_COMMITS)
      throw new GtpkgError('LIMIT_EXCEEDED', `More than ${limits.MAX_UPDATE_COMMITS} index commits at once`);
    const commits = update.commits.map(openCommit);
    // index.md §8.2: an unbroken line
    commits.forEach((commit, i) => {
      if (i > 0 && commit.parents[0] !== commits[i - 1]?.oid) throw notDescendant(commit.oid);
    });
    const step: Step = { ...update, tags: groupTags(update.cosignatures ?? []) };
    const fresh = await this.#continuation(commits, step);
    let link = this.#head;
    let anchor = this.#anchor;
    for (const [i, commit] of fresh.entries()) {
      const last = i === fresh.length - 1;
      link =
        link === undefined
          ? await this.#anchorLink(commit, step, last)
          : await TrustedIndex.#nextLink(link, commit, step, last);
      anchor ??= commit.oid;
    }
    if (link === undefined || link === this.#head) return this;
    // index.md §8.5: what is to be used must be fresh
    checkFresh(link.top.distribution, update.now);
    return new TrustedIndex(this.introduction, anchor, link);
  }

  // The commits after the trusted head. index.md §8.2
  async #continuation(commits: readonly OpenedCommit[], update: Step): Promise<readonly OpenedCommit[]> {
    const head = this.#head?.commit;
    if (head === undefined || commits.length === 0) return commits;
    const at = commits.findIndex((commit) => commit.oid === head.oid);
    if (at >= 0) return commits.slice(at + 1);
    if (commits[0]?.parents[0] === head.oid) return commits;
    return this.#divergence(commits, update);
  }

  // index.md §8.2, §9: commits that do not continue the head are older ones, or proof of two histories, or a stranger's.
  async #divergence(commits: readonly OpenedCommit[], update: Step): Promise<never> {
    const ours = this.#ancestors(update.lookup);
    const first = commits.find((commit) => !ours.has(commit.oid));
    const newest = commits.at(-1);
    if (first === undefined || newest === undefined) {
      throw new GtpkgError(
        'INDEX_ROLLBACK',
        `The index offered is older than the one known: number ${newest?.message.sequence} after number ${this.#head?.commit.message.sequence}`,
        {
          hint: 'What is known was kept. The peer may be behind, or hold updates back.',
          data: { offered: newest?.message.sequence, known: this.#head?.top.distribution.sequence },
        },
      );
    }
    let theirs: Link;
    try {
      const parent = first.parents[0] === undefined ? undefined : ours.get(first.parents[0]);
      if (parent === undefined) {
        theirs = await TrustedIndex.start(this.introduction).#anchorLink(first, update, false);
      } else {
        const base = await TrustedIndex.#trustedLink(parent, update.lookup, update.ids);
        theirs = await TrustedIndex.#nextLink(base, first, update, false);
      }
    } catch (cause) {
      if (cause instanceof GtpkgError) throw notDescendant(newest.oid, cause);
      throw cause;
    }
    const sequence = theirs.top.distribution.sequence;
    const mine = [...ours.values()].find((commit) => commit.message.sequence === sequence);
    if (mine === undefined || theirs.top.distribution.name !== this.#head?.top.distribution.name)
      throw notDescendant(newest.oid);
    throw new GtpkgError(
      'INDEX_EQUIVOCATION',
      `The roots of ${theirs.top.distribution.name} signed two different states with the number ${sequence}`,
      {
        hint: 'What is known was kept. Ask the distribution; do not install from it until this is explained.',
        data: { sequence, known: mine.oid, offered: first.oid, signers: [...theirs.signers] },
      },
    );
  }

  #ancestors(lookup: Lookup): Map<Oid, OpenedCommit> {
    const found = new Map<Oid, OpenedCommit>();
    for (let commit = this.#head?.commit; commit !== undefined && found.size <= limits.MAX_UPDATE_COMMITS;) {
      found.set(commit.oid, commit);
      const parent: Oid | undefined = commit.oid === this.#anchor ? undefined : commit.parents[0];
      const object = parent === undefined ? undefined : lookup(parent);
      const opened: OpenedCommit | undefined = object === undefined ? undefined : openCommit(object);
      commit = opened !== undefined && opened.sha256 === commit.message.parent ? opened : undefined;
    }
    return found;
  }

  // index.md §7: the first commit is believed because the introduction's roots signed it.
  async #anchorLink(commit: OpenedCommit, update: Step, whole: boolean): Promise<Link> {
    const { lookup, ids, now } = update;
    const cosignatures = update.tags.get(commit.oid) ?? [];
    const { roots, threshold } = this.introduction;
    const keys = await keysNamed(commit, roots, lookup);
    if (keys.length === 0) throw mismatch(commit, 'none of its root keys is in the index');
    const position = whole ? {} : { position: { parentDate: undefined, commitDate: commit.committed } };
    // co-signatures alone may reach the threshold: the commit that brought these roots in may be by an older one
    const judgement: Judgement = { now, ...position };
    const signers = await requireSigners({
      commit,
      cosignatures,
      keys,
      threshold,
      judgement,
      ownElsewhere: true,
    });
    const top = readTop(commit, { lookup, ids, whole });
    // index.md §7: and because it authorises exactly the introduction's roots
    if (!sameAuthorizations(top.authorizations, this.introduction))
      throw mismatch(commit, 'its authorizations are not those of the introduction');
    const { sequence } = top.distribution;
    if (commit.parents.length === 0 && sequence !== 1)
      throw malformed(`the first commit has the number ${sequence}`);
    if (top.authorizations.since > sequence) throw malformed('Since is in the future');
    checkStatements(commit, top, now);
    return { commit, top, signers, roots: await checkKeys(top, lookup, undefined) };
  }

  // index.md §8.3, §8.4: a commit is believed because the roots authorised in its parent signed it.
  static async #nextLink(base: Link, commit: OpenedCommit, update: Step, whole: boolean): Promise<Link> {
    const { lookup, ids, now } = update;
    const cosignatures = update.tags.get(commit.oid) ?? [];
    const before = base.top;
    const position = whole
      ? {}
      : { position: { parentDate: before.distribution.date, commitDate: commit.committed } };
    const judgement: Judgement = { now, ...position };
    // index.md §8.3: threshold of the PARENT's authorizations, on the raw bytes
    const keys = [...base.roots.values()];
    const rotation = mayRotate(commit, before, lookup);
    const { threshold } = before.authorizations;
    const signers = await requireSigners({
      commit,
      cosignatures,
      keys,
      threshold,
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
      threshold: top.authorizations.threshold,
      judgement,
      ownElsewhere: true,
    });
    return { ...link, signers: new Set([...signers, ...renewed]) };
  }
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

function notDescendant(oid: Oid, cause?: GtpkgError): GtpkgError {
  return new GtpkgError(
    'INDEX_NOT_DESCENDANT',
    `The index commit ${oid} does not continue the one that is trusted`,
    {
      hint: 'What is known was kept. If the distribution was made anew, ask for its new introduction.',
      data: { commit: oid, ...(cause === undefined ? {} : { reason: cause.code }) },
      cause,
    },
  );
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

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
import type { GitObject } from '../git/objects.js';
import { anchorLink, nextLink, trustedLink, type Link, type Step } from './chain-link.js';
import type { Distribution } from './documents.js';
import { judgeParting } from './divergence.js';
import { openCommit, take, type Lookup, type OpenedCommit } from './index-commit.js';
import type { Ids256 } from './object-ids.js';
import { groupTags } from './signers.js';
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
    const link = await trustedLink(commit, lookup, ids);
    return new TrustedIndex(parseIntroduction(state.introduction), state.anchor, link);
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
      indexCore: head.indexCore,
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
    const { lookup, ids, now } = update;
    const step: Step = { lookup, ids, now, tags: groupTags(update.cosignatures ?? []), whole: false };
    const { base, fresh } = await this.#continuation(commits, step);
    let link = base;
    let anchor = this.#anchor;
    for (const [i, commit] of fresh.entries()) {
      const one = { ...step, whole: i === fresh.length - 1 };
      link =
        link === undefined
          ? await anchorLink(this.introduction, commit, one)
          : await nextLink(link, commit, one);
      anchor ??= commit.oid;
    }
    if (link === undefined || link === this.#head) return this;
    // index.md §8.5: what is to be used must be fresh
    checkFresh(link.top.distribution, update.now);
    return new TrustedIndex(this.introduction, anchor, link);
  }

  // What the commits build upon, and which of them are new. index.md §8.2
  async #continuation(commits: readonly OpenedCommit[], step: Step): Promise<Continuation> {
    const base = this.#head;
    if (base === undefined || commits.length === 0) return { base, fresh: commits };
    const at = commits.findIndex((commit) => commit.oid === base.commit.oid);
    if (at >= 0) return { base, fresh: commits.slice(at + 1) };
    if (commits[0]?.parents[0] === base.commit.oid) return { base, fresh: commits };
    return this.#divergence(base, commits, step);
  }

  // index.md §8.2, §9: commits that do not continue the head are older ones, or proof of two histories, or a stranger's; or they
  // lead back from a line that was signed with stolen keys.
  async #divergence(head: Link, commits: readonly OpenedCommit[], step: Step): Promise<Continuation> {
    const { name, sequence: known } = head.top.distribution;
    const ours = this.#ancestors(step.lookup);
    const at = commits.findIndex((commit) => !ours.has(commit.oid));
    const [first, newest] = [commits[at], commits.at(-1)];
    if (first === undefined || newest === undefined) throw rollback(newest, known);
    const parent = first.parents[0] === undefined ? undefined : ours.get(first.parents[0]);
    let base: Link | undefined;
    let theirs: Link;
    try {
      base = parent === undefined ? undefined : await trustedLink(parent, step.lookup, step.ids);
      theirs =
        base === undefined
          ? await anchorLink(this.introduction, first, step)
          : await nextLink(base, first, step);
    } catch (cause) {
      if (cause instanceof GtpkgError) throw notDescendant(newest.oid, cause);
      throw cause;
    }
    const { sequence } = theirs.top.distribution;
    const mine = [...ours.values()].find((commit) => commit.message.sequence === sequence);
    if (mine === undefined || theirs.top.distribution.name !== name) throw notDescendant(newest.oid);
    const verdict =
      base === undefined
        ? 'equivocation'
        : await judgeParting({ base, ours: mine, theirs: first, tips: [head.commit, newest] }, step);
    if (verdict === 'foreign') throw notDescendant(newest.oid, revokedRoots(first.oid));
    if (verdict === 'recovery') return { base, fresh: commits.slice(at) };
    throw new GtpkgError(
      'INDEX_EQUIVOCATION',
      `The roots of ${name} signed two different states with the number ${sequence}`,
      {
        hint: EQUIVOCATION_HINT,
        data: {
          sequence,
          known: mine.oid,
          offered: first.oid,
          parent: base?.commit.oid ?? null,
          signers: [...theirs.signers],
        },
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
}

/** What an update builds upon: the trusted head, or where a false line left the true one. */
interface Continuation {
  readonly base: Link | undefined;
  readonly fresh: readonly OpenedCommit[];
}

/** What a user does about two histories. */
export const EQUIVOCATION_HINT =
  'What is known was kept; nothing is installed or updated from it until you decide. Ask the distribution, then: gtpkg source accept.';

function rollback(newest: OpenedCommit | undefined, known: number): GtpkgError {
  const offered = newest?.message.sequence;
  return new GtpkgError(
    'INDEX_ROLLBACK',
    `The index offered is older than the one known: number ${offered} after number ${known}`,
    {
      hint: 'What is known was kept. The peer may be behind, or hold updates back.',
      data: { offered, known },
    },
  );
}

function revokedRoots(oid: Oid): GtpkgError {
  return new GtpkgError('SIGNER_REVOKED', `Without the keys that were revoked, too few have signed ${oid}`);
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

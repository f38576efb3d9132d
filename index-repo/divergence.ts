/**
 * Two lines that part: which of them a client goes on with. docs/formats/index.md §9. Pure but for the cryptography.
 *
 * Both begin with a commit on the same trusted parent. A key that its owner has revoked as compromised (hard) signs for neither; a
 * revocation proves itself, wherever it comes from. What is left of the signatures decides, and nothing else does: neither
 * the number of commits, nor their dates, nor who came first.
 */
import { GtpkgError, type Fingerprint } from '../model/index.js';
import type { Link, Step } from './chain-link.js';
import type { Lookup, OpenedCommit } from './index-commit.js';
import { keysNamed } from './key-files.js';
import { requireSigners } from './signers.js';

/** What is to be told apart. */
export interface Parting {
  /** the last commit that both lines have */
  readonly base: Link;
  /** the first that they have not in common: of the line known, and of the one offered */
  readonly ours: OpenedCommit;
  readonly theirs: OpenedCommit;
  /** the newest of either, where revocations are looked for */
  readonly tips: readonly OpenedCommit[];
}

/** `recovery`: the known line was signed with stolen keys, the offered one was not; `foreign`: the reverse. */
export type Verdict = 'equivocation' | 'recovery' | 'foreign';

/** Roots of `base` that some line shows as revoked for good, or without a reason. */
export async function compromisedRoots(
  base: Link,
  tips: readonly OpenedCommit[],
  lookup: Lookup,
): Promise<ReadonlySet<Fingerprint>> {
  const found = new Set<Fingerprint>();
  for (const tip of tips) {
    for (const root of base.top.authorizations.roots) {
      try {
        for (const key of await keysNamed(tip, [root], lookup))
          if (key.revocation?.kind === 'hard') found.add(root);
      } catch (error) {
        // what is not at hand or no key proves nothing
        if (!(error instanceof GtpkgError)) throw error;
      }
    }
  }
  return found;
}

/** Roots of `base` that signed `commit`; fewer than any threshold is no error here. */
async function signersOf(base: Link, commit: OpenedCommit, step: Step): Promise<ReadonlySet<Fingerprint>> {
  const position = { parentDate: base.top.distribution.date, commitDate: commit.committed };
  return requireSigners({
    commit,
    cosignatures: step.tags.get(commit.oid) ?? [],
    keys: [...base.roots.values()],
    threshold: 0,
    judgement: { now: step.now, position },
    ownElsewhere: true,
  });
}

/**
 * index.md §9: signatures of compromised keys are left out on both sides, then the threshold is asked for again. The co-signatures of
 * both commits must be among the step's tags: one of which too few signatures are at hand decides nothing.
 */
export async function judgeParting(parting: Parting, step: Step): Promise<Verdict> {
  const { base, ours, theirs, tips } = parting;
  const compromised = await compromisedRoots(base, tips, step.lookup);
  if (compromised.size === 0) return 'equivocation';
  const { threshold } = base.top.authorizations;
  const [mine, other] = [await signersOf(base, ours, step), await signersOf(base, theirs, step)];
  if (mine.size < threshold || other.size < threshold) return 'equivocation';
  const stands = (signers: ReadonlySet<Fingerprint>): boolean =>
    [...signers].filter((root) => !compromised.has(root)).length >= threshold;
  if (stands(mine) === stands(other)) return 'equivocation';
  return stands(other) ? 'recovery' : 'foreign';
}

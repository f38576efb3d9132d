/**
 * Pending changes of an index: what is signed by too few roots yet, shown, and published once it is signed by enough. docs/formats/index.md §12.
 */
import type { Introduction } from '../../model/index.js';
import type { IndexDifference, PendingCommit } from '../../index-repo/index.js';
import type { Context } from '../context.js';
import { indexRepository } from './own-index.js';

/** One pending commit, as it is shown. */
export interface PendingSummary {
  readonly commit: string;
  readonly sequence: number;
  readonly date: string;
  readonly signers: readonly string[];
  /** roots that may still sign */
  readonly missing: readonly string[];
  /** signatures that it still needs */
  readonly needed: number;
  /** all that it asks for */
  readonly threshold: number;
  /** what its own message says */
  readonly changes: readonly string[];
  /** what it does, told from its tree; null where that was not asked for */
  readonly differences: readonly IndexDifference[] | null;
}

/** An index or source, as far as pending changes need it. */
export interface PendingPlace {
  readonly directory: string;
  readonly introduction: Introduction;
}

/** The shape that is printed. */
export function summaryOf(
  pending: PendingCommit,
  differences: readonly IndexDifference[] | null = null,
): PendingSummary {
  const { commit, sequence, date, signers, missing, needs, changes } = pending;
  const lacks = needs.map(({ roots, threshold }) =>
    Math.max(0, threshold - signers.filter((signer) => roots.includes(signer)).length),
  );
  return {
    commit,
    sequence,
    date: date.toISOString(),
    signers,
    missing,
    needed: Math.max(0, ...lacks),
    threshold: Math.max(...needs.map(({ threshold }) => threshold)),
    changes,
    differences,
  };
}

/** What is pending, oldest first. @param told - with what each does */
export async function pendingOf(
  context: Context,
  place: PendingPlace,
  told = false,
): Promise<readonly PendingSummary[]> {
  const { diffIndex, pendingCommits, openIndex } = await import('../../index-repo/index.js');
  const { parseCommit } = await import('../../git/objects.js');
  const directory = indexRepository(place);
  const options = { introduction: place.introduction, now: context.now };
  const found = await pendingCommits(directory, options);
  if (!told) return found.map((each) => summaryOf(each));
  const repository = await openIndex(directory);
  const out: PendingSummary[] = [];
  for (const each of found) {
    const [parent] = parseCommit((await repository.read(each.commit)).body).parents;
    out.push(summaryOf(each, await diffIndex(directory, parent, each.commit)));
  }
  return out;
}

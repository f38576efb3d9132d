/**
 * Sources whose roots signed two histories: what is known of them, and what the user decides. docs/formats/index.md §9.
 */
import { rm } from 'node:fs/promises';
import { GtpkgError, type Oid } from '../../model/index.js';
import { readEvidence, settleEvidence, undecided, type Evidence } from '../../index-repo/evidence-file.js';
import type { Context } from '../context.js';
import { getSource, listSources } from '../places.js';
import { queryPath } from './offers.js';
import { indexRepository } from './own-index.js';
import { statePath } from './trusted-source.js';

/** Two commits with one number, as people are shown them. */
export interface TwoHistories {
  readonly sequence: number;
  readonly found: string;
  /** the one gone on with; null while that is not decided */
  readonly accepted: string | null;
  readonly sides: readonly {
    readonly commit: string;
    readonly signers: readonly string[];
    /** what its message says that it changes; from a proof, so of whoever signed it */
    readonly changes: readonly string[];
    readonly date: string | null;
    /** what is used here goes on from it */
    readonly known: boolean;
  }[];
}

/** What source accept did, or shows where no commit is named. */
export interface Accepted {
  readonly source: string;
  readonly dryRun: boolean;
  readonly accepted: string | null;
  /** the index is fetched anew with the next update */
  readonly begunAnew: boolean;
  readonly histories: readonly TwoHistories[];
}

/** Names of sources that wait for a decision. */
export async function undecidedSources(context: Context): Promise<string[]> {
  const open = await Promise.all(
    (await listSources(context)).map(async (source) =>
      undecided(await readEvidence(statePath(source))) === undefined ? [] : [source.name],
    ),
  );
  return open.flat();
}

/**
 * Decides between two histories; without a commit only shows them. A source whose other history is accepted forgets what it knew and
 * begins anew at its introduction, on a line that passes through the commit.
 * @param commit - as much of its id as tells it from the others
 * @throws GtpkgError SOURCE_NOT_FOUND, USAGE
 */
export async function acceptHistory(
  context: Context,
  name: string,
  options: { readonly commit: string | undefined; readonly dryRun: boolean },
): Promise<Accepted> {
  const source = await getSource(context, name);
  const evidence = await readEvidence(statePath(source));
  const histories = await Promise.all(evidence.map((each) => described(indexRepository(source), each)));
  const { commit, dryRun } = options;
  const shown = { source: name, dryRun, accepted: null, begunAnew: false, histories };
  if (commit === undefined) return shown;
  const sides = histories.flatMap((each) => each.sides);
  const meant = sides.filter((side) => commit.length >= 7 && side.commit.startsWith(commit.toLowerCase()));
  const [side] = meant;
  if (side === undefined || new Set(meant.map((each) => each.commit)).size > 1)
    throw new GtpkgError('USAGE', `"${commit.slice(0, 60)}" is none of the commits to choose from`, {
      hint:
        sides.length === 0
          ? `Nothing is to be decided about ${name}.`
          : `They are ${sides.map((each) => each.commit).join(' and ')}.`,
    });
  const others = histories
    .filter((each) => each.sides.includes(side))
    .flatMap((each) => each.sides.filter((other) => other !== side));
  const begunAnew = others.some((other) => other.known);
  if (!dryRun) {
    // the decision first: what is fetched anew must obey it
    await settleEvidence(statePath(source), side.commit as Oid);
    if (begunAnew) {
      await rm(statePath(source), { force: true });
      await rm(queryPath(source), { force: true });
      await rm(indexRepository(source), { recursive: true, force: true });
    }
  }
  return { ...shown, accepted: side.commit, begunAnew };
}

async function described(repository: string, evidence: Evidence): Promise<TwoHistories> {
  const { sequence, found, accepted, sides, proof } = evidence;
  const { openIndex, readProof } = await import('../../index-repo/index.js');
  const inProof = proof === '' ? new Map<Oid, never>() : await readProof(Buffer.from(proof, 'base64'));
  const held = await openIndex(repository).catch(() => undefined);
  const shown = await Promise.all(
    sides.map(async ({ commit, signers }) => ({
      commit,
      signers,
      changes: inProof.get(commit)?.changes ?? [],
      date: inProof.get(commit)?.date.toISOString() ?? null,
      known: (await held?.has(commit)) === true,
    })),
  );
  return { sequence, found, accepted, sides: shown };
}

/**
 * What is trusted of a source: its stored state, whether that is still fresh, and the keys that it vouches for.
 */
import { join } from 'node:path';
import { GtpkgError, type Fingerprint } from '../../model/index.js';
import { readStoredIndex } from '../../index-repo/sync.js';
import { readEvidence, requireDecided, undecided } from '../../index-repo/evidence-file.js';
import { checkFresh, type TrustedState } from '../../index-repo/state.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { listSources, type Source } from '../places.js';
import { indexRepository } from './own-index.js';

/** A source as source list shows it. */
export interface SourceSummary {
  readonly name: string;
  readonly indexCore: string;
  readonly roots: readonly string[];
  readonly threshold: number;
  readonly sequence: number | null;
  readonly validUntil: string | null;
  /** its roots signed two histories, and the user has not decided yet */
  readonly undecided: boolean;
}

/** The file that says what is trusted. */
export function statePath(source: Source): string {
  return join(source.directory, 'state.json');
}

/**
 * What is trusted of a source, still fresh, and one history only.
 * @throws GtpkgError INDEX_NOT_FOUND when it was never fetched, INDEX_EXPIRED, INDEX_EQUIVOCATION
 */
export async function freshSource(
  context: Context,
  source: Source,
  options: { readonly allowExpired?: boolean } = {},
): Promise<TrustedState> {
  await requireDecided(statePath(source), source.name);
  const stored = await readStoredIndex(statePath(source));
  if (stored === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `the index of ${source.name} was never fetched`, {
      hint: `Run gtpkg update ${source.name}.`,
    });
  if (options.allowExpired !== true) checkFresh(stored.trusted, context.now);
  return stored.trusted;
}

/** The key of one signer, from the trusted state of the source. @throws GtpkgError SIGNER_UNKNOWN, INDEX_NOT_FOUND */
export async function keyOfSource(source: Source, signer: Fingerprint): Promise<PublicKey> {
  const { openIndex, readIndexKey } = await import('../../index-repo/index.js');
  const stored = await readStoredIndex(statePath(source));
  if (stored === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `the index of ${source.name} was never fetched`, {
      hint: `Run gtpkg update ${source.name}.`,
    });
  try {
    return await readIndexKey(await openIndex(indexRepository(source)), stored.trusted.head, signer);
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.code !== 'KEY_NOT_FOUND') throw error;
    throw new GtpkgError('SIGNER_UNKNOWN', `${source.name} vouches for no key ${signer}`, {
      hint: 'Tell the maker of that distribution; nothing was changed.',
      data: { source: source.name, signer },
      cause: error,
    });
  }
}

/** One source as source list shows it. */
export async function summary(source: Source): Promise<SourceSummary> {
  const stored = await readStoredIndex(statePath(source));
  return {
    name: source.name,
    indexCore: source.introduction.indexCore,
    roots: source.introduction.roots,
    threshold: source.introduction.threshold,
    sequence: stored?.trusted.sequence ?? null,
    validUntil: stored?.trusted.validUntil ?? null,
    undecided: undecided(await readEvidence(statePath(source))) !== undefined,
  };
}

/** All sources, by name. */
export async function listSourceSummaries(context: Context): Promise<SourceSummary[]> {
  return Promise.all((await listSources(context)).map(summary));
}

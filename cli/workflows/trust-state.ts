/**
 * What releases are judged by: the user's own policy (`$GTPKG_HOME/policy`), and what each source's trusted index says, verified once for each
 * index commit and kept beside the query file in `sources/NAME/policy.json`. docs/formats/policy.md.
 *
 * A mistake anywhere in the user's own file stops everything: what does not parse may have been what forbids.
 */
import { join } from 'node:path';
import { GtpkgError, limits, type Oid } from '../../model/index.js';
import type { IndexPolicy } from '../../index-repo/policy-files.js';
import type { TrustedState } from '../../index-repo/state.js';
import { readStoredIndex } from '../../index-repo/sync.js';
import type { Assertion, SourceTerms } from '../../trust/keynote/index.js';
import type { Context } from '../context.js';
import { readText, writeWhole } from '../files.js';
import type { Source } from '../places.js';
import { indexRepository } from './own-index.js';
import { statePath } from './trusted-source.js';

/** The user's own policy. */
export function policyPath(context: Context): string {
  return context.home('policy');
}

/** Its text; '' while there is none. */
export async function readUserText(context: Context): Promise<string> {
  return (await readText(policyPath(context))) ?? '';
}

/** Its assertions. @throws GtpkgError POLICY_MALFORMED with file and line */
export async function readUserPolicy(context: Context): Promise<readonly Assertion[]> {
  const text = await readUserText(context);
  return text === '' ? [] : parseUserPolicy(text, policyPath(context));
}

/** Assertions of a local policy, every one of them good. @throws GtpkgError POLICY_MALFORMED with the line */
export async function parseUserPolicy(text: string, where: string): Promise<readonly Assertion[]> {
  const { parseAssertions, toBytes } = await import('../../trust/keynote/index.js');
  const { assertions, problems } = parseAssertions(toBytes(text), where);
  const [problem] = problems;
  if (problem !== undefined)
    throw new GtpkgError('POLICY_MALFORMED', `${problem.where}: ${problem.message}`, {
      hint: 'Nothing was changed. Correct that line; gtpkg trust lint checks the file.',
      data: { path: where, line: problem.line },
    });
  return assertions;
}

/** An IndexPolicy as JSON has it. */
type Stored = Omit<IndexPolicy, 'delegations'> & {
  readonly format: 1;
  readonly delegations: readonly {
    readonly where: string;
    readonly text: string;
    readonly expires: string | null;
  }[];
};

/** What a source's trusted index says, judged now. */
export interface SourcePolicy extends SourceTerms {
  /** the trusted one */
  readonly commit: Oid;
  /** the index's own name */
  readonly distribution: string;
  /** assertions that do not count, and why */
  readonly void: IndexPolicy['void'];
}

/** @throws GtpkgError INDEX_NOT_FOUND when the source was never fetched, INDEX_CORRUPT, INDEX_MALFORMED */
export async function sourcePolicy(context: Context, source: Source): Promise<SourcePolicy> {
  const trusted = (await readStoredIndex(statePath(source)))?.trusted;
  if (trusted === undefined && (await readText(join(source.directory, 'index.json'))) !== undefined)
    return ownPolicy(context, source);
  if (trusted === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', `the index of ${source.name} was never fetched`, {
      hint: `Run gtpkg update ${source.name}.`,
    });
  const path = join(source.directory, 'policy.json');
  const kept = fromJson((await readText(path)) ?? '');
  let stored: Stored;
  if (kept?.commit === trusted.head) stored = kept;
  else {
    stored = toStored(await readPolicy(context, source, trusted));
    await writeWhole(path, `${JSON.stringify(stored)}\n`);
  }
  return terms(source.name, stored, context.now);
}

// An index that is kept here and put on a stick from here: what was signed here is its state.
async function ownPolicy(context: Context, source: Source): Promise<SourcePolicy> {
  const { headOf, openIndex, readIndexPolicy } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(source));
  return termsOf(
    source.name,
    await readIndexPolicy(repository, await headOf(repository), context.now),
    context.now,
  );
}

// A policy that cannot be read accepts nothing; what other sources offer is not touched by that.
async function readPolicy(context: Context, source: Source, trusted: TrustedState): Promise<IndexPolicy> {
  const { openIndex, readIndexPolicy } = await import('../../index-repo/index.js');
  try {
    return await readIndexPolicy(await openIndex(indexRepository(source)), trusted.head, context.now);
  } catch (error) {
    if (!(error instanceof GtpkgError) || !['LIMIT_EXCEEDED', 'INDEX_MALFORMED'].includes(error.code))
      throw error;
    const { head: commit, sequence, name } = trusted;
    const why = [{ where: 'policy', why: error.message }];
    return { commit, sequence, name, roots: [], threshold: 1, delegates: true, delegations: [], void: why };
  }
}

/** An index's policy as a source of that name would have it. */
export async function termsOf(name: string, policy: IndexPolicy, now: Date): Promise<SourcePolicy> {
  return terms(name, toStored(policy), now);
}

function toStored({ delegations, ...policy }: IndexPolicy): Stored {
  return {
    format: 1,
    ...policy,
    delegations: delegations.map(({ where, text, expires }) => ({
      where,
      text,
      expires: expires?.toISOString() ?? null,
    })),
  };
}

async function terms(name: string, stored: Stored, now: Date): Promise<SourcePolicy> {
  const { commit, sequence, roots, threshold, delegates, name: distribution } = stored;
  const good = stored.delegations.filter(({ expires }) => expires === null || new Date(expires) > now);
  const delegations: Assertion[] = [];
  if (good.length > 0) {
    const { parseAssertions } = await import('../../trust/keynote/index.js');
    for (const { where, text } of good)
      delegations.push(
        ...parseAssertions(text, where).assertions.map((assertion) => ({ ...assertion, where })),
      );
  }
  const expired = stored.delegations
    .filter((each) => !good.includes(each))
    .map(({ where }) => ({ where, why: 'the key that signed it has expired' }));
  return {
    name,
    commit,
    distribution,
    sequence,
    roots,
    threshold,
    delegates,
    delegations,
    void: [...stored.void, ...expired],
  };
}

// Our own file, and no more than a copy of what is in the index: a damaged one is as good as none.
function fromJson(text: string): Stored | undefined {
  if (text === '' || text.length > 8 * limits.MAX_POLICY) return undefined;
  try {
    const stored = JSON.parse(text) as Partial<Stored>;
    const whole =
      stored.format === 1 &&
      Array.isArray(stored.delegations) &&
      Array.isArray(stored.roots) &&
      Array.isArray(stored.void);
    return whole ? (stored as Stored) : undefined;
  } catch {
    return undefined;
  }
}

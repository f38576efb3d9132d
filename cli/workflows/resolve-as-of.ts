/**
 * `gtpkg resolve --as-of COMMIT`: the sources and the root of this home, with one index as it was at an earlier commit. That commit is an ancestor of
 * one that was verified, and so was verified itself: an index only ever goes on from what was trusted. Changes nothing.
 */
import { join } from 'node:path';
import { GtpkgError } from '../../model/errors.js';
import type { Oid } from '../../model/ids.js';
import type { Context } from '../context.js';
import { withScratch } from '../scratch.js';
import { decide, type ChangeRequest } from './decide.js';
import { openSources, type OpenSource } from './offers.js';
import { indexRepository } from './own-index.js';
import { describePlan, type ResolvedPlan } from './resolve.js';

/** Shorter ones name too many commits. */
const MIN_PREFIX = 7;

/** @throws GtpkgError USAGE, INDEX_NOT_FOUND where no index held here has the commit, and what `decide` throws */
export async function resolveAsOf(
  context: Context,
  word: string,
  request: ChangeRequest,
): Promise<ResolvedPlan> {
  if (!/^[0-9a-f]+$/.test(word) || word.length < MIN_PREFIX || word.length > 40)
    throw new GtpkgError('USAGE', `"${word.slice(0, 80)}" is no commit`, {
      hint: `Give at least ${MIN_PREFIX} hexadecimal digits, as gtpkg index log shows them.`,
    });
  const sources = await openSources(context);
  for (const each of sources) {
    const commit = await findCommit(each, word);
    if (commit === undefined) continue;
    return withScratch(context, 'asof', async (scratch) => {
      const [{ compileQuery }, { QueryFile }, { readStatus }] = await Promise.all([
        import('../../index-repo/compile-query.js'),
        import('../../index-repo/query.js'),
        import('../../installer/status.js'),
      ]);
      const path = join(scratch, 'query');
      const { architectures } = each.query.meta;
      await compileQuery(indexRepository(each.source), commit, { path, architectures });
      const query = QueryFile.open(path);
      try {
        const { plan } = await decide(context, request, {
          status: [...readStatus(context.settings.root).values()],
          sources: sources.map((one) => (one === each ? { source: one.source, query } : one)),
        });
        return describePlan(plan);
      } finally {
        query.close();
      }
    });
  }
  throw new GtpkgError('INDEX_NOT_FOUND', `no index held here has a commit ${word}`, {
    hint: 'A source that was fetched as a snapshot has no older states; gtpkg index log NAME lists those of an index kept here.',
    data: { commit: word },
  });
}

/** The commit that `word` begins, in the history of the source's compiled head as far as it is held. */
async function findCommit({ source, query }: OpenSource, word: string): Promise<Oid | undefined> {
  const { openIndex, viewIndex } = await import('../../index-repo/index.js');
  const repository = await openIndex(indexRepository(source));
  for (let oid: Oid | undefined = query.commit; oid !== undefined;) {
    if (oid.startsWith(word)) return oid;
    const parent: Oid | undefined = (await viewIndex((one) => repository.read(one), oid)).commit.parents[0];
    oid = parent !== undefined && (await repository.has(parent)) ? parent : undefined;
  }
  return undefined;
}

/** Walks the commits of a package repository, newest first. */
import { parseCommit, type CommitFields, type Repository } from '../git/index.js';
import { GtpkgError, type Oid } from '../model/index.js';

/** A commit and where it is. */
export interface FoundCommit {
  readonly oid: Oid;
  readonly fields: CommitFields;
}

/** A package with more releases on one branch than this is not one that we made. */
const MAX_HISTORY = 100_000;

/** First parents from `head` on. @throws GtpkgError OBJECT_CORRUPT, LIMIT_EXCEEDED */
export async function* commits(repository: Repository, head: Oid | undefined): AsyncGenerator<FoundCommit> {
  let count = 0;
  for (let oid = head; oid !== undefined;) {
    if (++count > MAX_HISTORY)
      throw new GtpkgError('LIMIT_EXCEEDED', `More than ${MAX_HISTORY} commits on one branch`);
    const fields = parseCommit(await repository.readType(oid, 'commit'));
    yield { oid, fields };
    oid = fields.parents[0];
  }
}

/** The newest commit that fits. */
export async function findCommit(
  repository: Repository,
  head: Oid | undefined,
  fits: (commit: CommitFields) => boolean,
): Promise<FoundCommit | undefined> {
  for await (const commit of commits(repository, head)) if (fits(commit.fields)) return commit;
  return undefined;
}

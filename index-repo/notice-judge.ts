/**
 * Whether a notice of an index is worth keeping and passing on: is it signed by a root of what is known here? docs/formats/notices.md §5.
 *
 * Everybody may send notices; only roots can make them. What a notice brings is judged anew, and strictly, by whoever uses it.
 */
import { GtpkgError, type Introduction, type Oid } from '../model/index.js';
import type { GitObject } from '../git/objects.js';
import { Repository } from '../git/repository.js';
import type { PublicKey } from '../trust/index.js';
import { unpack, type Objects } from './held-objects.js';
import { openCommit, type OpenedCommit } from './index-commit.js';
import { MAIN, keyFilesOf, viewIndex } from './index-view.js';
import { keysNamed, parseKeyFile } from './key-files.js';
import { decodeNotice, type Notice } from './notice.js';
import { commitStatement, cosignStatements, verifyStatement } from './signers.js';

/** What is known here. */
export interface NoticeContext {
  readonly dir: string;
  readonly introduction: Introduction;
  readonly now: Date;
  /** other notices of the index that are kept */
  readonly kept: readonly Uint8Array[];
}

/**
 * Passes for proposals, co-signatures of kept proposals and moves that stand on what is known here and bear a root's signature; evidence is
 * judged by evidence.ts.
 * @throws GtpkgError when it is not worth keeping
 */
export async function judgeNotice(bytes: Uint8Array, context: NoticeContext): Promise<Notice> {
  const notice = decodeNotice(bytes);
  const objects = await unpack(notice.pack);
  const repository = await Repository.open(context.dir).catch(() => undefined);
  const knows = async (oid: Oid | undefined): Promise<boolean> =>
    oid !== undefined && (await repository?.has(oid)) === true;
  // who has moved already goes on telling those who have not
  if (notice.kind === 'moved' && (await knows(notice.commit))) return notice;
  const base = notice.kind === 'moved' && (await knows(notice.parent)) ? notice.parent : undefined;
  const { keys, head } = await rootKeys(context, objects, base);
  if (notice.kind === 'cosignature') {
    const commits = [...objects.values(), ...(await keptCommits(context.kept))]
      .filter(isCommit)
      .map(openCommit);
    const tags = [...objects.values()].filter(({ type }) => type === 'tag');
    for (const commit of commits)
      if (await isCosigned(commit, tags, { keys, now: context.now })) return notice;
    throw refused('it is no co-signature of what is proposed');
  }
  if (head !== undefined && (notice.parent !== head.oid || notice.sequence <= head.message.sequence))
    throw refused('it does not stand on what is known here');
  const commits = [...objects.values()].filter(isCommit).map(openCommit);
  const first = commits.find((commit) => head === undefined || commit.parents[0] === head.oid);
  if (first === undefined || !commits.some((commit) => commit.oid === notice.commit))
    throw refused('its commits are not there');
  await verifyStatement(commitStatement(first), keys, { now: context.now });
  return notice;
}

const isCommit = ({ type }: GitObject): boolean => type === 'commit';

async function isCosigned(
  commit: OpenedCommit,
  tags: readonly GitObject[],
  { keys, now }: { keys: readonly PublicKey[]; now: Date },
): Promise<boolean> {
  for (const statement of cosignStatements(commit, tags)) {
    try {
      if ((await verifyStatement(statement, keys, { now })) === statement.claimed) return true;
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
    }
  }
  return false;
}

async function keptCommits(kept: readonly Uint8Array[]): Promise<GitObject[]> {
  const out: GitObject[] = [];
  for (const bytes of kept) {
    const notice = decodeNotice(bytes);
    if (notice.kind === 'proposal') out.push(...(await unpack(notice.pack)).values());
  }
  return out;
}

// Roots of the newest state known here, and those that a kept proposal would make roots; of an index with no state yet, the introduction's.
async function rootKeys(
  { dir, introduction, kept }: NoticeContext,
  objects: Objects,
  base: Oid | undefined,
): Promise<{ keys: PublicKey[]; head: OpenedCommit | undefined }> {
  const repository = await Repository.open(dir).catch(() => undefined);
  const main = base ?? (await repository?.resolveRef(MAIN));
  if (repository === undefined || main === undefined) {
    const all = new Map(objects);
    for (const bytes of kept)
      for (const [oid, object] of await unpack(decodeNotice(bytes).pack)) all.set(oid, object);
    const lookup = (oid: Oid): GitObject | undefined => all.get(oid);
    const commit = [...all.values()]
      .filter(isCommit)
      .map(openCommit)
      .find(({ tree }) => all.has(tree));
    return {
      keys: commit === undefined ? [] : await keysNamed(commit, introduction.roots, lookup),
      head: undefined,
    };
  }
  const view = await viewIndex((oid) => repository.read(oid), main);
  const files = await keyFilesOf((oid) => repository.read(oid), view);
  const keys: PublicKey[] = [];
  for (const root of view.authorizations.roots) {
    const blob = files.get(root);
    if (blob !== undefined) keys.push(await parseKeyFile(root, await repository.readType(blob, 'blob')));
  }
  return { keys, head: view.commit };
}

function refused(why: string): GtpkgError {
  return new GtpkgError('NOTICE_MALFORMED', `The notice is of no use here: ${why}`);
}

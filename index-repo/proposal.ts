/**
 * Proposals: pending commits on their way to the other roots, and their co-signatures on the way back. docs/formats/notices.md §2, §3.
 */
import { GtpkgError, type CoreRef, type Introduction, type Oid } from '../model/index.js';
import { parseCommit, type GitObject } from '../git/objects.js';
import { Repository } from '../git/repository.js';
import { DigestFile } from './digest-file.js';
import { countChanges } from './entry-changes.js';
import { unpack, type Objects } from './held-objects.js';
import { openCommit } from './index-commit.js';
import { MAIN, PENDING, openIndex, viewIndex } from './index-view.js';
import { decodeNotice, encodeNotice, type Notice } from './notice.js';
import { computeIds } from './object-ids.js';
import { collectSnapshot, collectUpdate, packObjects } from './packs.js';
import { pendingCommits, pendingLine, takeCosignatures, type PendingCommit } from './pending.js';
import { groupTags } from './signers.js';
import { reader } from './walk.js';

/** Packs above this travel as a static core. */
const MAX_INLINE = 192 * 1024;

/**
 * What is pending in `dir`, with all signatures that it has, as a notice; undefined when nothing is.
 * @param putCore - keeps bytes as a static core (Depot.putStaticBytes)
 */
export async function encodeProposal(
  dir: string,
  putCore: (bytes: Uint8Array) => Promise<CoreRef>,
): Promise<Buffer | undefined> {
  const repository = await openIndex(dir);
  const { base, commits } = await pendingLine(repository);
  const [first, tip] = [commits[0], commits.at(-1)];
  if (first === undefined || tip === undefined) return undefined;
  const parent = base ?? parseCommit((await repository.read(first)).body).parents[0];
  const objects =
    parent === undefined
      ? (await collectSnapshot(repository, tip)).objects
      : await collectUpdate(repository, parent, tip);
  const { message } = openCommit(await repository.read(tip));
  const head = {
    kind: 'proposal' as const,
    commit: tip,
    ...(parent === undefined ? {} : { parent }),
    sequence: message.sequence,
  };
  return encodeNotice({ ...head, ...(await encodeParts(objects, putCore)) });
}

/** Objects as a notice carries them: whoever passes it on sees who signed it, whoever looks at it fetches the rest. */
export async function encodeParts(
  objects: Objects,
  putCore: (bytes: Uint8Array) => Promise<CoreRef>,
): Promise<Pick<Notice, 'pack' | 'cores'>> {
  const whole = await packObjects(objects);
  if (whole.length <= MAX_INLINE) return { pack: whole };
  const [signed, rest]: [Objects, Objects] = [new Map(), new Map()];
  for (const [oid, object] of objects)
    (object.type === 'commit' || object.type === 'tag' ? signed : rest).set(oid, object);
  return { pack: await packObjects(signed), cores: [await putCore(await packObjects(rest))] };
}

/** Co-signatures as a notice. @param tags - of commits that lead to `commit` */
export async function encodeCosignatures(
  { commit, sequence }: Pick<PendingCommit, 'commit' | 'sequence'>,
  tags: Objects,
): Promise<Buffer> {
  return encodeNotice({ kind: 'cosignature', commit, sequence, pack: await packObjects(tags) });
}

/** What takeProposal works on. */
export interface ProposalOptions {
  /** the repository that holds what is trusted; made when nothing is yet */
  readonly dir: string;
  readonly introduction: Introduction;
  readonly now: Date;
  readonly fetchCore: (core: CoreRef) => Promise<Uint8Array>;
}

/**
 * Takes a proposal from anywhere into a repository, as what is pending there. It is checked as an update is, but for the number of
 * signatures, and must stand on what is trusted; every changed shard is read strictly. Nothing is signed and nothing becomes trusted.
 * @returns what is pending then; undefined when the proposal is one of the past
 * @throws GtpkgError INDEX_NOT_DESCENDANT when what it stands on is not known here; as TrustedIndex.update
 */
export async function takeProposal(
  bytes: Uint8Array,
  options: ProposalOptions,
): Promise<readonly PendingCommit[] | undefined> {
  const notice = decodeNotice(bytes);
  if (notice.kind !== 'proposal')
    throw new GtpkgError(
      'NOTICE_MALFORMED',
      `A notice of the kind ${notice.kind} where a proposal is expected`,
    );
  const { dir, introduction, now } = options;
  const repository = await Repository.init(dir);
  const main = await repository.resolveRef(MAIN);
  if (main !== undefined && (await isPast(repository, main, notice))) return undefined;
  // index.md §12: on the published head, or an anchor where nothing is published
  if (main !== undefined && notice.parent !== main)
    throw new GtpkgError(
      'INDEX_NOT_DESCENDANT',
      `The proposal ${notice.commit} does not stand on what is known here`,
      {
        hint: 'Run gtpkg update, then try again.',
        data: { parent: notice.parent ?? null, known: main },
      },
    );
  const objects = await unpackNotice(notice, options.fetchCore);
  const before = await repository.resolveRef(PENDING);
  const digests = await DigestFile.load(dir);
  const read = reader(repository, objects);
  const head = await viewIndex(read, notice.commit);
  const base = notice.parent === undefined ? undefined : openCommit(await read(notice.parent)).tree;
  await countChanges(read, base, { tree: head.commit.tree, suites: head.distribution.suites });
  await repository.importPack(objects.values());
  await digests.add(computeIds(objects, digests));
  const groups = groupTags([...objects.values()].filter(({ type }) => type === 'tag'));
  try {
    await repository.writeRef(PENDING, notice.commit);
    const pending = await pendingCommits(dir, { introduction, now });
    await takeCosignatures(dir, [...groups.values()].flat(), { introduction, now });
    return pending.length === 0 ? undefined : await pendingCommits(dir, { introduction, now });
  } catch (error) {
    if (before === undefined) await repository.deleteRef(PENDING);
    else await repository.writeRef(PENDING, before);
    throw error;
  }
}

/** The objects of a notice's pack. @throws GtpkgError PACK_MALFORMED, LIMIT_EXCEEDED, and what `fetchCore` throws */
export async function unpackNotice(
  { pack, cores = [] }: Notice,
  fetchCore: ProposalOptions['fetchCore'],
): Promise<Objects> {
  const objects = await unpack(pack);
  for (const core of cores)
    for (const [oid, object] of await unpack(await fetchCore(core))) objects.set(oid, object);
  return objects;
}

/** The co-signature tags in a notice; of another kind it has none. @throws GtpkgError NOTICE_MALFORMED, PACK_MALFORMED, … */
export async function cosignaturesIn(bytes: Uint8Array): Promise<readonly GitObject[]> {
  const notice = decodeNotice(bytes);
  if (notice.kind !== 'cosignature') return [];
  return [...(await unpack(notice.pack)).values()].filter(({ type }) => type === 'tag');
}

async function isPast(repository: Repository, main: Oid, { commit, sequence }: Notice): Promise<boolean> {
  const { message } = openCommit(await repository.read(main));
  return commit === main || sequence <= message.sequence;
}

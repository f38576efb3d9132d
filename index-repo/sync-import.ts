/**
 * The second half of a sync: packs in, verdict, and only then anything written. docs/formats/index.md §8, §10.
 */
import { dirname } from 'node:path';
import { GtpkgError, limits, type Introduction, type Oid } from '../model/index.js';
import { parseCommit, type GitObject } from '../git/objects.js';
import { readPack } from '../git/pack.js';
import { Repository } from '../git/repository.js';
import { completeDigests, DigestFile } from './digest-file.js';
import { parseAuthorizations, sameAuthorizations } from './documents.js';
import { countChanges, type EntryCounts } from './entry-changes.js';
import { openCommit } from './index-commit.js';
import { allCosignatures } from './evidence.js';
import { readEvidence, rejectedBy, type Evidence } from './evidence-file.js';
import { holdCommit } from './held-objects.js';
import { MAIN } from './index-view.js';
import { ObjectHeap, type ObjectSet } from './object-heap.js';
import { computeIds, type Ids256 } from './object-ids.js';
import type { TrustedState } from './state.js';
import type { SyncPlan } from './sync-plan.js';
import { keepEvidence, storeAll, type LineLink, type Objects } from './sync-store.js';
import { TrustedIndex } from './trusted-index.js';
import { findPath, reader, type Read } from './walk.js';

/** What is to be judged. */
export interface ImportOptions {
  readonly dir: string;
  readonly statePath: string;
  readonly introduction: Introduction;
  readonly now: Date;
  readonly known: TrustedState | undefined;
  readonly plan: SyncPlan;
  /** the bytes of each record's pack, in order */
  readonly packs: () => AsyncIterable<AsyncIterable<Uint8Array> | Uint8Array>;
}

/** What came of it. */
export interface Imported {
  readonly trusted: TrustedState;
  readonly entries: EntryCounts;
}

/** Judges the packs of a plan and stores what they bring. @throws GtpkgError as syncIndex; nothing is written then */
export async function importPlan(options: ImportOptions): Promise<Imported> {
  const objects = new ObjectHeap(dirname(options.statePath));
  try {
    const tags = await readPacks(options.packs(), objects);
    return await judge(options, objects, tags);
  } finally {
    objects.close();
  }
}

async function judge(options: ImportOptions, objects: ObjectHeap, tags: GitObject[]): Promise<Imported> {
  const { dir, introduction, known, plan, now } = options;
  const repository = await openExisting(dir);
  const digests = await DigestFile.load(dir);
  const held: Objects = new Map();
  const lookup = (oid: Oid): GitObject | undefined => objects.get(oid) ?? held.get(oid);
  const read = reader(repository, objects);
  let trusted = TrustedIndex.start(introduction);
  if (repository !== undefined && known !== undefined) {
    await holdCommit(repository, known.head, { held });
    const tree = openCommit(held.get(known.head) as GitObject).tree;
    await completeDigests(repository, digests, tree);
    trusted = await TrustedIndex.restore(known, lookup, digests);
  }
  const fresh = computeIds(objects, digests);
  // what is stored already is what will be used, so its ids win
  const ids: Ids256 = { get: (oid) => digests.get(oid) ?? fresh.get(oid) };
  let links = await lineOf(plan.newest.commit, trusted.head?.commit, objects, repository);
  if (trusted.head === undefined) links = await fromAnchor(links, plan.newest.anchor, introduction, read);
  const parted =
    trusted.head !== undefined && links[0]?.oid !== trusted.head.commit && repository !== undefined
      ? await holdAncestors(repository, trusted, links, held)
      : undefined;
  const cosignatures = parted === undefined ? tags : await allCosignatures(repository, [parted], tags);
  const before = trusted.head;
  const decided = await readEvidence(options.statePath);
  refuseRejected(decided, links);
  const commits = links.map((link) => link.object);
  try {
    trusted = await trusted.update({ commits, cosignatures, lookup, ids, now });
  } catch (error) {
    if (known !== undefined) await keepEvidence({ ...options, known }, error, { read, tags: cosignatures });
    throw error;
  }
  const head = trusted.head;
  const state = trusted.toJSON();
  const newest = links.at(-1);
  if (head === undefined || state === undefined || newest === undefined || head.commit !== newest.oid)
    throw missing(plan.newest.commit);
  // index.md §8.2: a client that lost its repository still goes only forward
  if (known !== undefined && before === undefined) requirePassed(links, known);
  if (known === undefined) requireAccepted(decided, links);
  // index.md §5, over the objects that will be used: every one below the head
  if (ids.get(head.tree) !== openCommit(newest.object).message.tree)
    throw new GtpkgError(
      'INDEX_CORRUPT',
      'The tree of the index is not the one that was signed (Tree-SHA256 differs)',
      { hint: 'What is known was kept. If it stays so, remove the source and add it again.' },
    );
  const entries = await countChanges(read, before?.tree, head);
  await storeAll({ dir, objects, links, tags, fresh, ids, repository, digests, previous: before?.commit });
  return { trusted: state, entries };
}

// Gives the tags among them.
async function readPacks(
  packs: AsyncIterable<AsyncIterable<Uint8Array> | Uint8Array>,
  objects: ObjectHeap,
): Promise<GitObject[]> {
  const tags: GitObject[] = [];
  let total = 0;
  for await (const pack of packs) {
    const bounds = {
      maxObjects: limits.MAX_PACK_OBJECTS - objects.size,
      maxObjectSize: limits.MAX_SHARD,
      maxTotal: limits.MAX_INDEX_UNPACKED - total,
    };
    for await (const { oid, type, body } of readPack(pack, bounds)) {
      total += body.length;
      if (!objects.has(oid) && type === 'tag') tags.push({ type, body });
      objects.add(oid, { type, body });
    }
  }
  return tags;
}

async function openExisting(dir: string): Promise<Repository | undefined> {
  try {
    const repository = await Repository.open(dir);
    return (await repository.resolveRef(MAIN)) === undefined ? undefined : repository;
  } catch (error) {
    if (error instanceof GtpkgError && error.code === 'FILE_NOT_FOUND') return undefined;
    throw error;
  }
}

// Commits from `tip` back to `stop`, or as far as they are at hand; oldest first.
async function lineOf(
  tip: Oid,
  stop: Oid | undefined,
  objects: Pick<ObjectSet, 'get'>,
  repository: Repository | undefined,
): Promise<LineLink[]> {
  const links: LineLink[] = [];
  for (let oid: Oid | undefined = tip; oid !== undefined;) {
    const object: GitObject | undefined =
      objects.get(oid) ?? ((await repository?.has(oid)) === true ? await repository?.read(oid) : undefined);
    if (object === undefined) break;
    if (object.type !== 'commit' || links.length > limits.MAX_UPDATE_COMMITS)
      throw new GtpkgError(
        'INDEX_MALFORMED',
        'The index is malformed: its line of commits is broken or too long',
      );
    const { tree, parents } = parseCommit(object.body);
    links.push({ oid, object, tree, parents });
    if (oid === stop) break;
    oid = parents[0];
  }
  if (links.length === 0) throw missing(tip);
  return links.reverse();
}

// index.md §7: where a new client begins: at the commit that the log names if it fits the introduction, else at the oldest
// that fits. Whether it deserves trust is the trust machine's to say.
async function fromAnchor(
  links: LineLink[],
  named: Oid,
  introduction: Introduction,
  read: Read,
): Promise<LineLink[]> {
  const seen = new Map<Oid, boolean>();
  let oldest = -1;
  for (const [i, { oid, tree }] of links.entries()) {
    if (!(await fits(tree, introduction, read, seen))) continue;
    if (oid === named) return links.slice(i);
    if (oldest < 0) oldest = i;
  }
  return links.slice(
    oldest >= 0
      ? oldest
      : Math.max(
          0,
          links.findIndex(({ oid }) => oid === named),
        ),
  );
}

async function fits(
  tree: Oid,
  introduction: Introduction,
  read: Read,
  seen: Map<Oid, boolean>,
): Promise<boolean> {
  try {
    const entry = await findPath(read, tree, 'authorizations');
    if (entry === undefined) return false;
    const known =
      seen.get(entry.oid) ??
      sameAuthorizations(parseAuthorizations((await read(entry.oid)).body), introduction);
    seen.set(entry.oid, known);
    return known;
  } catch (error) {
    // upstream's commits before a fork need not be whole
    if (error instanceof GtpkgError) return false;
    throw error;
  }
}

// For a line that does not continue ours: our own commits, so that the machine can tell old, forked and foreign ones apart. Gives the first
// of ours that the other line has not.
async function holdAncestors(
  repository: Repository,
  trusted: TrustedIndex,
  links: readonly LineLink[],
  held: Objects,
): Promise<Oid | undefined> {
  const ours = new Set<Oid>();
  const own = await lineOf(trusted.head?.commit as Oid, trusted.head?.anchor, new Map(), repository);
  for (const { oid, object } of own) {
    ours.add(oid);
    held.set(oid, object);
  }
  const parent = links.find(({ oid }) => !ours.has(oid))?.parents[0];
  if (parent === undefined || !ours.has(parent)) return undefined;
  const roots = await holdCommit(repository, parent, { held });
  await holdCommit(repository, trusted.head?.commit as Oid, { held, more: roots });
  return own[own.findIndex(({ oid }) => oid === parent) + 1]?.oid;
}

// index.md §9: what the user has decided against is not followed, whoever signs more of it.
function refuseRejected(evidence: readonly Evidence[], links: readonly LineLink[]): void {
  const rejected = rejectedBy(evidence);
  const wrong = links.find(({ oid }) => rejected.has(oid));
  if (wrong === undefined) return;
  throw new GtpkgError(
    'INDEX_NOT_DESCENDANT',
    `The index offered goes on from ${wrong.oid}, which you decided against`,
    { hint: 'What is known was kept.', data: { rejected: wrong.oid } },
  );
}

// index.md §9: who chose the history that was not known here begins anew, and only on a line that passes through the choice.
function requireAccepted(evidence: readonly Evidence[], links: readonly LineLink[]): void {
  for (const { accepted, sides } of evidence) {
    const side = sides.find(({ commit }) => commit === accepted);
    if (side === undefined) continue;
    const passed = links.find(({ oid }) => oid === accepted);
    if (passed !== undefined && openCommit(passed.object).sha256 === side.sha256) continue;
    throw new GtpkgError(
      'INDEX_NOT_DESCENDANT',
      `The index offered does not pass through ${accepted}, which you decided for`,
      { hint: 'Try again when other peers are there.', data: { accepted } },
    );
  }
}

function requirePassed(links: readonly LineLink[], known: TrustedState): void {
  const passed = links.find(({ oid }) => oid === known.head);
  if (passed !== undefined && openCommit(passed.object).sha256 === known.headSha256) return;
  throw new GtpkgError(
    'INDEX_NOT_DESCENDANT',
    `The index offered does not continue the state ${known.sequence} that is trusted`,
    { data: { known: known.head } },
  );
}

function missing(oid: Oid): GtpkgError {
  return new GtpkgError('INDEX_CORRUPT', `The index commit ${oid} is not in the packs that bring it`, {
    data: { oid, missing: true },
  });
}

/**
 * Proof that roots signed two histories: made where it is found, judged by whoever is told. docs/formats/index.md §9, notices.md §4.
 *
 * A proof is two commits on one parent (or two anchors), their co-signatures, and the tops of their trees as far as the parent's differs. It
 * counts only where the parent is trusted, and both pass the same checks that an update passes.
 */
import { GtpkgError, parseIntroduction, type Oid } from '../model/index.js';
import { parseCommit, type GitObject } from '../git/objects.js';
import type { Repository } from '../git/repository.js';
import { anchorLink, nextLink, trustedLink, type Link, type Step } from './chain-link.js';
import { DigestFile } from './digest-file.js';
import { judgeParting } from './divergence.js';
import type { Evidence, Side } from './evidence-file.js';
import { cosignaturesOf, holdCommit, topObjects, unpack, type Objects } from './held-objects.js';
import { openCommit, type OpenedCommit } from './index-commit.js';
import { openIndex } from './index-view.js';
import { decodeNotice, encodeNotice } from './notice.js';
import { packObjects } from './packs.js';
import { groupTags } from './signers.js';
import type { TrustedState } from './state.js';
import type { Read } from './walk.js';

/** Two commits that part, and where their objects are. */
export interface Parted {
  readonly commits: readonly [Oid, Oid];
  readonly sequence: number;
  /** the trusted commit that both follow; absent: both are anchors */
  readonly parent?: Oid | undefined;
  readonly read: Read;
  /** raw co-signature tags of both */
  readonly tags: Iterable<GitObject>;
}

/** The proof as it travels. @throws GtpkgError LIMIT_EXCEEDED when it is too large for that; OBJECT_CORRUPT */
export async function encodeEvidence(parted: Parted): Promise<Buffer> {
  const { read, sequence, parent } = parted;
  const [commit, other] = [...parted.commits].sort() as [Oid, Oid];
  const tree = parent === undefined ? undefined : parseCommit((await read(parent)).body).tree;
  const objects: Objects = new Map([
    ...(await topObjects(read, commit, tree)),
    ...(await topObjects(read, other, tree)),
  ]);
  const groups = groupTags([...parted.tags]);
  const { hashObject } = await import('../git/objects.js');
  for (const tag of [commit, other].flatMap((oid) => groups.get(oid) ?? []))
    objects.set(hashObject('tag', tag.body), tag);
  return encodeNotice({
    kind: 'equivocation',
    commit,
    other,
    ...(parent === undefined ? {} : { parent }),
    sequence,
    pack: await packObjects(objects),
  });
}

/** What the two commits of a proof say that they change; nothing is judged. @throws GtpkgError NOTICE_MALFORMED, … */
export async function readProof(
  bytes: Uint8Array,
): Promise<ReadonlyMap<Oid, { readonly changes: readonly string[]; readonly date: Date }>> {
  const notice = decodeNotice(bytes);
  const objects = await unpack(notice.pack);
  return new Map(
    [...objects]
      .filter(([, { type }]) => type === 'commit')
      .map(([oid, object]) => {
        const { message, committed } = openCommit(object);
        return [oid, { changes: message.changes, date: committed }];
      }),
  );
}

/** What a proof is judged on: what is trusted here. */
export interface Judge {
  /** the client's repository */
  readonly dir: string;
  readonly known: TrustedState;
  readonly now: Date;
}

/**
 * Judges a proof from anywhere.
 * @throws GtpkgError NOTICE_MALFORMED, INDEX_NOT_DESCENDANT and others when it proves nothing to who trusts `known`
 */
export async function judgeEvidence(bytes: Uint8Array, { dir, known, now }: Judge): Promise<Evidence> {
  const notice = decodeNotice(bytes);
  if (notice.kind !== 'equivocation' || notice.other === undefined) throw proves('it is no proof');
  const objects = await unpack(notice.pack);
  const commitOf = (oid: Oid): OpenedCommit => {
    const object = objects.get(oid);
    if (object === undefined) throw proves(`${oid} is missing`);
    return openCommit(object);
  };
  const [a, b] = [commitOf(notice.commit), commitOf(notice.other)];
  // index.md §9: two different commits with one number, on one parent
  if (a.oid >= b.oid || a.parents[0] !== b.parents[0]) throw proves('its commits do not part from one');
  const repository = await openIndex(dir);
  const held: Objects = new Map();
  const lookup = (oid: Oid): GitObject | undefined => objects.get(oid) ?? held.get(oid);
  const tags = groupTags([...objects.values()].filter(({ type }) => type === 'tag'));
  const step: Step = { lookup, ids: await DigestFile.load(dir), now, tags, whole: false };
  const { parent } = notice;
  if (parent !== undefined && (parent !== a.parents[0] || !(await isTrusted(repository, known, parent))))
    throw proves('what its commits part from is not trusted here');
  const base = parent === undefined ? undefined : await baseLink(repository, { parent, known, held, step });
  const introduction = parseIntroduction(known.introduction);
  const believe = (commit: OpenedCommit): Promise<Link> =>
    base === undefined ? anchorLink(introduction, commit, step) : nextLink(base, commit, step);
  const links = [await believe(a), await believe(b)] as const;
  if (links[0].top.distribution.sequence !== links[1].top.distribution.sequence)
    throw proves('its commits have two numbers');
  if (base !== undefined) {
    const tips = [openCommit(held.get(known.head) as GitObject), a, b];
    const verdict = await judgeParting({ base, ours: a, theirs: b, tips }, step);
    if (verdict !== 'equivocation') throw proves('one of its commits was signed with keys that were revoked');
  }
  const side = ({ commit, signers }: Link): Side => ({
    commit: commit.oid,
    sha256: commit.sha256,
    signers: [...signers].sort(),
  });
  return {
    sequence: links[0].top.distribution.sequence,
    sides: [side(links[0]), side(links[1])],
    proof: Buffer.from(bytes).toString('base64'),
    found: now.toISOString(),
    accepted: null,
  };
}

async function baseLink(
  repository: Repository,
  { parent, known, held, step }: { parent: Oid; known: TrustedState; held: Objects; step: Step },
): Promise<Link> {
  const roots = await holdCommit(repository, parent, { held });
  await holdCommit(repository, known.head, { held, more: roots });
  return trustedLink(openCommit(held.get(parent) as GitObject), step.lookup, step.ids);
}

// Whether a commit is the trusted head or one before it, down to the anchor.
async function isTrusted(repository: Repository, known: TrustedState, wanted: Oid): Promise<boolean> {
  for (let oid: Oid | undefined = known.head; oid !== undefined;) {
    if (oid === wanted) return true;
    if (oid === known.anchor || !(await repository.has(oid))) return false;
    oid = parseCommit((await repository.read(oid)).body).parents[0];
  }
  return false;
}

/** Everything that the own repository has of a commit's co-signatures, beside those that came. */
export async function allCosignatures(
  repository: Repository | undefined,
  commits: readonly Oid[],
  came: readonly GitObject[],
): Promise<GitObject[]> {
  const own =
    repository === undefined ? [] : await Promise.all(commits.map((oid) => cosignaturesOf(repository, oid)));
  return [...came, ...own.flatMap((tags) => [...tags.values()])];
}

function proves(why: string): GtpkgError {
  return new GtpkgError('NOTICE_MALFORMED', `What was told of two histories proves nothing: ${why}`);
}

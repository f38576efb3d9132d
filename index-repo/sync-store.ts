/**
 * What a sync writes once the trust machine has agreed. docs/formats/index.md §10.
 */
import { GtpkgError, type Fingerprint, type Oid, type Sha256 } from '../model/index.js';
import type { GitObject } from '../git/objects.js';
import { Repository, type WriteItem } from '../git/repository.js';
import type { DigestFile } from './digest-file.js';
import { encodeEvidence, judgeEvidence } from './evidence.js';
import { addEvidence, type Side } from './evidence-file.js';
import { openCommit } from './index-commit.js';
import { MAIN } from './index-view.js';
import type { ObjectSet } from './object-heap.js';
import type { Ids256 } from './object-ids.js';
import { cosignStatements, groupTags } from './signers.js';
import type { TrustedState } from './state.js';
import { reader, walkTree, type Read } from './walk.js';

/** Objects in memory by id. */
export type Objects = Map<Oid, GitObject>;

/** A commit of a line, taken apart as far as the line needs. */
export interface LineLink {
  readonly oid: Oid;
  readonly object: GitObject;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
}

/** What is written. */
export interface StoreOptions {
  readonly dir: string;
  readonly objects: ObjectSet;
  readonly links: readonly LineLink[];
  readonly tags: readonly GitObject[];
  readonly fresh: ReadonlyMap<Oid, Sha256>;
  readonly ids: Ids256;
  readonly repository: Repository | undefined;
  readonly digests: DigestFile;
  readonly previous: Oid | undefined;
}

/** index.md §10: objects, ids, co-signatures, shallow, branch; each step harmless without the next. The state file comes after. */
export async function storeAll(options: StoreOptions): Promise<void> {
  const { objects, links, tags, fresh, ids, digests, previous } = options;
  const needed = new Map<Oid, WriteItem>();
  // read once more when it is written: a whole distribution is not held in memory
  const need = (oid: Oid, { type, body }: GitObject): void => {
    needed.set(oid, { oid, type, size: body.length, content: () => (objects.get(oid) as GitObject).body });
  };
  const refs = new Map<string, Oid>();
  const groups = groupTags(tags);
  for (const { oid, object, tree } of links) {
    needed.set(oid, { oid, type: 'commit', size: object.body.length, content: () => object.body });
    for await (const walked of walkTree(
      reader(undefined, objects),
      tree,
      (id) => objects.has(id) && !needed.has(id),
    ))
      need(walked.oid, walked.object);
    const commit = openCommit(object);
    for (const { claimed, tag } of cosignStatements(commit, groups.get(oid) ?? [])) {
      if (claimed === undefined || tag === undefined) continue;
      need(tag, objects.get(tag) as GitObject);
      refs.set(`refs/tags/cosign/${oid}/${claimed}`, tag);
    }
  }
  const repository = options.repository ?? (await Repository.init(options.dir));
  await repository.writeObjects(needed.values());
  await digests.add(new Map([...fresh].filter(([oid]) => needed.has(oid))));
  for (const [ref, oid] of refs) await repository.writeRef(ref, oid);
  // commits before this one have no suites here: plain git must not look for them
  let whole = links.length - 1;
  while (whole > 0 && ids.get((links[whole - 1] as LineLink).tree) !== undefined) whole--;
  const oldest = links[whole] as LineLink;
  if (oldest.oid !== previous) await repository.setShallow(oldest.parents.length === 0 ? [] : [oldest.oid]);
  await repository.writeRef(MAIN, (links.at(-1) as LineLink).oid);
}

/** What an INDEX_EQUIVOCATION says. */
interface Parting {
  readonly sequence: number;
  readonly known: Oid;
  readonly offered: Oid;
  readonly parent: Oid | null;
}

/** What evidence is kept of. */
interface Witness {
  readonly dir: string;
  readonly statePath: string;
  readonly known: TrustedState;
  readonly now: Date;
}

/**
 * index.md §9: keeps the proof of an INDEX_EQUIVOCATION beside the state, as others will be shown it; other errors pass. From then on the
 * source is not used until the user decides.
 */
export async function keepEvidence(
  witness: Witness,
  error: unknown,
  { read, tags }: { read: Read; tags: readonly GitObject[] },
): Promise<void> {
  if (!(error instanceof GtpkgError) || error.code !== 'INDEX_EQUIVOCATION') return;
  const { sequence, known, offered, parent } = error.data as unknown as Parting;
  try {
    const parting = { sequence, parent: parent ?? undefined };
    const bytes = await encodeEvidence({ commits: [known, offered], ...parting, read, tags });
    await addEvidence(witness.statePath, await judgeEvidence(bytes, witness));
  } catch (cause) {
    if (!(cause instanceof GtpkgError)) throw cause;
    // too large to travel, say: it stops this client all the same
    const side = async (commit: Oid): Promise<Side> => {
      const { sha256 } = openCommit(await read(commit));
      return { commit, sha256, signers: commit === offered ? (error.data['signers'] as Fingerprint[]) : [] };
    };
    const sides = [await side(known), await side(offered)].sort((a, b) => (a.commit < b.commit ? -1 : 1));
    const found = witness.now.toISOString();
    await addEvidence(witness.statePath, {
      ...{ sequence, sides: sides as [Side, Side], proof: '', found, accepted: null },
    });
  }
}

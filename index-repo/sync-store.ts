/**
 * What a sync writes once the trust machine has agreed. docs/formats/index.md §10.
 */
import { GtpkgError, type Oid, type Sha256 } from '../model/index.js';
import type { GitObject } from '../git/objects.js';
import { writeAtomically } from '../git/io.js';
import { Repository } from '../git/repository.js';
import type { DigestFile } from './digest-file.js';
import { openCommit } from './index-commit.js';
import { MAIN } from './index-view.js';
import type { Ids256 } from './object-ids.js';
import { cosignStatements, groupTags } from './signers.js';
import { reader, walkTree } from './walk.js';

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
  readonly objects: Objects;
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
  const needed: Objects = new Map();
  const refs = new Map<string, Oid>();
  const groups = groupTags(tags);
  for (const { oid, object, tree } of links) {
    needed.set(oid, object);
    for await (const walked of walkTree(
      reader(undefined, objects),
      tree,
      (id) => objects.has(id) && !needed.has(id),
    ))
      needed.set(walked.oid, walked.object);
    const commit = openCommit(object);
    for (const { claimed, tag } of cosignStatements(commit, groups.get(oid) ?? [])) {
      if (claimed === undefined || tag === undefined) continue;
      needed.set(tag, objects.get(tag) as GitObject);
      refs.set(`refs/tags/cosign/${oid}/${claimed}`, tag);
    }
  }
  const repository = options.repository ?? (await Repository.init(options.dir));
  await repository.importPack(needed.values());
  await digests.add(new Map([...fresh].filter(([oid]) => needed.has(oid))));
  for (const [ref, oid] of refs) await repository.writeRef(ref, oid);
  // commits before this one have no suites here: plain git must not look for them
  let whole = links.length - 1;
  while (whole > 0 && ids.get((links[whole - 1] as LineLink).tree) !== undefined) whole--;
  const oldest = links[whole] as LineLink;
  if (oldest.oid !== previous) await repository.setShallow(oldest.parents.length === 0 ? [] : [oldest.oid]);
  await repository.writeRef(MAIN, (links.at(-1) as LineLink).oid);
}

/** index.md §9: keeps the two commits of an INDEX_EQUIVOCATION beside the state; other errors pass. */
export async function keepEvidence(
  statePath: string,
  error: unknown,
  lookup: (oid: Oid) => GitObject | undefined,
): Promise<void> {
  if (!(error instanceof GtpkgError) || error.code !== 'INDEX_EQUIVOCATION') return;
  const raw = (oid: unknown): string | undefined => lookup(oid as Oid)?.body.toString('base64');
  const { sequence, known, offered, signers } = error.data;
  const evidence = {
    format: 1,
    sequence,
    signers,
    known: { oid: known, commit: raw(known) },
    offered: { oid: offered, commit: raw(offered) },
  };
  await writeAtomically(`${statePath}.equivocation`, (handle) =>
    handle.writeFile(`${JSON.stringify(evidence, null, 1)}\n`),
  );
}

/**
 * What travels in an index core's packs: which objects an update or a snapshot is made of. docs/formats/index-core.md §3.
 */
import { GtpkgError, type Oid } from '../model/index.js';
import { parseCommit, parseTree, type GitObject } from '../git/objects.js';
import { writePack } from '../git/pack.js';
import type { Repository } from '../git/repository.js';
import { isAnchor, viewIndex } from './index-view.js';
import { readTree, walkTree, type Read } from './walk.js';

/** Objects by id, in the order in which they are packed. */
export type Objects = Map<Oid, GitObject>;

/**
 * What a holder of `from` needs to have `to`: commits, co-signatures, and what their trees have that their parents' lack.
 * @throws GtpkgError INDEX_NOT_DESCENDANT when `to` does not continue `from`
 */
export async function collectUpdate(repository: Repository, from: Oid, to: Oid): Promise<Objects> {
  const read: Read = (oid) => repository.read(oid);
  const commits = await lineage(read, to, (oid) => oid === from);
  const base = commits.shift();
  if (base === undefined || base.oid !== from) {
    throw new GtpkgError('INDEX_NOT_DESCENDANT', `The index commit ${to} does not continue ${from}`, {
      data: { from, to },
    });
  }
  const objects: Objects = new Map(commits.map(({ oid, object }) => [oid, object]));
  await addCosignatures(repository, objects);
  let before = base.tree;
  for (const { tree } of commits) {
    await addNew(read, before, tree, objects);
    before = tree;
  }
  return ordered(objects);
}

/**
 * What a new client needs: everything at `commit`, and from its anchor on every commit with the top of its tree (no suites),
 * so that the whole line of signatures can be checked.
 */
export async function collectSnapshot(
  repository: Repository,
  commit: Oid,
): Promise<{ objects: Objects; anchor: Oid }> {
  const read: Read = (oid) => repository.read(oid);
  const commits = await lineage(read, commit, async (oid) => isAnchor(await viewIndex(read, oid)));
  const anchor = commits[0]?.oid ?? commit;
  const objects: Objects = new Map(commits.map(({ oid, object }) => [oid, object]));
  await addCosignatures(repository, objects);
  for (const { oid, tree } of commits) {
    const top = await read(tree);
    objects.set(tree, top);
    for (const entry of parseTree(top.body)) {
      if (entry.name === 'suites' && oid !== commit) continue;
      for await (const walked of walkTree(read, entry.oid, (id) => !objects.has(id)))
        objects.set(walked.oid, walked.object);
    }
  }
  return { objects: ordered(objects), anchor };
}

/** The pack of these objects. */
export async function packObjects(objects: Objects): Promise<Buffer> {
  const items = [...objects.values()].map(({ type, body }) => ({
    type,
    size: body.length,
    content: () => body,
  }));
  const parts: Buffer[] = [];
  for await (const part of writePack(items)) parts.push(part);
  return Buffer.concat(parts);
}

/** A commit of a line, with its tree. */
export interface Link {
  readonly oid: Oid;
  readonly object: GitObject;
  readonly tree: Oid;
}

/** Commits from the one where `stop` holds (or the oldest) to `tip`, oldest first. */
export async function lineage(
  read: Read,
  tip: Oid,
  stop: (oid: Oid) => boolean | Promise<boolean>,
): Promise<Link[]> {
  const links: Link[] = [];
  for (let oid: Oid | undefined = tip; oid !== undefined;) {
    const object = await read(oid);
    const { tree, parents } = parseCommit(object.body);
    links.push({ oid, object, tree });
    if (await stop(oid)) break;
    oid = parents[0];
  }
  return links.reverse();
}

/** Co-signature tags of a commit are the refs below this. */
export const COSIGN = 'refs/tags/cosign/';

async function addCosignatures(repository: Repository, objects: Objects): Promise<void> {
  for (const [ref, oid] of await repository.listRefs(COSIGN)) {
    if (objects.has(ref.slice(COSIGN.length).split('/')[0] as Oid))
      objects.set(oid, await repository.read(oid));
  }
}

// What is below `after` and not in the same place below `before`.
async function addNew(read: Read, before: Oid | undefined, after: Oid, objects: Objects): Promise<void> {
  if (before === after || objects.has(after)) return;
  objects.set(after, await read(after));
  const old = before === undefined ? [] : await readTree(read, before);
  const held = new Set(old.map((entry) => entry.oid));
  for (const entry of await readTree(read, after)) {
    if (held.has(entry.oid) || objects.has(entry.oid)) continue;
    if (entry.mode !== '40000') objects.set(entry.oid, await read(entry.oid));
    else
      await addNew(
        read,
        old.find(({ name, mode }) => name === entry.name && mode === '40000')?.oid,
        entry.oid,
        objects,
      );
  }
}

const ORDER = { commit: 0, tag: 1, tree: 2, blob: 3 } as const;

function ordered(objects: Objects): Objects {
  return new Map([...objects].sort(([, a], [, b]) => ORDER[a.type] - ORDER[b.type]));
}

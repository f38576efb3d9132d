/**
 * Objects of the own repository, read ahead for the trust machine, which looks things up and does not wait. Also what of two trees
 * differs at the top, for packs that prove something without the suites.
 */
import { limits, type Fingerprint, type Oid } from '../model/index.js';
import { parseTree, type GitObject } from '../git/objects.js';
import { readPack } from '../git/pack.js';
import type { Repository } from '../git/repository.js';
import { openCommit } from './index-commit.js';
import { keyFilesOf, viewIndex } from './index-view.js';
import { COSIGN } from './packs.js';
import { readTree, walkTree, type Read } from './walk.js';

/** Objects in memory by id. */
export type Objects = Map<Oid, GitObject>;

/** A pack in memory, ids computed. @throws GtpkgError PACK_MALFORMED, LIMIT_EXCEEDED, OBJECT_CORRUPT */
export async function unpack(bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<Objects> {
  const objects: Objects = new Map();
  const bounds = {
    maxObjects: limits.MAX_INDEX_KEYS * 2,
    maxObjectSize: limits.MAX_SHARD,
    maxTotal: limits.MAX_NOTICE_UNPACKED,
  };
  for await (const { oid, type, body } of readPack(bytes, bounds)) objects.set(oid, { type, body });
  return objects;
}

/**
 * Puts a commit into `held` with what the trust machine looks at: the top of its tree and its roots' keys.
 * @param more - other keys to hold, where they are there
 */
export async function holdCommit(
  repository: Repository,
  commit: Oid,
  { held, more = [] }: { held: Objects; more?: readonly Fingerprint[] },
): Promise<readonly Fingerprint[]> {
  const read: Read = async (oid) => {
    const object = await repository.read(oid);
    held.set(oid, object);
    return object;
  };
  const view = await viewIndex(read, commit);
  const keys = await keyFilesOf(read, view);
  const { roots } = view.authorizations;
  for (const fingerprint of new Set([...roots, ...more])) {
    const blob = keys.get(fingerprint);
    if (blob !== undefined) await read(blob);
  }
  return roots;
}

/** The co-signature tags that are kept of a commit. */
export async function cosignaturesOf(repository: Repository, commit: Oid): Promise<Objects> {
  const tags: Objects = new Map();
  for (const oid of (await repository.listRefs(`${COSIGN}${commit}/`)).values())
    tags.set(oid, await repository.read(oid));
  return tags;
}

/**
 * The objects at the top of a commit's tree that `base` has not: all but suites. What cannot be read is left out.
 * @param base - tree to compare with
 */
export async function topObjects(read: Read, commit: Oid, base: Oid | undefined): Promise<Objects> {
  const objects: Objects = new Map();
  const object = await read(commit);
  objects.set(commit, object);
  const { tree } = openCommit(object);
  const known = new Set<Oid>();
  if (base !== undefined) {
    for (const entry of await readTree(read, base)) {
      known.add(entry.oid);
      if (entry.name === 'keys')
        for (const key of parseTree((await read(entry.oid)).body)) known.add(key.oid);
    }
  }
  const top = await read(tree);
  objects.set(tree, top);
  for (const entry of parseTree(top.body)) {
    if (entry.name === 'suites') continue;
    for await (const walked of walkTree(read, entry.oid, (oid) => !known.has(oid) && !objects.has(oid)))
      objects.set(walked.oid, walked.object);
  }
  return objects;
}

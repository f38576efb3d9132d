/** The id that a tree in a SHA-1 repository has under git's SHA-256 object format: every blob is read and hashed again. */
import {
  BlobHasher,
  encodeTree256,
  hashObject256,
  parseTree,
  type Repository,
  type TreeEntry256,
} from '../git/index.js';
import { limits, GtpkgError, type Oid, type Sha256 } from '../model/index.js';

/** @throws GtpkgError OBJECT_CORRUPT when an object is damaged or missing */
export async function treeId256(repository: Repository, tree: Oid): Promise<Sha256> {
  const known = new Map<Oid, Sha256>();
  const blob = async (oid: Oid): Promise<Sha256> => {
    const { size, content } = await repository.stream(oid);
    const hasher = new BlobHasher(size);
    for await (const chunk of content()) hasher.update(chunk);
    return hasher.digest().oid256;
  };
  const walk = async (oid: Oid, depth: number): Promise<Sha256> => {
    if (depth > limits.MAX_PATH_DEPTH + 2) throw new GtpkgError('LIMIT_EXCEEDED', 'A tree is too deep');
    const entries: TreeEntry256[] = [];
    for (const { mode, name, oid: child } of parseTree(await repository.readType(oid, 'tree'))) {
      const oid256 =
        known.get(child) ?? (mode === '40000' ? await walk(child, depth + 1) : await blob(child));
      known.set(child, oid256);
      entries.push({ mode, name, oid256 });
    }
    return hashObject256('tree', encodeTree256(entries));
  };
  return walk(tree, 0);
}

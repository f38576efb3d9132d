/**
 * Changes files below a tree: reads and writes only the trees on the way. Empty trees vanish, as git has none.
 */
import type { Oid } from '../model/index.js';
import { encodeTree, hashObject, type GitObject, type TreeEntry } from '../git/objects.js';
import { readTree, type Read } from './walk.js';

interface Node {
  readonly files: Map<string, Oid | undefined>;
  readonly directories: Map<string, Node>;
}

const node = (): Node => ({ files: new Map(), directories: new Map() });

/**
 * @param tree - the tree to start from; undefined for an empty one
 * @param edits - path → blob, or undefined to remove the file
 * @returns the new tree (undefined when it is empty); new tree objects are put into `objects`
 */
export async function editTree(
  read: Read,
  tree: Oid | undefined,
  edits: ReadonlyMap<string, Oid | undefined>,
  objects: Map<Oid, GitObject>,
): Promise<Oid | undefined> {
  const top = node();
  for (const [path, oid] of edits) {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let at = top;
    for (const part of parts) {
      const next = at.directories.get(part) ?? node();
      at.directories.set(part, next);
      at = next;
    }
    at.files.set(name, oid);
  }
  return apply(read, tree, top, objects);
}

async function apply(
  read: Read,
  tree: Oid | undefined,
  changes: Node,
  objects: Map<Oid, GitObject>,
): Promise<Oid | undefined> {
  const entries = new Map<string, TreeEntry>(
    (tree === undefined ? [] : await readTree(read, tree)).map((entry) => [entry.name, entry]),
  );
  for (const [name, oid] of changes.files) {
    if (oid === undefined) entries.delete(name);
    else entries.set(name, { mode: '100644', name, oid });
  }
  for (const [name, below] of changes.directories) {
    const old = entries.get(name);
    const oid = await apply(read, old?.mode === '40000' ? old.oid : undefined, below, objects);
    if (oid === undefined) entries.delete(name);
    else entries.set(name, { mode: '40000', name, oid });
  }
  if (entries.size === 0) return undefined;
  const body = encodeTree(entries.values());
  const oid = hashObject('tree', body);
  if (oid !== tree) objects.set(oid, { type: 'tree', body });
  return oid;
}

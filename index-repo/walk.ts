/**
 * Walks over the trees of an index repository: what is below a tree, what a tree has that another has not.
 */
import { GtpkgError, limits, type Oid } from '../model/index.js';
import { parseTree, type GitObject, type TreeEntry } from '../git/objects.js';
import type { Repository } from '../git/repository.js';

/** Reads objects by id: a repository, or objects that are only in memory yet. */
export type Read = (oid: Oid) => Promise<GitObject> | GitObject;

/** One object below a tree. */
export interface Walked {
  /** '' for the tree itself */
  readonly path: string;
  readonly oid: Oid;
  readonly object: GitObject;
}

/** Objects in memory first, then the repository. */
export function reader(
  repository: Repository | undefined,
  objects?: { get(oid: Oid): GitObject | undefined },
): Read {
  return (oid) => {
    const object = objects?.get(oid);
    if (object !== undefined) return object;
    if (repository !== undefined) return repository.read(oid);
    throw new GtpkgError('OBJECT_CORRUPT', `The object ${oid} is missing`, { data: { oid, missing: true } });
  };
}

/** The entries of a tree. @throws GtpkgError OBJECT_CORRUPT */
export async function readTree(read: Read, oid: Oid): Promise<TreeEntry[]> {
  const { type, body } = await read(oid);
  if (type !== 'tree') throw new GtpkgError('OBJECT_CORRUPT', `The object ${oid} is a ${type}, not a tree`);
  return parseTree(body);
}

/**
 * Every object below `tree` and itself, trees before their contents, each once.
 * @param wanted - objects that it refuses are skipped with all that is below them
 */
export async function* walkTree(
  source: Repository | Read,
  tree: Oid,
  wanted: (oid: Oid) => boolean = () => true,
): AsyncGenerator<Walked> {
  const read: Read = typeof source === 'function' ? source : (oid) => source.read(oid);
  const seen = new Set<Oid>();
  const stack: { path: string; oid: Oid; depth: number }[] = [{ path: '', oid: tree, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { path, oid, depth } = next;
    if (seen.has(oid) || !wanted(oid)) continue;
    seen.add(oid);
    if (depth > limits.MAX_PATH_DEPTH)
      throw new GtpkgError('LIMIT_EXCEEDED', 'The index has trees that are nested too deep');
    const object = await read(oid);
    yield { path, oid, object };
    if (object.type !== 'tree') continue;
    for (const entry of parseTree(object.body).reverse()) {
      stack.push({
        path: path === '' ? entry.name : `${path}/${entry.name}`,
        oid: entry.oid,
        depth: depth + 1,
      });
    }
  }
}

/** A file that differs between two trees; an id is absent where the file is. */
export interface FileChange {
  readonly path: string;
  readonly before?: Oid;
  readonly after?: Oid;
}

/** Files (not directories) that differ between two trees, equal subtrees skipped. */
export async function* diffFiles(
  read: Read,
  before: Oid | undefined,
  after: Oid | undefined,
  prefix = '',
): AsyncGenerator<FileChange> {
  if (before === after) return;
  const old = new Map(
    (before === undefined ? [] : await readTree(read, before)).map((entry) => [entry.name, entry]),
  );
  const entries = after === undefined ? [] : await readTree(read, after);
  const fresh = new Map(entries.map((entry) => [entry.name, entry]));
  for (const name of [...new Set([...old.keys(), ...fresh.keys()])].sort()) {
    const [a, b] = [old.get(name), fresh.get(name)];
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const [treeA, treeB] = [a?.mode === '40000' ? a.oid : undefined, b?.mode === '40000' ? b.oid : undefined];
    if (treeA !== treeB) yield* diffFiles(read, treeA, treeB, path);
    const [fileA, fileB] = [
      a?.mode === '40000' ? undefined : a?.oid,
      b?.mode === '40000' ? undefined : b?.oid,
    ];
    if (fileA !== fileB) {
      yield {
        path,
        ...(fileA === undefined ? {} : { before: fileA }),
        ...(fileB === undefined ? {} : { after: fileB }),
      };
    }
  }
}

/** The id at `path` below a tree; undefined when there is nothing. */
export async function findPath(read: Read, tree: Oid, path: string): Promise<TreeEntry | undefined> {
  let entry: TreeEntry | undefined;
  let current: Oid = tree;
  const parts = path.split('/');
  for (const [i, name] of parts.entries()) {
    entry = (await readTree(read, current)).find((child) => child.name === name);
    if (entry === undefined || (i < parts.length - 1 && entry.mode !== '40000')) return undefined;
    current = entry.oid;
  }
  return entry;
}

/**
 * The trees of a release: from manifest and blob ids to git trees, in both object formats, and back.
 * docs/formats/release.md. Pure.
 */
import {
  decodeGitName,
  encodeGitName,
  encodeTrees,
  hashBlob,
  hashObject,
  hashObject256,
  parseTree,
  type GitObject,
  type TreeEntry,
  type TreeMode,
} from '../git/index.js';
import {
  GtpkgError,
  isSafePath,
  joinPath,
  parentPath,
  pathToText,
  type Manifest,
  type ManifestEntry,
  type Oid,
  type Sha256,
} from '../model/index.js';

/** A blob's ids in both object formats. */
export interface BlobIds {
  readonly oid: Oid;
  readonly oid256: Sha256;
}

/** A tree that was built: its ids, and its body and those of all trees below it, itself first. */
export interface BuiltTree {
  readonly oid: Oid;
  readonly oid256: Sha256;
  readonly trees: readonly GitObject[];
}

/** One name in a tree that is to be built. */
export interface Node extends BlobIds {
  readonly mode: TreeMode;
  readonly name: string;
}

/** Git's mode for an entry that has a place in `data/`. */
export function blobMode(entry: ManifestEntry): TreeMode {
  if (entry.type === 'l') return '120000';
  return (entry.mode & 0o100) === 0 ? '100644' : '100755';
}

/** Entries that have a place in `data/`: files, their further names, symbolic links. */
export function isInTree(entry: ManifestEntry): boolean {
  return entry.type === 'f' || entry.type === 'h' || entry.type === 'l';
}

/** A tree of these names, without what lies below. */
export function buildTree(nodes: readonly Node[]): BuiltTree {
  const { body, body256 } = encodeTrees(nodes);
  return {
    oid: hashObject('tree', body),
    oid256: hashObject256('tree', body256),
    trees: [{ type: 'tree', body }],
  };
}

/**
 * The `data/` tree. Directories without files have no tree; undefined when nothing has one.
 * @param ids - of every file's contents (type `f`), by its entry
 */
export function buildDataTree(
  manifest: Manifest,
  ids: (file: ManifestEntry) => BlobIds,
): BuiltTree | undefined {
  const files = new Map<string, BlobIds>();
  const directories = new Map<string, { nodes: Node[]; below: string[] }>();
  const place = (path: string): { nodes: Node[]; below: string[] } => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const made = { nodes: [], below: [] };
    directories.set(path, made);
    if (path !== '') place(parentPath(path)).below.push(path);
    return made;
  };
  for (const entry of manifest) {
    if (!isInTree(entry)) continue;
    const found =
      entry.type === 'f' ? ids(entry) : entry.type === 'h' ? files.get(entry.link ?? '') : linkIds(entry);
    if (found === undefined) throw new GtpkgError('INTERNAL', `no contents for ${pathToText(entry.path)}`);
    if (entry.type === 'f') files.set(entry.path, found);
    place(parentPath(entry.path)).nodes.push({ ...found, mode: blobMode(entry), name: gitName(entry.path) });
  }
  const build = (path: string): BuiltTree => {
    const { nodes, below } = place(path);
    const subtrees = below.map((child) => ({ child, tree: build(child) }));
    const built = buildTree([
      ...nodes,
      ...subtrees.map(({ child, tree }) => ({
        mode: '40000' as const,
        name: gitName(child),
        oid: tree.oid,
        oid256: tree.oid256,
      })),
    ]);
    return { ...built, trees: [...built.trees, ...subtrees.flatMap(({ tree }) => tree.trees)] };
  };
  return directories.size === 0 ? undefined : build('');
}

function gitName(path: string): string {
  return encodeGitName(path.slice(path.lastIndexOf('/') + 1));
}

function linkIds(entry: ManifestEntry): BlobIds {
  return hashBlob(Buffer.from(entry.link ?? '', 'latin1'));
}

/** A blob found below `data/`. */
export interface DataBlob {
  readonly mode: TreeMode;
  readonly oid: Oid;
}

/**
 * Walks a `data/` tree as far as `manifest` allows: what it does not name is refused where it is met, so no tree can be
 * larger than the manifest that describes it.
 * @returns the blobs by path
 * @param read - gives a tree's body, throws when it is not there
 * @throws GtpkgError RELEASE_MALFORMED, OBJECT_CORRUPT
 */
export async function readDataTree(
  root: Oid | undefined,
  manifest: Manifest,
  read: (oid: Oid) => Promise<Buffer>,
): Promise<ReadonlyMap<string, DataBlob>> {
  const expected = new Map<string, ManifestEntry>();
  for (const entry of manifest) if (isInTree(entry)) expected.set(entry.path, entry);
  const directories = new Set<string>();
  for (const path of expected.keys()) {
    for (
      let parent: string = parentPath(path);
      parent !== '' && !directories.has(parent);
      parent = parentPath(parent)
    )
      directories.add(parent);
  }
  const blobs = new Map<string, DataBlob>();
  const walk = async (oid: Oid, at: string): Promise<void> => {
    const below: TreeEntry[] = [];
    for (const entry of parseTree(await read(oid))) {
      const path = joinPath(at, decodeName(entry.name));
      if (entry.mode === '40000') {
        if (!directories.has(path)) throw differs(path);
        below.push(entry);
        continue;
      }
      const named = expected.get(path);
      if (named === undefined || blobMode(named) !== entry.mode) throw differs(path);
      blobs.set(path, { mode: entry.mode, oid: entry.oid });
    }
    for (const entry of below.sort((a, b) => compareDecoded(a, b)))
      await walk(entry.oid, joinPath(at, decodeName(entry.name)));
  };
  if (root !== undefined) await walk(root, '');
  if (blobs.size !== expected.size)
    throw differs([...expected.keys()].find((path) => !blobs.has(path)) ?? '');
  for (const [path, entry] of expected) checkLinks(path, entry, blobs);
  return blobs;
}

// the order in which buildDataTree meets directories: that of the manifest's paths
function compareDecoded(a: TreeEntry, b: TreeEntry): number {
  const x = `${decodeName(a.name)}/`;
  const y = `${decodeName(b.name)}/`;
  return x < y ? -1 : x > y ? 1 : 0;
}

function checkLinks(path: string, entry: ManifestEntry, blobs: ReadonlyMap<string, DataBlob>): void {
  const oid = blobs.get(path)?.oid;
  if (entry.type === 'l' && oid !== linkIds(entry).oid) throw differs(path);
  if (entry.type === 'h' && oid !== blobs.get(entry.link ?? '')?.oid) throw differs(path);
}

function decodeName(name: string): string {
  try {
    const decoded = decodeGitName(name);
    if (isSafePath(decoded)) return decoded;
  } catch (cause) {
    throw new GtpkgError(
      'RELEASE_MALFORMED',
      `data/ holds the name "${pathToText(name)}", which is not in its encoded form`,
      { cause },
    );
  }
  throw differs(name);
}

function differs(path: string): GtpkgError {
  return new GtpkgError(
    'RELEASE_MALFORMED',
    `The tree and the manifest of the release differ at "${pathToText(path)}"`,
    {
      data: { path: pathToText(path) },
    },
  );
}

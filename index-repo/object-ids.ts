/**
 * The ids that objects have under git's SHA-256 object format, computed from the bytes of the objects. Pure.
 *
 * Trees name their children by SHA-1; their SHA-256 form names them by SHA-256. So a map from SHA-1 id to SHA-256 id
 * is kept of every object whose bytes were hashed here, and an update hashes only what is new. The map never comes
 * from outside: with a SHA-1 collision the bytes that are held decide, and the signed Tree-SHA256 exposes the other ones.
 */
import { GtpkgError, limits, type Oid, type Sha256 } from '../model/index.js';
import { encodeTree256, hashObject256, parseTree, type GitObject, type TreeEntry } from '../git/objects.js';

/** SHA-256 ids by SHA-1 id, of objects whose bytes were seen. */
export interface Ids256 {
  get(oid: Oid): Sha256 | undefined;
}

/** Raw commit objects are chained by the SHA-256 of their bytes as they are (`Parent-SHA256`). */
export function commit256(body: Uint8Array): Sha256 {
  return hashObject256('commit', body);
}

/** Id of a tree whose children's ids are all known; undefined when one is not. */
export function tree256(entries: readonly TreeEntry[], ids: Ids256): Sha256 | undefined {
  const mapped = [];
  for (const { mode, name, oid } of entries) {
    const oid256 = ids.get(oid);
    if (oid256 === undefined) return undefined;
    mapped.push({ mode, name, oid256 });
  }
  return hashObject256('tree', encodeTree256(mapped));
}

/**
 * Ids of all blobs among `objects`, and of all trees whose contents are among `objects` or `known`.
 * @param known - wins over `objects`: what is stored already is what counts
 * @throws GtpkgError OBJECT_CORRUPT for malformed trees, LIMIT_EXCEEDED for trees nested too deep
 */
export function computeIds(
  objects: Iterable<readonly [Oid, GitObject]> & { get(oid: Oid): GitObject | undefined },
  known: Ids256,
): Map<Oid, Sha256> {
  const fresh = new Map<Oid, Sha256>();
  const ids: Ids256 = { get: (oid) => known.get(oid) ?? fresh.get(oid) };
  const trees: Oid[] = [];
  for (const [oid, { type, body }] of objects) {
    if (type === 'tree') trees.push(oid);
    if (type === 'blob' && known.get(oid) === undefined) fresh.set(oid, hashObject256('blob', body));
  }
  const unknown = new Set<Oid>();
  const visit = (oid: Oid, depth: number): void => {
    if (ids.get(oid) !== undefined || unknown.has(oid)) return;
    const object = objects.get(oid);
    if (object?.type !== 'tree') return void unknown.add(oid);
    if (depth > limits.MAX_PATH_DEPTH)
      throw new GtpkgError('LIMIT_EXCEEDED', 'The index has trees that are nested too deep');
    const entries = parseTree(object.body);
    for (const entry of entries) if (entry.mode === '40000') visit(entry.oid, depth + 1);
    const id = tree256(entries, ids);
    if (id === undefined) unknown.add(oid);
    else fresh.set(oid, id);
  };
  for (const oid of trees) visit(oid, 0);
  return fresh;
}

/**
 * Git trees, written in git's order and read strictly: what parseTree accepts, `git fsck --strict` accepts, and
 * encodeTree(parseTree(x)) = x. Names are byte strings.
 */
import { GtpkgError, type Oid, type Sha256 } from '../model/index.js';
import { isGitName } from './names.js';

/** file, executable file, symbolic link, directory; gitlinks have no place here */
export type TreeMode = '100644' | '100755' | '120000' | '40000';

export interface TreeEntry {
  readonly mode: TreeMode;
  /** one component, one byte per character */
  readonly name: string;
  readonly oid: Oid;
}

/** The same entry under git's SHA-256 object format. */
export interface TreeEntry256 {
  readonly mode: TreeMode;
  readonly name: string;
  readonly oid256: Sha256;
}

// Git compares a directory as if its name ended in '/'.
const sortKey = (entry: { mode: TreeMode; name: string }): string =>
  entry.mode === '40000' ? `${entry.name}/` : entry.name;

interface Named {
  readonly mode: TreeMode;
  readonly name: string;
}

function inOrder<E extends Named>(entries: Iterable<E>): E[] {
  const sorted = [...entries]
    .map((entry) => ({ entry, key: sortKey(entry) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const names = new Set<string>();
  return sorted.map(({ entry }) => {
    if (!isGitName(entry.name) || names.has(entry.name))
      throw corrupt(`a tree cannot hold the name "${entry.name.slice(0, 80)}" here`);
    names.add(entry.name);
    return entry;
  });
}

/** @param size - bytes of an id, which is given in hex */
function encode<E extends Named>(sorted: readonly E[], size: number, id: (entry: E) => string): Buffer {
  const length = sorted.reduce((sum, { mode, name }) => sum + mode.length + name.length + 2 + size, 0);
  const body = Buffer.allocUnsafe(length);
  let at = 0;
  for (const entry of sorted) {
    at += body.write(`${entry.mode} ${entry.name}\0`, at, 'latin1');
    at += body.write(id(entry), at, size, 'hex');
  }
  if (at !== length) throw corrupt('an id in a tree has another length');
  return body;
}

/** A tree's body. @throws GtpkgError OBJECT_CORRUPT for names that git refuses or that stand twice */
export function encodeTree(entries: Iterable<TreeEntry>): Buffer {
  return encode(inOrder(entries), 20, (entry) => entry.oid);
}

/** A tree's body under the SHA-256 object format; hash it with hashObject256. @throws as encodeTree */
export function encodeTree256(entries: Iterable<TreeEntry256>): Buffer {
  return encode(inOrder(entries), 32, (entry) => entry.oid256);
}

/** A tree's body in both formats. @throws as encodeTree */
export function encodeTrees(entries: Iterable<TreeEntry & TreeEntry256>): {
  readonly body: Buffer;
  readonly body256: Buffer;
} {
  const sorted = inOrder(entries);
  return { body: encode(sorted, 20, ({ oid }) => oid), body256: encode(sorted, 32, ({ oid256 }) => oid256) };
}

const MODES: ReadonlySet<string> = new Set(['100644', '100755', '120000', '40000']);

/**
 * A tree's entries, in git's order.
 * @throws GtpkgError OBJECT_CORRUPT for any other spelling: modes, order, repeated or refused names, cut short
 */
export function parseTree(body: Uint8Array): TreeEntry[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const entries: TreeEntry[] = [];
  const names = new Set<string>();
  let previous = '';
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at);
    const nul = space < 0 ? -1 : bytes.indexOf(0, space);
    if (nul < 0 || nul + 21 > bytes.length) throw corrupt('a tree is cut short');
    const mode = bytes.toString('latin1', at, space);
    const name = bytes.toString('latin1', space + 1, nul);
    if (!MODES.has(mode)) throw corrupt(`a tree entry has the mode "${mode.slice(0, 12)}"`);
    if (!isGitName(name)) throw corrupt(`a tree entry has the name "${name.slice(0, 80)}"`);
    const entry: TreeEntry = {
      mode: mode as TreeMode,
      name,
      oid: bytes.toString('hex', nul + 1, nul + 21) as Oid,
    };
    const key = sortKey(entry);
    if (previous >= key || names.has(name)) throw corrupt('tree entries are out of order or stand twice');
    previous = key;
    names.add(name);
    entries.push(entry);
    at = nul + 21;
  }
  return entries;
}

function corrupt(message: string): GtpkgError {
  return new GtpkgError('OBJECT_CORRUPT', message);
}

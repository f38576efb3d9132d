/** What a repair does to something that stays in its place: owner, permissions, extended attributes. Reads the disk, changes nothing. */
import type { Xattr } from '../model/xattr.js';
import type { Disk } from './disk.js';
import type { Change } from './operations.js';
import type { Owners } from './owners.js';
import type { Item } from './repair-plan.js';

/** Who knows how it is to be. */
export interface LightContext {
  readonly disk: Disk;
  readonly owners: Owners;
  /** the extended attributes of the item that can be set */
  readonly xattrs: () => readonly Xattr[] | undefined;
}

/** The change; undefined: it is not there any more, or what is wrong with it cannot be set. @throws the system's errors */
export function lightChange(
  { at, entry, kinds }: Item,
  { disk, owners, xattrs }: LightContext,
): Change | undefined {
  const stats = disk.lstat(at);
  if (stats === undefined) return undefined;
  const { mode, uid, gid } = owners.attributes(entry);
  // scripts give directories away, and verify does not mind: only their permissions are put back
  const own = entry.type === 'd' ? { uid: stats.uid, gid: stats.gid } : { uid, gid };
  const before = { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  const after = { mode, ...own };
  const kept = entry.xattrs === undefined ? [] : (xattrs() ?? []);
  const there = disk.xattrs(
    at,
    kept.map(({ name }) => name),
  );
  const differs = there?.some(({ value }, i) => value !== kept[i]?.value) === true;
  if (!differs && kinds.every((kind) => kind === 'xattr')) return undefined;
  if (kept.length === 0 || there === undefined) return { kind: 'attributes', path: at, before, after };
  return {
    kind: 'attributes',
    path: at,
    before: { ...before, xattrs: there },
    after: { ...after, xattrs: kept },
  };
}

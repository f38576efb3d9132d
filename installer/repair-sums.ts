/**
 * dpkg that joined when a file was not as signed has no MD5 for it (dpkg-database.ts): when the file is as signed again, there is one.
 */
import type { BytePath } from '../model/bytes.js';
import { digestsAt } from './digests.js';
import type { Disk } from './disk.js';
import { DPKG_DIR } from './diversions.js';
import { infoName, UNKNOWN_MD5 } from './dpkg-text.js';
import { grouped, type Item } from './repair-plan.js';
import { quietly, Walk } from './walk.js';

/** A file of dpkg's database with its new contents. */
export interface NewSums {
  readonly name: string;
  readonly at: BytePath;
  readonly bytes: Buffer;
}

/** The lists of sums that change. @param places - where the repaired files are staged @throws the system's errors */
export function newSums(
  disk: Disk,
  items: readonly Item[],
  places: ReadonlyMap<Item, { readonly staged: BytePath }>,
): NewSums[] {
  const walk = new Walk((at) => disk.look(at), disk.root === '/');
  return [...grouped(items, (item) => item.pkg)].flatMap(([pkg, all]): NewSums[] => {
    const at = quietly(walk, `${DPKG_DIR}/info/${infoName(pkg)}.md5sums`);
    if (at === undefined || disk.lstat(at)?.isFile() !== true) return [];
    const text = disk.read(at).toString('latin1');
    let next = text;
    for (const item of all) {
      const staged = places.get(item)?.staged;
      const line = `${UNKNOWN_MD5}  ${item.entry.path}\n`;
      if (staged === undefined || item.entry.type === 'l' || !next.includes(line)) continue;
      const md5 = digestsAt(disk, staged, ['md5'])?.[0] ?? UNKNOWN_MD5;
      next = next.replace(line, () => `${md5}  ${item.entry.path}\n`);
    }
    return next === text ? [] : [{ name: pkg.name, at, bytes: Buffer.from(next, 'latin1') }];
  });
}

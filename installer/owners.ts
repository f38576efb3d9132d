/**
 * Users and groups of a manifest as numbers of the root: by name where the root's own passwd and group know it,
 * else the number in the manifest. Like dpkg, which asks the target's database.
 */
import { pathToBytes } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import type { ManifestEntry, Owner } from '../model/manifest.js';
import type { Attributes, Disk } from './disk.js';
import { Walk } from './walk.js';

/** Looks names up; reads each file once. */
export class Owners {
  readonly #disk: Disk;
  #users: ReadonlyMap<string, number> | undefined;
  #groups: ReadonlyMap<string, number> | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Permissions, owner and time that an entry is to have on disk. */
  attributes(entry: ManifestEntry): Attributes & { readonly mtime: number } {
    this.#users ??= this.#table('etc/passwd');
    this.#groups ??= this.#table('etc/group');
    const uid = number(entry.owner, this.#users);
    const gid = number(entry.group, this.#groups);
    // A set-uid program that belongs to somebody else than the manifest says would lend that user's rights.
    const mode = this.#disk.asRoot || entry.type === 'd' ? entry.mode : entry.mode & ~0o6000;
    return { mode, uid, gid, mtime: entry.mtime };
  }

  #table(path: string): ReadonlyMap<string, number> {
    const table = new Map<string, number>();
    try {
      const walk = new Walk((at) => this.#disk.look(at), this.#disk.root === '/');
      for (const line of this.#disk
        .read(walk.directory('etc') + path.slice(3))
        .toString('utf8')
        .split('\n')) {
        const [name, , id] = line.split(':');
        if (name !== undefined && /^\d{1,10}$/.test(id ?? '') && !table.has(name))
          table.set(name, Number(id));
      }
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ROOT_OBSTRUCTED' && code !== 'EACCES')
        throw error;
    }
    return table;
  }
}

function number(owner: Owner, table: ReadonlyMap<string, number>): number {
  return owner.id === 0 && owner.name === 'root' ? 0 : (table.get(owner.name) ?? owner.id);
}

/** True for bytes that are no UTF-8 in a name: programs that take text arguments cannot be given it. */
export function isText(path: string): boolean {
  return pathToBytes(path).toString('utf8').includes('\ufffd') === false;
}

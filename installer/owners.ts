/**
 * Users and groups of a manifest as numbers of the root: by name where the root's own passwd and group know it,
 * else the number in the manifest. Like dpkg, which asks the target's database. What the administrator laid down with dpkg-statoverride
 * stands above the manifest.
 */
import { pathToBytes } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import type { ManifestEntry, Owner } from '../model/manifest.js';
import type { Attributes, Disk } from './disk.js';
import { readStatOverrides, type StatOverride } from './diversions.js';
import { Walk } from './walk.js';

/** Looks names up; reads each file once. */
export class Owners {
  readonly #disk: Disk;
  #users: ReadonlyMap<string, number> | undefined;
  #groups: ReadonlyMap<string, number> | undefined;
  #overrides: ReadonlyMap<string, StatOverride> | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Permissions, owner and time that an entry is to have on disk. */
  attributes(entry: ManifestEntry): Attributes & { readonly mtime: number } {
    this.#users ??= this.#table('etc/passwd');
    this.#groups ??= this.#table('etc/group');
    this.#overrides ??= readStatOverrides(this.#disk);
    const override = entry.type === 'l' ? undefined : this.#overrides.get(entry.path);
    const uid = numberOf(override?.user, this.#users) ?? number(entry.owner, this.#users);
    const gid = numberOf(override?.group, this.#groups) ?? number(entry.group, this.#groups);
    const wanted = override?.mode ?? entry.mode;
    // A set-uid program that belongs to somebody else than the manifest says would lend that user's rights.
    const mode = this.#disk.asRoot || entry.type === 'd' ? wanted : wanted & ~0o6000;
    return { mode, uid, gid, mtime: entry.mtime };
  }

  /** Whether an override speaks of this path. */
  isOverridden(path: string): boolean {
    this.#overrides ??= readStatOverrides(this.#disk);
    return this.#overrides.has(path);
  }

  /** To be read again: a script may have changed the tables. */
  forget(): void {
    this.#users = this.#groups = this.#overrides = undefined;
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

// dpkg-statoverride: a name, or # and a number
function numberOf(text: string | undefined, table: ReadonlyMap<string, number>): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'root') return 0;
  return /^#\d{1,9}$/.test(text) ? Number(text.slice(1)) : table.get(text);
}

/** True for bytes that are no UTF-8 in a name: programs that take text arguments cannot be given it. */
export function isText(path: string): boolean {
  return pathToBytes(path).toString('utf8').includes('\ufffd') === false;
}

/**
 * What the administrator and maintainer scripts laid down about places in this root, in dpkg's own files: diversions (dpkg-divert: this path, wherever it comes from but
 * from that package, lies there instead) and overrides (dpkg-statoverride: this path has that owner and those permissions, whatever a package says).
 *
 * Read, never written but on the way back (laid-down.ts): dpkg-divert and dpkg-statoverride of the root do that. A line that cannot be understood is passed over, as the root is the administrator's.
 */
import { isSafePath, type BytePath } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import { MAX_DPKG_FILE } from '../model/limits.js';
import { Walk, type RootFiles } from './walk.js';

/** One path that is elsewhere. */
export interface Diversion {
  readonly from: BytePath;
  readonly to: BytePath;
  /** whose `from` stays where it is; undefined: nobody's */
  readonly by: string | undefined;
}

/** Owner and permissions that stand above every manifest. */
export interface StatOverride {
  /** a name, or `#` and a number */
  readonly user: string;
  readonly group: string;
  readonly mode: number;
}

/** Where dpkg keeps its database. */
export const DPKG_DIR = 'var/lib/dpkg';

/** All of a root, by the path that is diverted. */
export class Diversions {
  static readonly none = new Diversions([]);
  readonly #from: ReadonlyMap<string, Diversion>;
  readonly #to: ReadonlyMap<string, Diversion>;

  constructor(all: readonly Diversion[]) {
    this.#from = new Map(all.map((each) => [each.from, each]));
    this.#to = new Map(all.map((each) => [each.to, each]));
  }

  get all(): readonly Diversion[] {
    return [...this.#from.values()];
  }

  get isEmpty(): boolean {
    return this.#from.size === 0;
  }

  isSame(other: Diversions): boolean {
    return (
      this.#from.size === other.#from.size &&
      this.all.every(({ from, to, by }) => {
        const same = other.#from.get(from);
        return same?.to === to && same.by === by;
      })
    );
  }

  /** Where a package's path lies. */
  place(path: BytePath, name: string): BytePath {
    const diversion = this.#from.get(path);
    return diversion === undefined || diversion.by === name ? path : diversion.to;
  }

  /** What is diverted to this path. */
  to(path: string): Diversion | undefined {
    return this.#to.get(path);
  }

  from(path: string): Diversion | undefined {
    return this.#from.get(path);
  }
}

/** The diversions of a root; none where dpkg was never used. @throws the system's errors */
export function readDiversions(disk: RootFiles): Diversions {
  const all = parseDiversions(readDpkgFile(disk, 'diversions') ?? '');
  return all.length === 0 ? Diversions.none : new Diversions(all);
}

/** The text of dpkg's file `diversions`: three lines each. */
export function parseDiversions(text: string): Diversion[] {
  const lines = text.split('\n');
  const all: Diversion[] = [];
  for (let at = 0; at + 2 < lines.length; at += 3) {
    const [from, to, by] = [inRoot(lines[at]), inRoot(lines[at + 1]), lines[at + 2]];
    if (from !== undefined && to !== undefined && by !== undefined)
      all.push({ from, to, by: by === ':' ? undefined : by });
  }
  return all;
}

/** The overrides of a root by path. @throws the system's errors */
export function readStatOverrides(disk: RootFiles): ReadonlyMap<string, StatOverride> {
  return parseStatOverrides(readDpkgFile(disk, 'statoverride') ?? '');
}

/** The text of dpkg's file `statoverride`. */
export function parseStatOverrides(text: string): ReadonlyMap<string, StatOverride> {
  const found = new Map<string, StatOverride>();
  for (const line of text.split('\n')) {
    const [, user, group, mode, spelled] = /^(\S+) (\S+) ([0-7]{1,5}) (\/.*)$/.exec(line) ?? [];
    const path = inRoot(spelled);
    if (user !== undefined && group !== undefined && mode !== undefined && path !== undefined)
      found.set(path, { user, group, mode: Number.parseInt(mode, 8) & 0o7777 });
  }
  return found;
}

function inRoot(text: string | undefined): BytePath | undefined {
  const path = text?.slice(1) ?? '';
  return text?.startsWith('/') === true && isSafePath(path) ? (path as BytePath) : undefined;
}

/** A file of dpkg's database, one character a byte; undefined when it is not there, or larger than any real one. @throws the system's errors */
export function readDpkgFile(disk: RootFiles, name: string): string | undefined {
  try {
    const walk = new Walk((at) => disk.look(at), disk.root === '/');
    const path = `${walk.directory(DPKG_DIR)}/${name}`;
    const stats = disk.lstat(path);
    if (stats?.isFile() !== true || stats.size > MAX_DPKG_FILE) return undefined;
    return disk.read(path).toString('latin1');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ROOT_OBSTRUCTED' || code === 'EACCES')
      return undefined;
    throw error;
  }
}

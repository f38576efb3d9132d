/**
 * Which extended attributes of a release are set, and where: those that this user may set and that the file system has.
 *
 * A file without them is less than its package meant, never more: so what cannot be kept is left out and named, like owners and set-uid bits without root
 * rights. Each file system is asked once, before anything is laid out; a failure after that is an error like any other.
 */
import { joinPath, pathToText, type BytePath } from '../model/bytes.js';
import { systemCode } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import { CAPABILITY, type Xattr } from '../model/xattr.js';
import type { Disk } from './disk.js';

/** Why an attribute is left out. */
type Lack = 'user' | 'system' | 'attributes';

/** What a file system keeps, for this process; undefined: it does. */
interface Kept {
  readonly capability: Lack | undefined;
  readonly user: Lack | undefined;
}

const WHY: Readonly<Record<Lack, (paths: string) => string>> = {
  user: (paths) => `File capabilities of ${paths} were not set, because gtpkg does not run as root.`,
  system: (paths) => `File capabilities of ${paths} were not set: the system does not let gtpkg do it here.`,
  attributes: (paths) =>
    `Extended attributes of ${paths} were not set: this file system, or this system, has none.`,
};

/** Capabilities of no kind: what a file may have at no risk. */
const NONE = Buffer.from(`00000002${'00'.repeat(16)}`, 'hex');
const SHOWN = 8;

/** The attributes of one transaction. */
export class Xattrs {
  readonly #disk: Disk;
  readonly #areas = new Map<string, Kept>();
  readonly #left = new Map<Lack, Set<string>>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /**
   * Those of an entry that are set.
   * @param area - a staging area on the file system where the file will be
   * @throws the system's errors
   */
  kept({ type, path, xattrs }: ManifestEntry, area: string): readonly Xattr[] | undefined {
    if (xattrs === undefined) return undefined;
    let kept = this.#areas.get(area);
    if (kept === undefined) this.#areas.set(area, (kept = this.#ask(area)));
    const { capability, user } = kept;
    return xattrs.filter(({ name }) => {
      const lack = name === CAPABILITY ? capability : user;
      if (lack === undefined) return true;
      // a hard link's are its file's
      if (type === 'f') this.#left.set(lack, (this.#left.get(lack) ?? new Set()).add(path));
      return false;
    });
  }

  /** For people, a sentence for each reason: what was left out. */
  get left(): readonly string[] {
    return [...this.#left].map(([lack, paths]) => WHY[lack](shown([...paths])));
  }

  #ask(area: string): Kept {
    const path = joinPath(area as BytePath, 'xattr');
    this.#disk.create(path, Buffer.alloc(0));
    try {
      const user = this.#try(path, 'user.gtpkg', Buffer.alloc(0));
      if (!this.#disk.asRoot) return { user, capability: 'user' };
      return { user, capability: this.#try(path, CAPABILITY, NONE) };
    } finally {
      this.#disk.unlink(path);
    }
  }

  #try(path: string, name: string, value: Buffer): Lack | undefined {
    try {
      this.#disk.setXattrs(path, [{ name, value: value.toString('hex') }]);
      return undefined;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTSUP') return 'attributes';
      // root of a container that was not given the right
      if (name === CAPABILITY && (code === 'EPERM' || code === 'EACCES' || code === 'EINVAL'))
        return 'system';
      throw error;
    }
  }
}

function shown(paths: readonly string[]): string {
  const some = paths.slice(0, SHOWN).map((path) => `/${pathToText(path)}`);
  return `${some.join(', ')}${paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : ''}`;
}

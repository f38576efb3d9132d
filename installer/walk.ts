/**
 * Where a path of a root really is: symbolic links followed by hand, so that none leads out of the root.
 *
 * Links are read as they would be after `chroot ROOT`: an absolute target starts at the root. A relative
 * target that climbs above the root is refused (unless the root is `/`, where the kernel stops it too).
 * What comes out is a physical path: every directory on the way to it is a real one, or absent.
 */
import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { isSafePath, joinPath, parentPath, pathToText, type BytePath } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { MAX_LINK_HOPS } from '../model/limits.js';

/** What stands at a physical path. */
export type Seen =
  { readonly kind: 'absent' | 'dir' | 'other' } | { readonly kind: 'link'; readonly target: string };

export const ABSENT: Seen = { kind: 'absent' };
export const DIRECTORY: Seen = { kind: 'dir' };
export const OTHER: Seen = { kind: 'other' };

/** Answers what is at a physical path of a root. */
export type Look = (path: BytePath) => Seen;

/** Something is in the way in the root; exit 7. */
export function obstructed(path: string, why: string, hint?: string): GtpkgError {
  return new GtpkgError('ROOT_OBSTRUCTED', `/${pathToText(path)} ${why}`, {
    hint: hint ?? 'Move it out of the way, then run the command again. Nothing was changed.',
    data: { path: pathToText(path) },
  });
}

/** Follows paths inside one root. Remembers directories: make a new one when the root has changed. */
export class Walk {
  readonly #look: Look;
  readonly #clamp: boolean;
  readonly #known = new Map<string, BytePath>();

  /** @param clamp - `..` at the top stays there (the root is `/`) instead of being refused */
  constructor(look: Look, clamp: boolean) {
    this.#look = look;
    this.#clamp = clamp;
  }

  /**
   * The physical path of a directory, its last part followed too. Parts that do not exist are kept as they are.
   * @throws GtpkgError ROOT_OBSTRUCTED: a part is no directory, leaves the root, or runs in circles
   */
  directory(path: string): BytePath {
    if (path === '') return '' as BytePath;
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const parent = parentPath(path);
    const name = parent === '' ? path : path.slice(parent.length + 1);
    const found = this.#follow(this.directory(parent), [name], path);
    this.#known.set(path, found);
    return found;
  }

  /** The physical path of something that may be a link itself: only its directory is followed. */
  entry(path: string): BytePath {
    const parent = parentPath(path);
    return parent === ''
      ? (path as BytePath)
      : joinPath(this.directory(parent), path.slice(parent.length + 1));
  }

  #follow(from: BytePath, parts: string[], asked: string): BytePath {
    let at: string = from;
    let hops = 0;
    const rest = parts.reverse();
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at === '' && !this.#clamp)
          throw obstructed(asked, 'is a symbolic link that leads out of the root');
        at = parentPath(at);
        continue;
      }
      const next = joinPath(at, part);
      const seen = this.#look(next);
      if (seen.kind === 'other') throw obstructed(next, 'is not a directory');
      if (seen.kind !== 'link') {
        at = next;
        continue;
      }
      if (++hops > MAX_LINK_HOPS) throw obstructed(asked, 'is a symbolic link that runs in circles');
      if (seen.target.startsWith('/')) at = '';
      rest.push(...seen.target.split('/').reverse());
    }
    return at as BytePath;
  }
}

/** The physical path of something that may be a link; undefined when its directory is none any more, or leads out of the root. */
export function quietly(walk: Walk, path: string): BytePath | undefined {
  try {
    return walk.entry(path);
  } catch (error) {
    if (error instanceof GtpkgError) return undefined;
    throw error;
  }
}

/** Looks at the disk below `root` (bytes of an absolute path). */
export function lookAtDisk(root: string): Look {
  return (path) => {
    const full = Buffer.from(`${root}/${path}`, 'latin1');
    let stats: Stats | undefined;
    try {
      stats = lstatSync(full, { throwIfNoEntry: false });
    } catch (error) {
      if (systemCode(error) !== 'ENOTDIR') throw error;
    }
    if (stats === undefined) return ABSENT;
    if (stats.isDirectory()) return DIRECTORY;
    if (!stats.isSymbolicLink()) return OTHER;
    return { kind: 'link', target: readlinkSync(full, { encoding: 'latin1' }) };
  };
}

/** What can be asked of a root's files: a Disk, or less. Paths are physical ones below the root. */
export interface RootFiles {
  readonly root: string;
  readonly look: Look;
  /** undefined when nothing is there */
  lstat(path: string): Stats | undefined;
  read(path: string): Buffer;
}

/** Without what changes files, which a question does not load. @param root - absolute */
export function rootFiles(root: string): RootFiles {
  const at = (path: string): Buffer => Buffer.from(`${rootBytes(root)}/${path}`, 'latin1');
  return {
    root,
    look: lookAtDisk(rootBytes(root)),
    lstat: (path) => lstatSync(at(path), { throwIfNoEntry: false }),
    read: (path) => readFileSync(at(path)),
  };
}

/** A root's directory as the bytes of its path, without a slash at the end: '' for `/`. */
export function rootBytes(dir: string): string {
  const bytes = Buffer.from(dir, 'utf8').toString('latin1');
  return bytes === '/' ? '' : bytes.replace(/\/+$/, '');
}

/** `text` as somebody types a path of the root: `/usr/bin/x`, `./usr/bin/x`, `usr/bin/x/`. Undefined when it is none. */
export function typedPath(text: string): BytePath | undefined {
  const plain = Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/^(\.?\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/\/+/g, '/');
  return isSafePath(plain) ? (plain as BytePath) : undefined;
}

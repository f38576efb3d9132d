/**
 * Compares one package after the other with its manifest: what verify does, in whatever thread it runs. Changes nothing, follows no link out of the root.
 *
 * Everything is synchronous: a file costs five system calls, and waiting for each in a queue would cost more than the calls. Times are not compared. Owners
 * and file capabilities only as root, because only root could set them; never the owners of directories, which scripts give away. A path that dpkg-divert sent elsewhere is looked for there; what
 * dpkg-statoverride says stands above the manifest.
 */
import { createHash, type Hash } from 'node:crypto';
import * as fs from 'node:fs';
import { resolve } from 'node:path';
import { pathToText, type BytePath } from '../model/bytes.js';
import { digestOf } from '../system/digest.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import { CAPABILITY } from '../model/xattr.js';
import type { XattrState } from '../system/xattr.js';
import { readManifest, type ManifestOwner } from './claims.js';
import { Disk } from './disk.js';
import { readDiversions, type Diversions } from './diversions.js';
import { Owners } from './owners.js';
import { Walk } from './walk.js';

export type DifferenceKind =
  'missing' | 'type' | 'mode' | 'owner' | 'size' | 'content' | 'link' | 'device' | 'xattr' | 'unreadable';

/** One thing about one path that is not as the manifest says. */
export interface Difference {
  readonly package: string;
  /** as the package spells it */
  readonly path: BytePath;
  /** where it lies, when it was diverted */
  readonly diverted?: BytePath;
  readonly kind: DifferenceKind;
  readonly expected: string;
  readonly actual: string;
  /** changing it is the user's right: no error */
  readonly conffile: boolean;
}

/** What is to be checked of a package: plain data, so that it reaches another thread. */
export interface Checked extends ManifestOwner {
  readonly replaced: readonly BytePath[];
  readonly conffiles: readonly BytePath[];
}

interface Found {
  readonly kind: DifferenceKind;
  readonly expected: string;
  readonly actual: string;
}

/** Read at a time: more would leave the processor's cache. */
const PIECE = 256 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

/** Checks packages of one root. */
export class Check {
  readonly #dir: string;
  readonly #all: readonly Checked[];
  readonly #disk: Disk;
  readonly #walk: Walk;
  readonly #owners: Owners;
  readonly #diversions: Diversions;
  readonly #piece = Buffer.allocUnsafeSlow(PIECE);
  #directoryModes: Map<string, Set<number>> | undefined;

  /** @param all - every installed package, also those that are not to be checked */
  constructor(dir: string, all: readonly Checked[]) {
    this.#dir = dir;
    this.#all = all;
    this.#disk = new Disk(resolve(dir));
    this.#walk = new Walk((path) => this.#disk.look(path), this.#disk.root === '/');
    this.#owners = new Owners(this.#disk);
    this.#diversions = readDiversions(this.#disk);
  }

  /** In path order. @throws GtpkgError STATUS_CORRUPT, MANIFEST_MALFORMED; the system's errors */
  package(pkg: Checked): Difference[] {
    const skip = new Set<string>(pkg.replaced);
    const conffiles = new Set<string>(pkg.conffiles);
    const differences: Difference[] = [];
    for (const entry of readManifest(this.#dir, pkg)) {
      if (skip.has(entry.path)) continue;
      const place = entry.type === 'd' ? entry.path : this.#diversions.place(entry.path, pkg.name);
      for (const found of this.#entry(pkg.name, entry, place))
        differences.push({
          package: pkg.name,
          path: entry.path,
          ...(place === entry.path ? {} : { diverted: place }),
          ...found,
          conffile: conffiles.has(entry.path),
        });
    }
    return differences;
  }

  #entry(name: string, entry: ManifestEntry, place: BytePath): readonly Found[] {
    const missing = (actual: string): Found[] => [{ kind: 'missing', expected: NAMES[entry.type], actual }];
    let at: BytePath;
    try {
      at = entry.type === 'd' ? this.#walk.directory(place) : this.#walk.entry(place);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      return missing(error.message);
    }
    const stats = this.#disk.lstat(at);
    if (stats === undefined) return missing('nothing');
    const type = typeOf(stats);
    if (type !== (entry.type === 'h' ? 'f' : entry.type))
      return [{ kind: 'type', expected: NAMES[entry.type], actual: NAMES[type] }];
    const found: Found[] = [];
    const wanted = this.#owners.attributes(entry);
    const mode = stats.mode & 0o7777;
    if (type !== 'l' && mode !== wanted.mode && !(type === 'd' && this.#anotherSays(entry.path, mode))) {
      found.push({ kind: 'mode', expected: octal(wanted.mode), actual: octal(mode) });
    }
    if (this.#disk.asRoot && (stats.uid !== wanted.uid || stats.gid !== wanted.gid) && type !== 'd') {
      found.push({
        kind: 'owner',
        expected: `${wanted.uid}:${wanted.gid}`,
        actual: `${stats.uid}:${stats.gid}`,
      });
    }
    if (entry.type === 'f') found.push(...this.#xattrs(entry, at));
    const inside = this.#contents(name, { entry, at, stats });
    if (inside !== undefined) found.push(inside);
    return found;
  }

  // Those that the manifest names; others are the user's, or given by a script. Where a file system has none, none can differ.
  #xattrs({ xattrs = [] }: ManifestEntry, at: BytePath): Found[] {
    const named = xattrs.filter(({ name }) => this.#disk.asRoot || name !== CAPABILITY);
    if (named.length === 0) return [];
    const names = named.map(({ name }) => name);
    let there: readonly XattrState[] | undefined;
    try {
      there = this.#disk.xattrs(at, names);
    } catch (error) {
      const code = systemCode(error);
      // its contents cannot be read either, and that is said
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOENT') throw error;
    }
    return named.flatMap(({ name, value }, i): Found[] => {
      const actual = there?.[i]?.value;
      if (there === undefined || actual === value) return [];
      const text = (what: string | null | undefined): string =>
        `${pathToText(name)}=${typeof what === 'string' ? `0x${what}` : 'none'}`;
      return [{ kind: 'xattr', expected: text(value), actual: text(actual) }];
    });
  }

  #contents(
    name: string,
    { entry, at, stats }: { entry: ManifestEntry; at: BytePath; stats: fs.Stats },
  ): Found | undefined {
    const { type, link = '' } = entry;
    if (type === 'l') {
      const target = this.#disk.readlink(at);
      return target === link
        ? undefined
        : { kind: 'link', expected: pathToText(link), actual: pathToText(target) };
    }
    if (type === 'h') {
      const other = this.#disk.lstat(this.#walk.entry(this.#diversions.place(link as BytePath, name)));
      if (other?.ino === stats.ino && other.dev === stats.dev) return undefined;
      const expected = `the same file as /${pathToText(link)}`;
      return { kind: 'link', expected, actual: 'a file of its own' };
    }
    if (type === 'c' || type === 'b') {
      const numbers = deviceNumbers(stats.rdev);
      return numbers === link ? undefined : { kind: 'device', expected: link, actual: numbers };
    }
    if (type !== 'f') return undefined;
    if (stats.size !== entry.size)
      return { kind: 'size', expected: String(entry.size), actual: String(stats.size) };
    try {
      const actual = this.#digest(at, stats.size);
      return actual === entry.sha256 ? undefined : { kind: 'content', expected: entry.sha256 ?? '', actual };
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT') return { kind: 'missing', expected: NAMES.f, actual: 'nothing' };
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EIO' && code !== 'ELOOP') throw error;
      return { kind: 'unreadable', expected: entry.sha256 ?? '', actual: code };
    }
  }

  #digest(at: BytePath, size: number): string {
    const fd = fs.openSync(this.#disk.at(at), FLAGS);
    const piece = this.#piece;
    try {
      if (size < PIECE) {
        const read = fs.readSync(fd, piece, 0, PIECE, null);
        // one that is no longer what it was is read to whatever is its end
        if (read === size) return digestOf('sha256', piece.subarray(0, read));
        return this.#stream(fd, createHash('sha256').update(piece.subarray(0, read)));
      }
      return this.#stream(fd, createHash('sha256'));
    } finally {
      fs.closeSync(fd);
    }
  }

  #stream(fd: number, hash: Hash): string {
    for (;;) {
      const read = fs.readSync(fd, this.#piece, 0, PIECE, null);
      if (read === 0) return hash.digest('hex');
      hash.update(this.#piece.subarray(0, read));
    }
  }

  // Packages may disagree about a directory that they share: whoever came first made it.
  #anotherSays(path: BytePath, mode: number): boolean {
    this.#directoryModes ??= this.#readDirectoryModes();
    return this.#directoryModes.get(path)?.has(mode) === true;
  }

  #readDirectoryModes(): Map<string, Set<number>> {
    const modes = new Map<string, Set<number>>();
    for (const pkg of this.#all) {
      for (const { type, path, mode } of readManifest(this.#dir, pkg)) {
        if (type !== 'd') continue;
        const known = modes.get(path);
        if (known === undefined) modes.set(path, new Set([mode]));
        else known.add(mode);
      }
    }
    return modes;
  }
}

const NAMES = {
  f: 'file',
  d: 'directory',
  l: 'symbolic link',
  h: 'hard link',
  c: 'character device',
  b: 'block device',
  p: 'fifo',
  s: 'socket',
} as const;

function typeOf(stats: fs.Stats): keyof typeof NAMES {
  if (stats.isFile()) return 'f';
  if (stats.isDirectory()) return 'd';
  if (stats.isSymbolicLink()) return 'l';
  if (stats.isFIFO()) return 'p';
  if (stats.isBlockDevice()) return 'b';
  return stats.isCharacterDevice() ? 'c' : 's';
}

// glibc's makedev(): major and minor in one number
function deviceNumbers(rdev: number): string {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn & 0xffffffffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

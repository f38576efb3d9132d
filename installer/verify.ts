/**
 * Compares what is on the disk with the signed manifests that were kept. Changes nothing, follows no link out of the root.
 *
 * Several files are read at once; a package at a time, so memory is bounded by the largest manifest.
 * Times are not compared. Owners only as root, because only root could set them.
 */
import { createHash } from 'node:crypto';
import { constants, readFile, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { pathToText, type BytePath } from '../model/bytes.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { silent, type Report } from '../model/events.js';
import { manifestSize, type ManifestEntry } from '../model/manifest.js';
import { readManifest } from './claims.js';
import { Disk } from './disk.js';
import { diskError } from './disk-error.js';
import { Owners } from './owners.js';
import { readStatus, type InstalledPackage, type RootStatus } from './status.js';
import { Walk } from './walk.js';

export type DifferenceKind =
  'missing' | 'type' | 'mode' | 'owner' | 'size' | 'content' | 'link' | 'unreadable';

/** One thing about one path that is not as the manifest says. */
export interface Difference {
  readonly package: string;
  /** as the package spells it */
  readonly path: BytePath;
  readonly kind: DifferenceKind;
  readonly expected: string;
  readonly actual: string;
  /** changing it is the user's right: no error */
  readonly conffile: boolean;
}

const PARALLEL = 16;
const SMALL = 1024 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const readSmall = promisify(readFile);

/**
 * Differences of the named packages (default: all installed), in package and path order.
 * @throws GtpkgError NOT_INSTALLED, STATUS_CORRUPT, IO_ERROR
 */
export async function* verifyRoot(
  dir: string,
  names?: readonly string[],
  report: Report = silent,
): AsyncGenerator<Difference, void, void> {
  const status = readStatus(dir);
  const packages = [...status.values()].filter(
    ({ name, state }) => state === 'installed' && (names?.includes(name) ?? true),
  );
  for (const name of names ?? []) {
    if (status.get(name)?.state === 'installed') continue;
    throw new GtpkgError('NOT_INSTALLED', `${name} is not installed`, { data: { package: name } });
  }
  const check = new Check(dir, status);
  report({ kind: 'start', id: 'verify', label: 'Verifying', total: packages.length, unit: 'items' });
  try {
    for (const [done, pkg] of packages.entries()) {
      report({ kind: 'advance', id: 'verify', done, note: pkg.name });
      try {
        yield* await check.package(pkg);
      } catch (error) {
        throw diskError(error, `verifying ${pkg.name}`);
      }
    }
  } finally {
    report({ kind: 'end', id: 'verify' });
  }
}

interface Found {
  readonly kind: DifferenceKind;
  readonly expected: string;
  readonly actual: string;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');

class Check {
  readonly #dir: string;
  readonly #status: RootStatus;
  readonly #disk: Disk;
  readonly #walk: Walk;
  readonly #owners: Owners;
  #directoryModes: Map<string, Set<number>> | undefined;

  constructor(dir: string, status: RootStatus) {
    this.#dir = dir;
    this.#status = status;
    this.#disk = new Disk(resolve(dir));
    this.#walk = new Walk((path) => this.#disk.look(path), this.#disk.root === '/');
    this.#owners = new Owners(this.#disk);
  }

  async package(pkg: InstalledPackage): Promise<Difference[]> {
    const manifest = readManifest(this.#dir, pkg);
    const skip = new Set<string>(pkg.replaced);
    const conffiles = new Set<string>(pkg.conffiles.map(({ path }) => path));
    const found: (readonly Found[])[] = [];
    // few bytes: no need to keep the disk's queue full
    const parallel = manifestSize(manifest) < SMALL ? 4 : PARALLEL;
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < manifest.length; at = next++) {
        const entry = manifest[at];
        if (entry !== undefined && !skip.has(entry.path)) found[at] = await this.#entry(entry);
      }
    };
    await Promise.all(Array.from({ length: parallel }, work));
    return manifest.flatMap((entry, at) =>
      (found[at] ?? []).map((one) => ({
        package: pkg.name,
        path: entry.path,
        ...one,
        conffile: conffiles.has(entry.path),
      })),
    );
  }

  async #entry(entry: ManifestEntry): Promise<readonly Found[]> {
    let at: BytePath;
    try {
      at = entry.type === 'd' ? this.#walk.directory(entry.path) : this.#walk.entry(entry.path);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      return [{ kind: 'missing', expected: NAMES[entry.type], actual: error.message }];
    }
    const stats = this.#disk.lstat(at);
    if (stats === undefined) return [{ kind: 'missing', expected: NAMES[entry.type], actual: 'nothing' }];
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
    found.push(...(await this.#contents(entry, at, stats)));
    return found;
  }

  async #contents(entry: ManifestEntry, at: BytePath, stats: Stats): Promise<readonly Found[]> {
    if (entry.type === 'l') {
      const target = this.#disk.readlink(at);
      return target === entry.link
        ? []
        : [{ kind: 'link', expected: pathToText(entry.link ?? ''), actual: pathToText(target) }];
    }
    if (entry.type === 'h') {
      const other = this.#disk.lstat(this.#walk.entry(entry.link ?? ''));
      const isSame = other?.ino === stats.ino && other.dev === stats.dev;
      return isSame
        ? []
        : [
            {
              kind: 'link',
              expected: `the same file as /${pathToText(entry.link ?? '')}`,
              actual: 'a file of its own',
            },
          ];
    }
    if (entry.type !== 'f') return [];
    if (stats.size !== entry.size)
      return [{ kind: 'size', expected: String(entry.size), actual: String(stats.size) }];
    try {
      const actual = await this.#digest(at, stats.size);
      return actual === entry.sha256 ? [] : [{ kind: 'content', expected: entry.sha256 ?? '', actual }];
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EIO') throw error;
      return [{ kind: 'unreadable', expected: entry.sha256 ?? '', actual: code }];
    }
  }

  async #digest(at: BytePath, size: number): Promise<string> {
    const hash = createHash('sha256');
    if (size <= SMALL)
      return hash
        .update(await readSmall(this.#disk.at(at), { flag: FLAGS as unknown as string }))
        .digest('hex');
    const handle = await open(this.#disk.at(at), FLAGS);
    try {
      const buffer = Buffer.allocUnsafe(SMALL);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, SMALL);
        if (bytesRead === 0) return hash.digest('hex');
        hash.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }

  // Packages may disagree about a directory that they share: whoever came first made it.
  #anotherSays(path: BytePath, mode: number): boolean {
    this.#directoryModes ??= this.#readDirectoryModes();
    return this.#directoryModes.get(path)?.has(mode) === true;
  }

  #readDirectoryModes(): Map<string, Set<number>> {
    const modes = new Map<string, Set<number>>();
    for (const pkg of this.#status.values()) {
      if (pkg.state !== 'installed') continue;
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

function typeOf(stats: Stats): keyof typeof NAMES {
  if (stats.isFile()) return 'f';
  if (stats.isDirectory()) return 'd';
  if (stats.isSymbolicLink()) return 'l';
  if (stats.isFIFO()) return 'p';
  if (stats.isBlockDevice()) return 'b';
  return stats.isCharacterDevice() ? 'c' : 's';
}

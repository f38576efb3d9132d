/**
 * An installed release as something that a delta can build upon: the kept manifest and the files as they are on the disk.
 *
 * Nothing read here is trusted; what comes out of a delta is checked against the new release's signature. Looking first whether the
 * files are as large as they were saves a download that would turn out useless. Follows no link out of the root.
 */
import { constants, readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToText } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { parseManifest, type ManifestEntry } from '../model/manifest.js';
import type { Basis, BasisFile } from '../model/release.js';
import { readManifestBytes } from './claims.js';
import { Disk } from './disk.js';
import type { InstalledPackage } from './status.js';
import { Walk } from './walk.js';

/** Read in one go: a synchronous call is cheaper than three round trips to the thread pool. */
const SMALL = 256 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The installed release, or undefined when a file that a delta may need is gone or has another size.
 * Conffiles are not looked at: deltas never build upon them.
 * @throws GtpkgError STATUS_CORRUPT, IO_ERROR
 */
export function installedBasis(dir: string, pkg: InstalledPackage): Basis | undefined {
  const manifestBytes = readManifestBytes(dir, pkg);
  const manifest = parseManifest(manifestBytes);
  const files = new InstalledFiles(dir);
  const conffiles = new Set<string>(pkg.conffiles.map(({ path }) => path));
  const whole = manifest.every(
    (entry) => entry.type !== 'f' || conffiles.has(entry.path) || files.size(entry) === entry.size,
  );
  if (!whole) return undefined;
  return { tree: pkg.pin.tree, manifest, manifestBytes, open: (entry) => files.open(entry) };
}

class InstalledFiles {
  readonly #disk: Disk;
  readonly #walk: Walk;

  constructor(dir: string) {
    this.#disk = new Disk(resolve(dir));
    this.#walk = new Walk((path) => this.#disk.look(path), this.#disk.root === '/');
  }

  size(entry: ManifestEntry): number | undefined {
    try {
      const stats = this.#disk.lstat(this.#walk.entry(entry.path));
      return stats?.isFile() === true ? stats.size : undefined;
    } catch (error) {
      if (error instanceof GtpkgError && error.code === 'ROOT_OBSTRUCTED') return undefined;
      throw error;
    }
  }

  async open(entry: ManifestEntry): Promise<BasisFile> {
    const changed = (cause?: unknown): GtpkgError =>
      new GtpkgError('DELTA_UNUSABLE', `/${pathToText(entry.path)} is not as it was installed`, { cause });
    if (this.size(entry) !== entry.size) throw changed();
    const path = this.#disk.at(this.#walk.entry(entry.path));
    try {
      return entry.size <= SMALL
        ? held(readFileSync(path, { flag: FLAGS as unknown as string }), entry, changed)
        : opened(await open(path, FLAGS), entry, changed);
    } catch (cause) {
      throw cause instanceof GtpkgError ? cause : changed(cause);
    }
  }
}

function held(bytes: Buffer, { size }: ManifestEntry, changed: () => GtpkgError): BasisFile {
  if (bytes.length !== size) throw changed();
  return {
    size,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    close: () => Promise.resolve(),
  };
}

/** An open file that is read piece by piece; `changed` is thrown when it is shorter than the manifest says. */
export function opened(
  handle: FileHandle,
  { size }: Pick<ManifestEntry, 'size'>,
  changed: () => GtpkgError,
): BasisFile {
  return {
    size,
    async read(offset, length) {
      const buffer = Buffer.allocUnsafe(length);
      for (let filled = 0; filled < length;) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw changed();
        filled += bytesRead;
      }
      return buffer;
    },
    close: () => handle.close(),
  };
}

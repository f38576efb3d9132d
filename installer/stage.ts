/**
 * Staging: the incoming packages' files, complete with owners and permissions, on the file systems where they will live.
 *
 * The files come in lay-out.ts, all else is made here. Nothing outside the staging areas is touched. Staging is mode 0700, so a set-uid program is out of reach until it is placed.
 * What the payload brings beyond the plan is refused; that all of it came is checked at the end.
 */
import { joinPath, parentPath, pathToText, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import type { Xattr } from '../model/xattr.js';
import type { Attributes, Disk } from './disk.js';
import type { Digests, FileTarget, FileTargets } from './lay-out.js';
import { makeHardLink, makeNode } from './entries.js';
import type { Owners } from './owners.js';
import type { Incoming } from './plan.js';
import type { Placement, Survey } from './survey.js';
import { Xattrs } from './xattrs.js';

/** In the first area: paths of the others, written before they are made, so that a later run finds and removes them. */
export const AREAS_FILE = 'areas';

export class Staging {
  readonly #disk: Disk;
  readonly #survey: Survey;
  readonly #owners: Owners;
  readonly #written: string[] = [];
  readonly #placements = new Map<string, Placement>();
  readonly #received = new Map<string, string>();
  readonly #md5 = new Map<string, string>();
  readonly #xattrs: Xattrs;
  /** new directories that are not there yet, parents before their children */
  readonly #unmade: Set<string>;
  #extra = 0;
  /** entries whose owner could not be set because we are not root */
  ownersSkipped = 0;

  constructor(disk: Disk, survey: Survey, owners: Owners) {
    this.#disk = disk;
    this.#survey = survey;
    this.#owners = owners;
    this.#xattrs = new Xattrs(disk);
    this.#unmade = new Set(survey.directories.map(({ staged }) => staged));
    for (const placement of survey.placements) {
      this.#placements.set(`${placement.slot.by.name}/${placement.slot.entry.path}`, placement);
    }
  }

  /** The directory for gtpkg's own new state. */
  get main(): BytePath {
    return this.#survey.areas[0]?.path ?? ('' as BytePath);
  }

  /** For people: extended attributes that could not be set. */
  get xattrsSkipped(): readonly string[] {
    return this.#xattrs.left;
  }

  /** Files and directories made so far, for the flush. */
  get written(): readonly string[] {
    return this.#written;
  }

  /** Takes note of files that somebody else wrote into an area. */
  wrote(paths: readonly string[]): void {
    this.#written.push(...paths);
  }

  /** Makes the areas. New directories in them come when something is to be put there: threads need not wait for those of others. */
  open(): void {
    const [first, ...others] = this.#survey.areas.map((area) => area.path);
    if (first === undefined) return;
    this.#disk.mkdir(first);
    this.#written.push(parentPath(first), first);
    if (others.length > 0) {
      this.create(AREAS_FILE, Buffer.from(JSON.stringify(others)));
      this.#disk.fsync(joinPath(first, AREAS_FILE));
      this.#disk.fsync(first);
    }
    for (const area of others) {
      this.#disk.mkdir(area);
      this.#written.push(area);
    }
  }

  /** Makes all new directories that are not there yet. */
  makeDirectories(): void {
    for (const staged of this.#unmade) this.#makeDirectory(staged);
  }

  // Of the new directories; where it is not one of them, or was made, nothing is to be done.
  #makeDirectory(staged: string): void {
    if (!this.#unmade.delete(staged)) return;
    this.#makeDirectory(parentPath(staged));
    this.#disk.mkdir(staged);
    this.#written.push(staged);
  }

  /** A file of gtpkg's own state in the first area. @returns its staged path */
  create(name: string, bytes: Uint8Array, mode = 0o644): BytePath {
    const path = joinPath(this.main, name);
    this.#disk.create(path, bytes, { mode, ...this.#disk.self });
    this.#written.push(path);
    return path;
  }

  /** A directory of gtpkg's own state in the first area, with files in it. @returns its staged path */
  createDirectory(name: string, files: ReadonlyMap<string, Uint8Array>): BytePath {
    const path = joinPath(this.main, name);
    this.#disk.mkdir(path);
    this.#disk.setAttributes(path, { mode: 0o755, ...this.#disk.self });
    this.#written.push(path);
    for (const [file, bytes] of files) this.create(`${name}/${file}`, bytes, 0o755);
    return path;
  }

  /** Where the files of a release's payload go, their directories made. @param md5 - dpkg's records want their MD5 */
  targets(by: Incoming, md5 = false): FileTargets {
    const linked = new Set<string>();
    for (const { type, link } of by.release.manifest)
      if (type === 'h' && link !== undefined) linked.add(link);
    const targets = new Map<string, FileTarget>();
    let last = '';
    for (const entry of by.release.manifest) {
      if (entry.type !== 'f') continue;
      const path =
        this.#placements.get(`${by.name}/${entry.path}`)?.staged ??
        (linked.has(entry.path) ? this.#spare() : undefined);
      if (path === undefined) continue;
      const directory = parentPath(path);
      // the manifest's order: mostly that of the file before
      if (directory !== last) this.#makeDirectory((last = directory));
      targets.set(entry.path, { path, ...this.#withXattrs(entry, path), md5 });
    }
    return targets;
  }

  /** Where a file of a package was staged, once it is settled. */
  staged(name: string, path: string): string | undefined {
    return this.#received.get(`${name}/${path}`);
  }

  /** MD5 of a file of a package, where it was wanted. */
  md5(name: string, path: string): string | undefined {
    return this.#md5.get(`${name}/${path}`);
  }

  /** Takes it that all `targets` of the release are there, and makes what else it has: links, devices. */
  async settle(by: Incoming, targets: FileTargets, digests: Digests): Promise<void> {
    for (const [path, md5] of digests) this.#md5.set(`${by.name}/${path}`, md5);
    for (const [path, target] of targets) {
      this.#written.push(target.path);
      this.#received.set(`${by.name}/${path}`, target.path);
    }
    for (const entry of by.release.manifest) if (entry.type !== 'f') await this.#entry(by, entry);
  }

  /** After the last payload: everything planned must be there; then directories get their final permissions. */
  finish(): void {
    for (const [key, { slot }] of this.#placements) {
      if (this.#received.has(key)) continue;
      throw new GtpkgError(
        'PAYLOAD_CORRUPT',
        `the payload of ${slot.by.name} lacks /${pathToText(slot.path)}`,
        {
          data: { package: slot.by.name, path: pathToText(slot.path) },
        },
      );
    }
    this.makeDirectories();
    for (const { staged, slot, top } of [...this.#survey.directories].reverse()) {
      const attributes = slot === undefined ? PLAIN : this.#attributes(slot.entry);
      // a directory without write permission for its owner cannot be moved by him: compose.ts takes it away afterwards
      const mode = top && !this.#disk.asRoot ? attributes.mode | 0o200 : attributes.mode;
      this.#disk.setAttributes(staged, { ...attributes, mode });
    }
  }

  async #entry(by: Incoming, entry: ManifestEntry): Promise<void> {
    const key = `${by.name}/${entry.path}`;
    const placement = this.#placements.get(key);
    if (placement === undefined || entry.type === 'd') return;
    const { staged } = placement;
    this.#makeDirectory(parentPath(staged));
    const attributes = this.#withXattrs(entry, staged);
    if (entry.type === 'l') {
      this.#disk.symlink(entry.link ?? '', staged);
      this.#disk.setAttributes(staged, attributes, true);
    } else if (entry.type === 'h') {
      const from = this.#received.get(`${by.name}/${entry.link ?? ''}`);
      if (from === undefined)
        throw new GtpkgError(
          'PAYLOAD_CORRUPT',
          `a hard link came before its file: ${pathToText(entry.link ?? '')}`,
        );
      if (makeHardLink(this.#disk, from, { path: staged, ...attributes }) === 'copied')
        this.#written.push(staged);
    } else if (entry.type !== 'f') {
      await makeNode(this.#disk, entry, { path: staged, spare: () => this.#spare(), ...attributes });
    }
    this.#received.set(key, staged);
  }

  #attributes(entry: ManifestEntry): Attributes & { readonly mtime: number } {
    const attributes = this.#owners.attributes(entry);
    if (
      !this.#disk.asRoot &&
      (attributes.uid !== this.#disk.self.uid || attributes.gid !== this.#disk.self.gid)
    )
      this.ownersSkipped++;
    return attributes;
  }

  #withXattrs(entry: ManifestEntry, staged: string): Attributes & { readonly mtime: number } {
    const attributes = this.#attributes(entry);
    return entry.xattrs === undefined ? attributes : { ...attributes, xattrs: this.xattrs(entry, staged) };
  }

  /** The extended attributes that a file gets which is staged there. @throws the system's errors */
  xattrs(entry: ManifestEntry, staged: string): readonly Xattr[] | undefined {
    const area = this.#survey.areas.find(({ path }) => staged.startsWith(`${path}/`))?.path ?? this.main;
    return this.#xattrs.kept(entry, area);
  }

  #spare(): string {
    return `${this.main}/x${this.#extra++}`;
  }
}

const PLAIN: Attributes = { mode: 0o755, uid: 0, gid: 0 };

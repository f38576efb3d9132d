/**
 * dpkg's database while scripts run: what `dpkg-query` tells them, and what `dpkg-trigger` tells us.
 *
 * The journal holds the status file as it was; in between it is replaced whole, as dpkg does it, and not synced: it is part of a transaction.
 */
import { joinPath, type BytePath } from '../model/bytes.js';
import { MAX_DPKG_FILE } from '../model/limits.js';
import type { Disk } from './disk.js';
import { DPKG_DIR } from './diversions.js';
import type { DpkgState } from './dpkg-text.js';
import { parseUnincorp } from './triggers.js';
import { Walk, quietly } from './walk.js';

/** Takes back what scripts of a transaction that never was have asked of dpkg-trigger. @throws the system's errors */
export function forgetTriggers(disk: Disk): void {
  const path = quietly(new Walk((at) => disk.look(at), disk.root === '/'), `${DPKG_DIR}/triggers/Unincorp`);
  const stats = path === undefined ? undefined : disk.lstat(path);
  if (path !== undefined && stats?.isFile() === true && stats.size > 0) disk.truncate(path, 0);
}

/** The text of a package's paragraph, for each state that it may get. */
export type ParagraphOf = (state: DpkgState) => string;

export class DpkgLive {
  readonly #disk: Disk;
  readonly #dir: BytePath;
  readonly #paragraphs: Map<string, string>;
  readonly #later: ReadonlyMap<string, ParagraphOf>;

  /**
   * @param dir - physical path of var/lib/dpkg
   * @param paragraphs - the status file now, by package, in order
   * @param later - packages that are still to be configured
   */
  constructor(
    disk: Disk,
    dir: BytePath,
    {
      paragraphs,
      later,
    }: { paragraphs: ReadonlyMap<string, string>; later: ReadonlyMap<string, ParagraphOf> },
  ) {
    this.#disk = disk;
    this.#dir = dir;
    this.#paragraphs = new Map(paragraphs);
    this.#later = later;
  }

  /** The package's postinst has run. @throws the system's errors */
  configured(name: string): void {
    const text = this.#later.get(name);
    if (text === undefined) return;
    this.#paragraphs.set(name, text('installed'));
    this.#replace('status', Buffer.from([...this.#paragraphs.values()].map((one) => `${one}\n`).join('')));
  }

  /** Names that scripts activated since the last call. @throws the system's errors */
  takeTriggers(): readonly string[] {
    const path = joinPath(this.#dir, 'triggers/Unincorp');
    const stats = this.#disk.lstat(path);
    if (stats?.isFile() !== true || stats.size === 0 || stats.size > MAX_DPKG_FILE) return [];
    const names = parseUnincorp(this.#disk.read(path));
    this.#replace('triggers/Unincorp', Buffer.alloc(0));
    return names;
  }

  #replace(name: string, bytes: Buffer): void {
    const draft = joinPath(this.#dir, `${name}.gtpkg`);
    if (this.#disk.exists(draft)) this.#disk.unlink(draft);
    this.#disk.create(draft, bytes, { mode: 0o644, ...this.#disk.self });
    this.#disk.rename(draft, joinPath(this.#dir, name));
  }
}

/** MD5 sums for dpkg's database: of what is staged, and of packages that were there before dpkg. Reads, changes nothing. */
import type { BytePath } from '../model/bytes.js';
import type { Sha256 } from '../model/ids.js';
import { readManifest } from './claims.js';
import { digestsAt } from './digests.js';
import type { Disk } from './disk.js';
import type { Diversions } from './diversions.js';
import { UNKNOWN_MD5 } from './dpkg-text.js';
import type { Incoming } from './plan.js';
import type { Staging } from './stage.js';
import type { InstalledPackage } from './status.js';
import { quietly, Walk } from './walk.js';

/** What the sums are taken from. */
export interface SumsContext {
  readonly disk: Disk;
  readonly diversions: Diversions;
  readonly staging: Staging;
}

export class Sums {
  readonly #context: SumsContext;
  readonly #walk: Walk;

  constructor(context: SumsContext) {
    const { disk } = context;
    this.#context = context;
    this.#walk = new Walk((at) => disk.look(at), disk.root === '/');
  }

  /** `md5sums` of a package that comes. @throws the system's errors */
  ofIncoming(by: Incoming): Buffer {
    const { staging } = this.#context;
    const conffiles = new Set(by.release.conffiles);
    const lines = by.release.manifest.flatMap(({ type, path, link }) => {
      if ((type !== 'f' && type !== 'h') || conffiles.has(path)) return [];
      const staged = staging.staged(by.name, path);
      const known = staging.md5(by.name, link ?? path);
      const md5 = staged === undefined ? undefined : (known ?? this.#md5(staged));
      return md5 === undefined ? [] : [`${md5}  ${path}\n`];
    });
    return Buffer.from(lines.join(''), 'latin1');
  }

  /**
   * `md5sums` of a package that was there before dpkg. A file that is not what the manifest says gets a sum that it cannot have, so that `dpkg -V` names it.
   * @throws the system's errors; GtpkgError STATUS_CORRUPT
   */
  ofInstalled(pkg: InstalledPackage): Buffer {
    const lost = new Set<string>(pkg.replaced);
    const conffiles = new Set<string>(pkg.conffiles.map(({ path }) => path));
    const sums = new Map<string, string>();
    const lines: string[] = [];
    for (const { type, path, link, sha256 } of readManifest(this.#context.disk.root, pkg)) {
      if (type === 'f' && !conffiles.has(path) && sha256 !== undefined)
        sums.set(path, this.onDisk(pkg.name, path, sha256));
      const md5 = type === 'f' ? sums.get(path) : type === 'h' ? sums.get(link ?? '') : undefined;
      if (md5 !== undefined && !lost.has(path)) lines.push(`${md5}  ${path}\n`);
    }
    return Buffer.from(lines.join(''), 'latin1');
  }

  /** Of a file that comes; undefined when it is not staged. */
  ofStaged(by: Incoming | undefined, path: BytePath): string | undefined {
    const staged = by === undefined ? undefined : this.#context.staging.staged(by.name, path);
    return staged === undefined ? undefined : this.#md5(staged);
  }

  /** Of a package's file that is there, if it is what was shipped; else a sum that it cannot have. */
  onDisk(name: string, path: BytePath, sha256: Sha256): string {
    const { disk, diversions } = this.#context;
    const at = quietly(this.#walk, diversions.place(path, name));
    const found = at === undefined ? undefined : digestsAt(disk, at, ['md5', 'sha256']);
    return found?.[0] !== undefined && found[1] === sha256 ? found[0] : UNKNOWN_MD5;
  }

  #md5(path: string): string | undefined {
    return digestsAt(this.#context.disk, path, ['md5'])?.[0];
  }
}

/** `md5sums` without the lines of what another package has taken over. */
export function withoutLost(md5sums: Buffer, lost: ReadonlySet<string>): Buffer {
  const lines = md5sums.toString('latin1').split('\n');
  return Buffer.from(lines.filter((line) => !lost.has(line.slice(34))).join('\n'), 'latin1');
}

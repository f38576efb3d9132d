/** What a repair has to do, from the differences that verify found. Reads the root, changes nothing. */
import type { BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import type { ManifestEntry } from '../model/manifest.js';
import type { Difference, DifferenceKind } from './check.js';
import { readManifest } from './claims.js';
import { readDiversions } from './diversions.js';
import type { OpenRoot } from './root.js';
import type { InstalledPackage } from './status.js';
import { ABSENT, Walk, type Look } from './walk.js';

/** One path that is not put right, and why. */
export interface LeftPath {
  readonly package: string;
  readonly path: BytePath;
  readonly why: string;
}

/** One path to be put right. */
export interface Item {
  readonly pkg: InstalledPackage;
  readonly entry: ManifestEntry;
  readonly at: BytePath;
  readonly kinds: readonly DifferenceKind[];
  readonly conffile: boolean;
  /** only owner, permissions and extended attributes */
  readonly light: boolean;
}

/** What a repair would do. */
export interface RepairPlan {
  readonly items: readonly Item[];
  readonly left: readonly LeftPath[];
  /** packages whose contents are needed, and of which files */
  readonly contents: ReadonlyMap<string, readonly BytePath[]>;
}

const LIGHT: ReadonlySet<DifferenceKind> = new Set(['mode', 'owner', 'xattr']);

/** @throws GtpkgError STATUS_CORRUPT; the system's errors */
export function planRepair(
  root: OpenRoot,
  { differences, conffiles }: { differences: readonly Difference[]; conffiles: 'keep' | 'replace' },
): RepairPlan {
  const { disk, dir, state } = root;
  const status = root.status();
  const diversions = readDiversions(disk);
  const items: Item[] = [];
  const left: LeftPath[] = [];
  for (const [name, found] of grouped(differences, (each) => each.package)) {
    const pkg = status.get(name);
    if (pkg?.state !== 'installed') continue;
    // directories that are to be made: what stands there now is on no way any more
    const made = new Set<string>();
    const look: Look = (path) => (made.has(path) ? ABSENT : disk.look(path));
    const walk = new Walk(look, disk.root === '/');
    const manifest = readManifest(dir, pkg, state);
    const wrong = withLinks(manifest, found);
    for (const entry of manifest) {
      const { kinds, conffile } = wrong.get(entry.path) ?? { kinds: [], conffile: false };
      if (kinds.length === 0) continue;
      const { path } = entry;
      if (conffile && conffiles === 'keep') {
        left.push({ package: name, path, why: 'a conffile: yours to change' });
        continue;
      }
      const light = entry.type !== 'l' && kinds.every((kind) => LIGHT.has(kind));
      try {
        const at = entry.type === 'd' ? directoryAt(walk, path) : walk.entry(diversions.place(path, name));
        if (entry.type === 'd' && !light) made.add(at);
        items.push({ pkg, entry, at, kinds, conffile, light });
      } catch (error) {
        if (!(error instanceof GtpkgError)) throw error;
        left.push({ package: name, path, why: error.message });
      }
    }
  }
  const files = items.filter(({ entry, light }) => entry.type === 'f' && !light);
  const contents = grouped(files, ({ pkg }) => pkg.name);
  return {
    items,
    left,
    contents: new Map([...contents].map(([name, all]) => [name, all.map(({ entry }) => entry.path)])),
  };
}

// Where a link stands for it, where the link leads; where a file is in its place, that place.
function directoryAt(walk: Walk, path: BytePath): BytePath {
  try {
    return walk.directory(path);
  } catch (error) {
    if (!(error instanceof GtpkgError)) throw error;
    return walk.entry(path);
  }
}

/** The values by their key, in the order of the first of each. */
export function grouped<K, V>(values: readonly V[], key: (value: V) => K): ReadonlyMap<K, readonly V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}

interface Wrong {
  readonly kinds: readonly DifferenceKind[];
  readonly conffile: boolean;
}

// A file that is made anew is another inode: its second names have to follow.
function withLinks(
  manifest: readonly ManifestEntry[],
  found: readonly Difference[],
): ReadonlyMap<BytePath, Wrong> {
  const wrong = new Map<BytePath, Wrong>();
  for (const { path, kind, conffile } of found)
    wrong.set(path, { kinds: [...(wrong.get(path)?.kinds ?? []), kind], conffile });
  const made = (path: string | undefined): boolean =>
    wrong.get(path as BytePath)?.kinds.some((kind) => !LIGHT.has(kind)) === true;
  for (const { type, path, link } of manifest)
    if (type === 'h' && made(link) && !made(path)) wrong.set(path, { kinds: ['link'], conffile: false });
  return wrong;
}

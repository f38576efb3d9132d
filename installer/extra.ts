/**
 * What nobody installed: names in directories of packages that no package has. Reads directories, no file.
 *
 * Looked into are the directories that installed packages have, but not those where others than packages are at home by the Filesystem Hierarchy Standard
 * (configuration, variable data, users' files, what the machine mounts). Passed over is what maintainer scripts and the programs that they call are known to make:
 * links to /etc/alternatives, the links of ldconfig, Python's bytecode, caches (MADE), diverted files, versions of conffiles kept beside them.
 */
import { joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { MAX_EXTRA_PATHS } from '../model/limits.js';
import { GtpkgError, systemCode } from '../model/errors.js';
import { eachOwnPath } from './claims.js';
import type { Disk } from './disk.js';
import { readDiversions, type Diversions } from './diversions.js';
import { CONFFILE_NEW, CONFFILE_OLD } from './conffiles.js';
import type { RootStatus } from './status.js';
import { Walk } from './walk.js';

/** Something that no package has. What is below a directory is not named. */
export interface ExtraPath {
  readonly path: BytePath;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
}

/** At most MAX_EXTRA_PATHS of them, in byte order of their directories. */
export interface Extras {
  readonly paths: readonly ExtraPath[];
  /** there are more */
  readonly more: boolean;
}

const OTHERS_AT_HOME = [
  'boot', 'dev', 'etc', 'home', 'media', 'mnt', 'proc', 'root', 'run', 'srv', 'sys', 'tmp', 'usr/local', 'var',
]; // prettier-ignore
/** Made by scripts, triggers and the programs that they call. */
const MADE = [
  /\/__pycache__$|\.pyc$/,
  /^usr\/share\/info\/dir(\.old)?$/,
  /^usr\/lib\/locale\/(locale-archive|[^/]+)$/,
  /\/(gconv-modules|giomodule|loaders|mimeinfo|icon-theme)\.cache$|\/gschemas\.compiled$/,
  /^usr\/share\/mime\//,
  /^(usr\/)?lib\/modules\/[^/]+\/modules\.[^/]+$/,
  /^(usr\/)?lib\/udev\/hwdb\.bin$/,
  /^usr\/share\/fonts\/.*\.uuid$/,
];

/**
 * @param names - look only into directories that these packages alone have; default: into all
 * @throws GtpkgError STATUS_CORRUPT; the system's errors
 */
export function findExtras(disk: Disk, status: RootStatus, names?: readonly string[]): Extras {
  const walk = new Walk((path) => disk.look(path), disk.root === '/');
  const diversions = readDiversions(disk);
  const asked = names === undefined ? undefined : new Set(names);
  const directories = new Map<string, boolean>();
  const known = new Set<string>();
  const physical = new Map<string, string | undefined>();
  const directory = (path: BytePath): string | undefined => {
    if (!physical.has(path)) physical.set(path, quietDirectory(walk, path));
    return physical.get(path);
  };
  for (const pkg of status.values()) {
    const isAsked = asked?.has(pkg.name) ?? true;
    eachOwnPath(disk.root, pkg, (type, own) => {
      const path = type === 'd' ? own : diversions.place(own, pkg.name);
      const parent = directory(parentPath(path) as BytePath);
      if (parent !== undefined)
        known.add(joinPath(parent as BytePath, path.slice(path.lastIndexOf('/') + 1)));
      if (type !== 'd') return;
      const at = directory(path);
      if (at !== undefined) directories.set(at, isAsked && (directories.get(at) ?? true));
    });
  }
  const looked = [...directories].flatMap(([path, ours]) => (ours && !atHome(path) ? path : [])).sort();
  const isKnown = (path: BytePath, kind: ExtraPath['kind']): boolean =>
    known.has(path) || directories.has(path) || isMade(disk, { path, kind, diversions });
  return collect(disk, looked, isKnown);
}

function collect(
  disk: Disk,
  looked: readonly string[],
  isKnown: (path: BytePath, kind: ExtraPath['kind']) => boolean,
): Extras {
  const paths: ExtraPath[] = [];
  for (const at of looked) {
    for (const { name, kind } of entriesOf(disk, at)) {
      const path = joinPath(at as BytePath, name);
      if (isKnown(path, kind)) continue;
      if (paths.length >= MAX_EXTRA_PATHS) return { paths, more: true };
      paths.push({ path, kind });
    }
  }
  return { paths, more: false };
}

function quietDirectory(walk: Walk, path: BytePath): string | undefined {
  try {
    return walk.directory(path);
  } catch (error) {
    if (error instanceof GtpkgError) return undefined;
    throw error;
  }
}

function entriesOf(disk: Disk, at: string): { name: string; kind: ExtraPath['kind'] }[] {
  try {
    return disk.entries(at);
  } catch (error) {
    const code = systemCode(error);
    // gone, no directory, or not ours to read: the comparison with the manifest says so
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return [];
    throw error;
  }
}

const atHome = (path: string): boolean =>
  path === '' || path === 'opt' || OTHERS_AT_HOME.some((top) => path === top || path.startsWith(`${top}/`));

function isMade(
  disk: Disk,
  { path, kind, diversions }: ExtraPath & { readonly diversions: Diversions },
): boolean {
  if (diversions.to(path) !== undefined || diversions.from(path) !== undefined) return true;
  if (path.endsWith(CONFFILE_NEW) || path.endsWith(CONFFILE_OLD)) return true;
  if (kind === 'link') {
    const target = disk.readlink(path);
    return (
      target.startsWith('/etc/alternatives/') ||
      (/\/lib[^/]+\.so(\.\d+)*$/.test(path) && /^lib[^/]+\.so[.\d]*$/.test(target))
    );
  }
  return MADE.some((pattern) => pattern.test(path));
}

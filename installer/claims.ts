/**
 * Which installed packages have a claim on which paths, read from the kept manifests.
 *
 * A root may hold 300,000 paths: manifests of packages that stay are scanned for the paths that matter, not parsed.
 * They were checked when they were installed, and status holds the SHA-256 that they must still have.
 */
import { createHash } from 'node:crypto';
import { compareBytes, joinPath, parentPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { parseManifest, type EntryType, type Manifest } from '../model/manifest.js';
import type { Diversions } from './diversions.js';
import { readStateFile, statePaths, type StatePaths } from './state.js';
import type { InstalledPackage, RootStatus } from './status.js';

/** A package that has a path. */
export interface Claim {
  readonly name: string;
  readonly type: EntryType;
  /** as the package spells it, where it was diverted */
  readonly spelled?: BytePath;
  /** a conffile that it no longer ships */
  readonly obsolete?: true;
}

/** Claims by path as the packages spell it. */
export type Claims = ReadonlyMap<string, readonly Claim[]>;

/** What names a kept manifest. */
export type ManifestOwner = Pick<InstalledPackage, 'name' | 'version' | 'manifest'>;

/**
 * The exact signed bytes of an installed package's manifest.
 * @throws GtpkgError STATUS_CORRUPT when they are gone or not those that were installed
 */
export function readManifestBytes(
  dir: string,
  pkg: ManifestOwner,
  state: StatePaths = statePaths(dir),
): Buffer {
  const path = joinPath(state.manifests, pkg.name);
  const bytes = readStateFile(dir, path);
  if (bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === pkg.manifest) return bytes;
  throw new GtpkgError(
    'STATUS_CORRUPT',
    `the kept manifest of ${pkg.name} is ${bytes === undefined ? 'missing' : 'damaged'}`,
    {
      hint: `Put back /${path} from a copy; it is the manifest of release ${pkg.name} ${pkg.version}.`,
      data: { package: pkg.name },
    },
  );
}

/** The kept manifest, parsed. @throws GtpkgError STATUS_CORRUPT, MANIFEST_MALFORMED */
export function readManifest(dir: string, pkg: ManifestOwner, state?: StatePaths): Manifest {
  return parseManifest(readManifestBytes(dir, pkg, state));
}

/** Calls `each` for every entry of a manifest's bytes, in order, without building the entries. */
export function scanManifest(bytes: Buffer, each: (type: EntryType, path: BytePath) => void): void {
  const text = bytes.toString('latin1');
  let start = text.indexOf('\n') + 1;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    // x name value: an extended attribute of the file before it
    if (text[start] === 'x') {
      start = end + 1;
      continue;
    }
    // type mode owner group size mtime sha256 link path: the path follows the eighth space and may hold spaces
    let at = start;
    for (let field = 0; field < 8; field++) at = text.indexOf(' ', at) + 1;
    const path = text.slice(at, end);
    each(
      text[start] as EntryType,
      (path.includes('%')
        ? path.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
        : path) as BytePath,
    );
    start = end + 1;
  }
}

/** Every path that an installed package ships and still has; not those that another one took over. */
export function eachShippedPath(
  dir: string,
  pkg: InstalledPackage,
  each: (type: EntryType, path: BytePath) => void,
): void {
  const gone = new Set<string>(pkg.replaced);
  scanManifest(readManifestBytes(dir, pkg), (type, path) => {
    if (!gone.has(path)) each(type, path);
  });
}

/** Every path that a package has in its present state: also conffiles that it no longer ships, or that outlived it. */
export function eachOwnPath(
  dir: string,
  pkg: InstalledPackage,
  each: (type: EntryType, path: BytePath) => void,
): void {
  if (pkg.state === 'installed') {
    eachShippedPath(dir, pkg, each);
    for (const { obsolete, path } of pkg.conffiles) if (obsolete) each('f', path);
    return;
  }
  // removed: its conffiles, and the directories that could not go because of them
  const kept = new Set<string>();
  for (const { path } of pkg.conffiles) {
    for (let parent = parentPath(path); parent !== ''; parent = parentPath(parent)) kept.add(parent);
    kept.add(path);
  }
  const conffiles = new Set<string>(pkg.conffiles.map((conffile) => conffile.path));
  for (const path of [...kept].sort(compareBytes)) each(conffiles.has(path) ? 'f' : 'd', path as BytePath);
}

/**
 * Claims of the installed packages other than `leaving` on the paths in `wanted`.
 * @throws GtpkgError STATUS_CORRUPT
 */
export function gatherClaims(
  dir: string,
  status: RootStatus,
  scope: {
    readonly leaving: ReadonlySet<string>;
    readonly wanted: ReadonlySet<string>;
    readonly diversions: Diversions;
  },
): Claims {
  const claims = new Map<string, Claim[]>();
  for (const pkg of status.values()) {
    if (pkg.state !== 'installed' || scope.leaving.has(pkg.name)) continue;
    const add = (type: EntryType, spelled: BytePath, more: Pick<Claim, 'obsolete'> = {}): void => {
      const path = type === 'd' ? spelled : scope.diversions.place(spelled, pkg.name);
      if (!scope.wanted.has(path)) return;
      const claim = { name: pkg.name, type, ...(path === spelled ? {} : { spelled }), ...more };
      const there = claims.get(path);
      if (there === undefined) claims.set(path, [claim]);
      else there.push(claim);
    };
    eachShippedPath(dir, pkg, add);
    for (const { path, obsolete } of pkg.conffiles) if (obsolete) add('f', path, { obsolete });
  }
  return claims;
}

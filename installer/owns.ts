/** Whose a path is, and which paths a package has. Reads without a lock. */
import { compareBytes, joinPath, type BytePath } from '../model/bytes.js';
import { GtpkgError } from '../model/errors.js';
import { resolve } from 'node:path';
import type { EntryType } from '../model/manifest.js';
import { eachOwnPath } from './claims.js';
import { readDiversions } from './diversions.js';
import { readStateFile, statePaths } from './state.js';
import { readStatus, type InstalledPackage } from './status.js';
import { rootFiles, lookAtDisk, rootBytes, typedPath, Walk, quietly } from './walk.js';
import { SCRIPT_NAMES } from '../model/release.js';

/** A package that has a path; directories are shared by several. */
export interface PathOwner {
  readonly name: string;
  readonly type: EntryType;
  /** as the package spells it, or where that was diverted to */
  readonly path: BytePath;
}

/**
 * The packages that have `path`, given as a user types it: absolute means from the root. A path reached through a symbolic link
 * of the root (`/lib/x` for `/usr/lib/x`) is found too.
 * @throws GtpkgError STATUS_CORRUPT
 */
export function ownerOf(dir: string, path: string): readonly PathOwner[] {
  const asked = typedPath(path);
  if (asked === undefined) return [];
  const root = resolve(dir);
  const walk = new Walk(lookAtDisk(rootBytes(root)), root === '/');
  const place = quietly(walk, asked);
  const name = asked.slice(asked.lastIndexOf('/') + 1);
  const diversions = readDiversions(rootFiles(root));
  const exact: PathOwner[] = [];
  const reached: PathOwner[] = [];
  for (const pkg of readStatus(dir).values()) {
    eachOwnPath(dir, pkg, (type, spelled) => {
      const own = type === 'd' ? spelled : diversions.place(spelled, pkg.name);
      if (own === asked) exact.push({ name: pkg.name, type, path: own });
      else if (
        own.endsWith(name) &&
        (own === name || own.at(-1 - name.length) === '/') &&
        quietly(walk, own) === place
      ) {
        reached.push({ name: pkg.name, type, path: own });
      }
    });
  }
  return exact.length > 0 ? exact : reached;
}

function need(dir: string, name: string): InstalledPackage {
  const pkg = readStatus(dir).get(name);
  if (pkg !== undefined) return pkg;
  throw new GtpkgError('NOT_INSTALLED', `${name} is not installed`, {
    hint: 'gtpkg list --installed shows what is.',
    data: { package: name },
  });
}

/** Every path of an installed package, in byte order; of a removed one, its conffiles and their directories. @throws GtpkgError NOT_INSTALLED */
export function filesOf(
  dir: string,
  name: string,
): readonly { readonly path: BytePath; readonly type: EntryType }[] {
  const paths: { path: BytePath; type: EntryType }[] = [];
  const diversions = readDiversions(rootFiles(resolve(dir)));
  eachOwnPath(dir, need(dir, name), (type, path) =>
    paths.push({ path: type === 'd' ? path : diversions.place(path, name), type }),
  );
  return paths.sort((a, b) => compareBytes(a.path, b.path));
}

/** The maintainer scripts kept for an installed package, by name. @throws GtpkgError NOT_INSTALLED */
export function scriptsOf(dir: string, name: string): ReadonlyMap<string, Buffer> {
  need(dir, name);
  const { scripts } = statePaths(dir);
  const found = new Map<string, Buffer>();
  for (const script of SCRIPT_NAMES) {
    const bytes = readStateFile(dir, joinPath(scripts, `${name}/${script}`));
    if (bytes !== undefined) found.set(script, bytes);
  }
  return found;
}

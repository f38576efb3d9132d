/**
 * Paths and packages: what a package has, whose a path is. Installed packages answer first, from the root; offered ones from their sources'
 * contents (contents.ts), which may have to be fetched.
 */
import { GtpkgError, pathToText, type BytePath } from '../../model/index.js';
import type { Context } from '../context.js';
import { offeredFiles, offeredOwners, type OfferedOwner } from './contents.js';
import { chooseOffered } from './download.js';
import { OfferedUniverse, openSources } from './offers.js';
import { installedNames } from './root.js';
import { parseWanted } from './versions.js';

/** What a package has. */
export interface PackageFiles {
  readonly name: string;
  /** absolute, as below the root */
  readonly files: readonly string[];
  readonly installed: boolean;
  /** which release of which source is spoken of, when it is not the installed one */
  readonly version?: string;
  readonly source?: string;
}

/** Whose a path is. */
export interface PathOwners {
  readonly path: string;
  /** installed packages that have it */
  readonly packages: readonly string[];
  /** offered releases that have it, looked for when no installed package has */
  readonly offered: readonly OfferedOwner[];
}

/**
 * @param word - NAME of an installed package, or NAME[=VERSION][/SUITE][@SOURCE] of one that is offered
 * @throws GtpkgError NOT_INSTALLED when nothing tells, OFFLINE, NO_PEER, BLOCKS_MISSING, INDEX_MALFORMED
 */
export async function filesOfPackage(context: Context, word: string): Promise<PackageFiles> {
  let refused: unknown;
  try {
    await installedNames(context, [word]);
    const { filesOf } = await import('../../installer/owns.js');
    const files = filesOf(context.settings.root, word).map(({ path }) => `/${pathToText(path)}`);
    return { name: word, files, installed: true };
  } catch (error) {
    if (!(error instanceof GtpkgError) || error.code !== 'NOT_INSTALLED') throw error;
    refused = error;
  }
  const universe = new OfferedUniverse(await openSources(context));
  if (universe.versions(parseWanted(word).name).length === 0) throw refused;
  const candidate = await chooseOffered(universe, word, context.architecture);
  const { name, version, source } = candidate;
  const files = await offeredFiles(context, candidate);
  if (files === undefined) {
    throw new GtpkgError(
      'NOT_INSTALLED',
      `${name} is not installed, and ${source} does not say what is in it`,
      {
        hint: `gtpkg install ${name} --dry-run shows what it would bring; gtpkg clone ${name} fetches all of it.`,
        data: { package: name, source },
      },
    );
  }
  return { name, files, installed: false, version, source };
}

/**
 * @param path - as it is below the root, or with the root before it
 * @throws GtpkgError FILE_NOT_FOUND when no package has the path; OFFLINE, NO_PEER, BLOCKS_MISSING, INDEX_MALFORMED
 */
export async function ownersOf(context: Context, path: string): Promise<PathOwners> {
  const { ownerOf } = await import('../../installer/owns.js');
  const { root } = context.settings;
  const below = path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  const packages = [...new Set(ownerOf(root, below).map((each) => each.name))];
  const plain = Buffer.from(below, 'utf8').toString('latin1').replace(/^\/+/, '').replace(/\/+$/, '');
  const offered = packages.length > 0 ? [] : await offeredOwners(context, plain as BytePath);
  if (packages.length === 0 && offered.length === 0)
    throw new GtpkgError('FILE_NOT_FOUND', `no package installed in ${root} or offered has ${below}`, {
      hint: 'Give the path as it is below the root, for example /usr/bin/hello.',
    });
  return { path: below, packages, offered };
}

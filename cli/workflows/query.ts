/** Questions about packages: search, show, list, files, owns. No network, no keys. */
import { compareVersions, GtpkgError, pathToText } from '../../model/index.js';
import { readStatus, type InstalledPackage } from '../../installer/status.js';
import type { Context } from '../context.js';
import { installedNames } from './root.js';
import { OfferedUniverse, openSources, type OfferedCandidate } from './offers.js';
import { notFound, offeredHint, parseWanted, someWords } from './versions.js';

/** A line of search. */
export interface SearchHit {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly summary: string;
  readonly installed: boolean;
}

/** What search found. */
export interface SearchResult {
  readonly hits: readonly SearchHit[];
  /** how many sources were looked through */
  readonly sources: number;
}

/** A line of list. */
export interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly state: string;
  readonly summary: string;
}

/** What list found. */
export interface Listing {
  readonly which: 'installed' | 'upgradable' | 'all';
  readonly root: string;
  readonly packages: readonly ListedPackage[];
}

/** What show knows of one release. */
export interface PackageDetails {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly suite: string;
  readonly control: string;
  readonly signer: string;
  readonly core: string;
  readonly tag: string;
  readonly tree: string;
  readonly size: number;
  readonly installed: boolean;
  readonly held: boolean;
  readonly auto: boolean;
  readonly scripts: readonly { readonly name: string; readonly text: string }[];
}

async function installedByName(context: Context): Promise<Map<string, InstalledPackage>> {
  return new Map([...readStatus(context.settings.root)].filter(([, each]) => each.state === 'installed'));
}

function newest(candidates: readonly OfferedCandidate[], architecture: string): OfferedCandidate | undefined {
  return candidates
    .filter((each) => each.architecture === architecture || each.architecture === 'all')
    .reduce<OfferedCandidate | undefined>(
      (best, each) => (best === undefined || compareVersions(each.version, best.version) > 0 ? each : best),
      undefined,
    );
}

/** All words must match; the best hits first. */
export async function searchPackages(context: Context, words: readonly string[]): Promise<SearchResult> {
  someWords(words, 'word to search for');
  const installed = await installedByName(context);
  const hits: SearchHit[] = [];
  const seen = new Set<string>();
  const sources = await openSources(context);
  for (const { source, query } of sources) {
    for (const hit of query.search(words)) {
      const id = `${hit.name} ${hit.version} ${source.name}`;
      if (seen.has(id)) continue;
      seen.add(id);
      hits.push({
        name: hit.name,
        version: hit.version,
        source: source.name,
        summary: hit.summary,
        installed: installed.has(hit.name),
      });
    }
  }
  return { hits, sources: sources.length };
}

/** All releases that the sources offer of a package, newest first, and the installed one. @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND */
export async function showPackages(context: Context, word: string): Promise<PackageDetails[]> {
  const wanted = parseWanted(word);
  const universe = new OfferedUniverse(await openSources(context));
  const installed = (await installedByName(context)).get(wanted.name);
  const offered = universe.versions(wanted.name);
  if (offered.length === 0 && installed === undefined)
    throw await notFound(wanted.name, universe.names(), 'in any source');
  const scripts = installed === undefined ? [] : await scriptsOf(context, wanted.name);
  const out = offered
    .filter(
      (each) =>
        (wanted.version === undefined || each.version === wanted.version) &&
        (wanted.suite === undefined || each.suite === wanted.suite) &&
        (wanted.source === undefined || each.source === wanted.source),
    )
    .map((each): PackageDetails => {
      const here = installed !== undefined && installed.pin.core.key === each.offer.pin.core.key;
      return {
        name: each.name,
        version: each.version,
        architecture: each.architecture,
        source: each.source,
        suite: each.suite,
        control: each.offer.control.fields.toString(),
        signer: each.offer.pin.signer,
        core: each.offer.pin.core.key,
        tag: each.offer.pin.tag,
        tree: each.offer.pin.tree,
        size: each.downloadSize,
        installed: here,
        held: here && installed.held,
        auto: here && installed.auto,
        scripts: here ? scripts : [],
      };
    })
    .sort((a, b) => compareVersions(b.version, a.version));
  if (
    installed !== undefined &&
    !out.some((each) => each.installed) &&
    (wanted.version === undefined || wanted.version === installed.version)
  ) {
    out.push({
      name: installed.name,
      version: installed.version,
      architecture: installed.architecture,
      source: '',
      suite: '',
      control: installed.fields.toString(),
      signer: installed.pin.signer,
      core: installed.pin.core.key,
      tag: installed.pin.tag,
      tree: installed.pin.tree,
      size: installed.pin.core.byteLength,
      installed: true,
      held: installed.held,
      auto: installed.auto,
      scripts,
    });
  }
  if (out.length === 0) {
    throw new GtpkgError('VERSION_NOT_FOUND', `${wanted.name} is not offered as ${word}`, {
      hint: offeredHint(offered),
      data: { name: wanted.name },
    });
  }
  return out;
}

async function scriptsOf(context: Context, name: string): Promise<{ name: string; text: string }[]> {
  const { scriptsOf: read } = await import('../../installer/owns.js');
  return [...read(context.settings.root, name)].map(([script, bytes]) => ({
    name: script,
    text: bytes.toString('utf8'),
  }));
}

/** What is in the root, what has a newer version, or what the sources offer, by name. */
export async function listPackages(context: Context, which: Listing['which']): Promise<Listing> {
  const { root } = context.settings;
  const installed = await installedByName(context);
  if (which === 'installed') {
    const packages = [...installed.values()].map((each) => row(each, stateOf(each))).sort(byName);
    return { which, root, packages };
  }
  const universe = new OfferedUniverse(await openSources(context));
  if (which === 'upgradable') {
    const packages = [...installed.values()].flatMap((each) => {
      const best = newest(universe.versions(each.name), context.architecture);
      if (best === undefined || compareVersions(best.version, each.version) <= 0) return [];
      const state = `${each.version} installed${each.held ? ', held' : ''}`;
      const { version, source, offer } = best;
      return [{ ...row(each, state), version, source, summary: offer.control.summary }];
    });
    return { which, root, packages: packages.sort(byName) };
  }
  const packages = [...universe.names()]
    .flatMap((name) => universe.versions(name))
    .map((each) => ({
      name: each.name,
      version: each.version,
      architecture: each.architecture,
      source: each.source,
      state: installed.get(each.name)?.pin.core.key === each.offer.pin.core.key ? 'installed' : '',
      summary: each.offer.control.summary,
    }))
    .sort((a, b) => byName(a, b) || compareVersions(b.version, a.version));
  return { which, root, packages };
}

function byName(a: ListedPackage, b: ListedPackage): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function stateOf(each: InstalledPackage): string {
  return ['installed', each.auto ? 'automatic' : '', each.held ? 'held' : '']
    .filter((part) => part !== '')
    .join(', ');
}

function row(each: InstalledPackage, state: string): ListedPackage {
  return {
    name: each.name,
    version: each.version,
    architecture: each.architecture,
    source: each.source,
    state,
    summary: (each.fields.get('Description') ?? '').split('\n', 1)[0] ?? '',
  };
}

/** Absolute paths, as below the root. @throws GtpkgError NOT_INSTALLED */
export async function filesOfPackage(
  context: Context,
  name: string,
): Promise<{ name: string; files: string[] }> {
  await installedNames(context, [name]);
  const { filesOf } = await import('../../installer/owns.js');
  return { name, files: filesOf(context.settings.root, name).map(({ path }) => `/${pathToText(path)}`) };
}

/**
 * @param path - as it is below the root, or with the root before it
 * @throws GtpkgError FILE_NOT_FOUND when no installed package has the path
 */
export async function ownersOf(
  context: Context,
  path: string,
): Promise<{ path: string; packages: string[] }> {
  const { ownerOf } = await import('../../installer/owns.js');
  const { root } = context.settings;
  const below = path.startsWith(`${root}/`) ? path.slice(root.length) : path;
  const packages = [...new Set(ownerOf(root, below).map((each) => each.name))];
  if (packages.length === 0)
    throw new GtpkgError('FILE_NOT_FOUND', `no package installed in ${root} has ${below}`, {
      hint: 'Give the path as it is below the root, for example /usr/bin/hello.',
    });
  return { path: below, packages };
}

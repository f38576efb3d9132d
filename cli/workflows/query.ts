/** Questions about packages: search, show. No network, no keys. */
import { compareVersions, GtpkgError } from '../../model/index.js';
import type { Context } from '../context.js';
import { installedByName } from './list.js';
import { OfferedUniverse, openSources } from './offers.js';
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
  /** how many there are, also beyond what was asked for */
  readonly found: number;
  /** how many sources were looked through */
  readonly sources: number;
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

/**
 * All words must match; the best hits first, of all sources together.
 * @param limit - of hits; all of them when absent
 */
export async function searchPackages(
  context: Context,
  words: readonly string[],
  limit?: number,
): Promise<SearchResult> {
  someWords(words, 'word to search for');
  const installed = installedByName(context);
  const sources = await openSources(context);
  const found = sources.flatMap(({ source, query }) =>
    query.search(words).map((hit) => ({ ...hit, source: source.name })),
  );
  // one source's hits are in order already, and the order of equals stays
  if (sources.length > 1) found.sort((a, b) => b.score - a.score);
  const hits = found.slice(0, limit).map(({ name, version, source, summary }): SearchHit => {
    return { name, version, source, summary, installed: installed.has(name) };
  });
  return { hits, found: found.length, sources: sources.length };
}

/** All releases that the sources offer of a package, newest first, and the installed one. @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND */
export async function showPackages(context: Context, word: string): Promise<PackageDetails[]> {
  const wanted = parseWanted(word);
  const universe = new OfferedUniverse(await openSources(context));
  universe.checkSource(wanted.source);
  const installed = installedByName(context).get(wanted.name);
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

/** Fetches and verifies releases into the store without a root. */
import { join } from 'node:path';
import { compareVersions, GtpkgError, type ReleasePin } from '../../model/index.js';
import type { Context } from '../context.js';
import { OfferedUniverse, openSources, type OfferedCandidate } from './offers.js';
import { drain, fetchCores, verifyReleases } from './releases.js';
import { refused } from './kept-back.js';
import { Judge } from './trust-judge.js';
import { notFound, parseWanted, someWords } from './versions.js';

/** What is in the store now. */
export interface Downloaded {
  readonly dryRun: boolean;
  readonly releases: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
    readonly source: string;
    readonly core: string;
    readonly size: number;
  }[];
}

/** The newest offered release that fits the word. @throws GtpkgError SOURCE_NOT_FOUND, PACKAGE_NOT_FOUND, VERSION_NOT_FOUND */
export async function chooseOffered(
  universe: OfferedUniverse,
  word: string,
  architecture: string,
): Promise<OfferedCandidate> {
  const wanted = parseWanted(word);
  universe.checkSource(wanted.source);
  const offered = universe
    .versions(wanted.name)
    .filter((each) => wanted.source === undefined || each.source === wanted.source);
  if (offered.length === 0)
    throw await notFound(
      wanted.name,
      universe.names(),
      wanted.source === undefined ? 'in any source' : `in ${wanted.source}`,
    );
  const fitting = offered.filter(
    (each) =>
      (wanted.version === undefined || each.version === wanted.version) &&
      (wanted.suite === undefined || each.suite === wanted.suite) &&
      (each.architecture === architecture || each.architecture === 'all'),
  );
  const [first, ...rest] = fitting;
  if (first === undefined) {
    throw new GtpkgError(
      'VERSION_NOT_FOUND',
      `${wanted.name} is not offered as ${word} for ${architecture}`,
      { hint: `Offered: ${offered.map((each) => `${each.version} (${each.architecture})`).join(', ')}.` },
    );
  }
  return rest.reduce((best, each) => (compareVersions(each.version, best.version) > 0 ? each : best), first);
}

/** @throws GtpkgError as fetching and verifying do */
export async function downloadPackages(
  context: Context,
  words: readonly string[],
  options: { readonly dryRun: boolean; readonly tar: string | undefined },
): Promise<Downloaded> {
  const sources = await openSources(context);
  const universe = new OfferedUniverse(sources);
  const chosen: OfferedCandidate[] = [];
  for (const word of someWords(words, 'package'))
    chosen.push(await chooseOffered(universe, word, context.architecture));
  const judge = await Judge.open(context, { sources, status: [] });
  const kept = chosen.map((each) => ({ ...each, value: judge?.value(each) ?? 'auto' }));
  if (kept.some(({ value }) => value === 'refuse'))
    throw refused(kept.filter(({ value }) => value === 'refuse'));
  const wanted = chosen.map(({ offer: { pin, control }, source }) => ({ pin, control, source }));
  if (!options.dryRun) {
    await fetchCores(context, wanted);
    for (const release of await verifyReleases(context, wanted)) {
      if (options.tar === undefined) await drain(release);
      else {
        const { writeTarball } = await import('./tarball.js');
        await writeTarball(release, tarPath(options.tar, release.pin));
      }
    }
  }
  return {
    dryRun: options.dryRun,
    releases: chosen.map((each) => ({
      name: each.name,
      version: each.version,
      architecture: each.architecture,
      source: each.source,
      core: each.offer.pin.core.key,
      size: each.downloadSize,
    })),
  };
}

// As apt names files; a colon (epoch) is no good in file names everywhere.
function tarPath(directory: string, { name, version, architecture }: ReleasePin): string {
  return join(directory, `${name}_${version.replaceAll(':', '%3a')}_${architecture}.tar`);
}

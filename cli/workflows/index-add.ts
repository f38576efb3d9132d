/** Lists releases of other distributions in an index kept here. */
import { GtpkgError } from '../../model/index.js';
import type { Context } from '../context.js';
import { getIndex, getSource } from '../places.js';
import { chooseOffered } from './download.js';
import { enlist, type Prepared, type Published } from './enlist.js';
import { showIndex } from './index-views.js';
import { refused } from './kept-back.js';
import { OfferedUniverse, openSources } from './offers.js';
import { indexRepository, indexSigners } from './own-index.js';
import { drain, fetchCores, verifyReleases } from './releases.js';
import { Judge } from './trust-judge.js';
import { toldBy } from './trust-told.js';
import { keyOfSource } from './trusted-source.js';
import { someWords } from './versions.js';

/** Lists releases of other sources, each fetched and verified whole before it is signed in. @throws GtpkgError as fetching and verifying do */
export async function addFromSource(
  context: Context,
  options: {
    index: string;
    packages: readonly string[];
    suite: string | undefined;
    passphraseFile: string | undefined;
    allowOlder: boolean;
    dryRun: boolean;
  },
): Promise<Published> {
  const { entriesOf } = await import('../../index-repo/index.js');
  const index = await getIndex(context, options.index);
  const suite = options.suite ?? index.suite;
  const sources = await openSources(context);
  const universe = new OfferedUniverse(sources);
  const chosen = [];
  for (const word of someWords(options.packages, 'package')) {
    if (!word.includes('@'))
      throw new GtpkgError('USAGE', `"${word}" does not say which source it is taken from`, {
        hint: `Write ${word}@SOURCE.`,
      });
    chosen.push(await chooseOffered(universe, word, context.architecture));
  }
  // nobody passes on what they would not take
  const judge = await Judge.open(context, { sources, status: [] });
  const kept = chosen.map((each) => ({ ...each, value: judge?.value(each) ?? 'auto' }));
  if (kept.some(({ value }) => value === 'refuse'))
    throw refused(kept.filter(({ value }) => value === 'refuse'));
  const prepared: Prepared[] = [];
  for (const { name, offer, source } of chosen) {
    const listed = (await entriesOf(indexRepository(index), suite, name)).find(
      (entry) => entry.pin.tag === offer.pin.tag,
    );
    const key = await keyOfSource(await getSource(context, source), offer.pin.signer);
    prepared.push(
      listed === undefined
        ? { entry: offer, key, state: 'published' }
        : { entry: listed, key, state: 'unchanged' },
    );
  }
  if (options.dryRun) {
    const { sequence, introduction } = await showIndex(context, index.name);
    const releases = prepared.map(({ entry: { pin }, state }) => ({
      name: pin.name,
      version: pin.version,
      architecture: pin.architecture,
      core: pin.core.key,
      size: pin.core.byteLength,
      state,
    }));
    const nothing = { changed: false, dryRun: true, pending: [] };
    return { index: index.name, suite, sequence, introduction, releases, ...nothing };
  }
  const wanted = chosen.map(({ offer: { pin, control }, source }) => ({ pin, control, source }));
  await fetchCores(context, wanted);
  const verified = new Map<string, Pick<Prepared, 'paths' | 'told'>>();
  for (const release of await verifyReleases(context, wanted)) {
    await drain(release);
    const told = toldBy(release);
    const candidate = chosen.find(({ offer }) => offer.pin.tree === release.pin.tree);
    if (candidate !== undefined && judge?.judge(candidate, told).value === 'refuse')
      throw refused([{ ...candidate, value: 'refuse' }], told);
    verified.set(release.pin.tree, { paths: release.manifest.map(({ path }) => path), told });
  }
  return enlist(context, {
    index,
    suite,
    prepared: prepared.map((each) => ({ ...each, ...verified.get(each.entry.pin.tree) })),
    signers: await indexSigners(context, index, options.passphraseFile),
    allowOlder: options.allowOlder,
  });
}

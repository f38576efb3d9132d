/**
 * A memory stick into this home: everything on it is judged as if a peer had sent it.
 *
 * Order, for each distribution on the stick: its introduction must be known or be given by the user, never by the stick alone; the piece of
 * its index core must be of that introduction's key; the trust machine judges the index, and only then anything is kept. Releases are
 * taken when a trusted index lists them, block by block, whatever else is on the stick or missing from it.
 */
import { EXIT, GtpkgError, type CoreRef, type Introduction } from '../../model/index.js';
import type { Bundle, Depot, VerifiedLog } from '../../replication/index.js';
import type { LogReader } from '../../index-repo/index.js';
import type { Context } from '../context.js';
import { removeSource, writeSource, type Source } from '../places.js';
import { withDraft } from './bundle-draft.js';
import { takeReleases, type ImportedRelease } from './bundle-releases.js';
import { introductions, type Introduced } from './bundle-trust.js';
import { shortName, takeOwnName } from './sources.js';
import { coreBytes, syncFrom, type Synced } from './sync-source.js';

/** What became of one distribution's index. */
export interface ImportedIndex {
  /** of the source; of a stranger what the stick says */
  readonly name: string;
  readonly indexCore: string;
  readonly state: 'added' | 'updated' | 'unchanged' | 'refused' | 'incomplete' | 'unknown' | 'passed-over';
  readonly sequence: number | null;
  readonly previous: number | null;
  /** the index core here reaches as far as the stick's, so that it can be seeded at once */
  readonly seedable: boolean;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** What was taken, or would be. */
export interface Imported {
  readonly file: string;
  readonly dryRun: boolean;
  /** how the file ends before its end; null when it is whole */
  readonly damage: string | null;
  readonly distributions: readonly ImportedIndex[];
  readonly releases: readonly ImportedRelease[];
  /** bytes of releases that were new here, or would be */
  readonly taken: number;
  /** the same of contents, which tell whose a path is */
  readonly contents: number;
}

/** What import is asked for. */
export interface ImportOptions {
  readonly sources: readonly string[];
  /** leave the indexes as they are known */
  readonly releasesOnly: boolean;
  readonly dryRun: boolean;
}

/**
 * @throws GtpkgError BUNDLE_MALFORMED, BUNDLE_INCOMPLETE (what was whole was taken; `data` is the result), SOURCE_NOT_FOUND, INDEX_ROLLBACK,
 * and all that the trust machine throws
 */
export async function importBundle(
  context: Context,
  file: string,
  options: ImportOptions,
): Promise<Imported> {
  const { openBundle } = await import('../../replication/index.js');
  const bundle = await openBundle(file);
  try {
    const introduced = await introductions(context, bundle, options);
    const depot = await context.depot({ local: true });
    return await withDraft(context, options.dryRun, async (draft) => {
      const job: Job = { context, bundle, depot, draft, options };
      const indexes: Judged[] = [];
      for (const each of introduced) indexes.push(await judge(job, each));
      const usable = indexes.flatMap(({ source, shown }) =>
        source !== undefined && shown.state !== 'refused' ? [source] : [],
      );
      const { releases, taken } = await takeReleases(context, {
        bundle,
        depot,
        sources: usable,
        dryRun: options.dryRun,
      });
      const { takeContents } = await import('./bundle-contents.js');
      const { dryRun } = options;
      const contents = await takeContents({ bundle, depot, sources: usable, dryRun });
      const result: Imported = {
        file,
        dryRun: options.dryRun,
        damage: bundle.damage ?? null,
        distributions: indexes.map(({ shown }) => shown),
        releases,
        taken,
        contents,
      };
      complain(result, indexes);
      return result;
    });
  } finally {
    await bundle.close();
  }
}

interface Job {
  readonly context: Context;
  readonly bundle: Bundle;
  readonly depot: Depot;
  /** where a source's files are changed: in place, or in a copy of a dry run */
  readonly draft: (source: Source) => Promise<Source>;
  readonly options: ImportOptions;
}

interface Judged {
  readonly shown: ImportedIndex;
  /** trusted, with an index here */
  readonly source?: Source;
  readonly error?: GtpkgError;
}

async function judge(job: Job, each: Introduced): Promise<Judged> {
  const { context, bundle, draft, options } = job;
  const { key, claimed } = each;
  const show = (
    name: string,
    more: Partial<ImportedIndex> & Pick<ImportedIndex, 'state'>,
  ): ImportedIndex => ({
    name,
    indexCore: key,
    sequence: null,
    previous: null,
    seedable: false,
    error: null,
    ...more,
  });
  if (each.by === 'nothing') return { shown: show(claimed, { state: 'unknown' }) };
  const fresh = each.by === 'user';
  if (!fresh && options.releasesOnly)
    return { shown: show(each.source.name, { state: 'passed-over' }), source: await draft(each.source) };
  let at: Source | undefined;
  try {
    const log = await bundle.log(key); // before anything is written
    at = await draft(fresh ? await newSource(job, each.given) : each.source);
    const synced = await syncFrom(context, at, {
      log: readerOf(log),
      fetchCore: (ref) => fromStick(job, ref),
    });
    if (synced.stale) throw await older(log, synced);
    const seedable = options.dryRun || (await keepIndex(job, log));
    const source = fresh && !options.dryRun ? await takeOwnName(context, at, synced.name.toLowerCase()) : at;
    const { sequence, previous, changed } = synced.update;
    const state = fresh ? 'added' : changed ? 'updated' : 'unchanged';
    const name = fresh && options.dryRun ? synced.name : source.name;
    return { shown: show(name, { state, sequence, previous, seedable }), source };
  } catch (error) {
    if (fresh && at !== undefined) await removeSource(at);
    if (!(error instanceof GtpkgError) || error.exit === EXIT.internal) throw error;
    const { code, message } = error;
    const name = fresh ? claimed : each.source.name;
    const failed = { error: { code, message } };
    if (code !== 'BLOCKS_MISSING') return { shown: show(name, { state: 'refused', ...failed }), error };
    // an index that was not copied whole says nothing against what is known already
    const shown = show(name, { state: 'incomplete', ...failed });
    return fresh ? { shown } : { shown, source: at ?? (await draft(each.source)) };
  }
}

async function newSource({ context, options }: Job, introduction: Introduction): Promise<Source> {
  const name = shortName(introduction);
  return options.dryRun ? { name, introduction, directory: '' } : writeSource(context, name, introduction);
}

function readerOf(log: VerifiedLog): LogReader {
  const [, from = 1] = log.blocks;
  return { length: log.length, from, get: async (number) => log.block(number) };
}

async function fromStick({ bundle, depot }: Job, ref: CoreRef): Promise<Uint8Array> {
  const [held] = await depot.held([ref]);
  return held === ref.byteLength ? coreBytes(depot, ref) : bundle.bytes(ref);
}

// What a peer needs to begin with this index; what is not on the stick can still come from elsewhere.
async function keepIndex({ bundle, depot }: Job, log: VerifiedLog): Promise<boolean> {
  const { livePart } = await import('../../index-repo/index.js');
  const live = await livePart(readerOf(log));
  const cores = live?.cores ?? [];
  for (const ref of cores) {
    const part = bundle.cores.get(ref.key);
    if (part?.ref.byteLength === ref.byteLength) await depot.putPart(part);
  }
  const range = bundle.logs.get(log.key);
  const { taken } = range === undefined ? { taken: false } : await depot.putLogProof(range);
  return taken && (await depot.held(cores)).every((bytes, i) => bytes === cores[i]?.byteLength);
}

async function older(log: VerifiedLog, { update }: Synced): Promise<GtpkgError> {
  const { livePart } = await import('../../index-repo/index.js');
  const live = await livePart(readerOf(log));
  return new GtpkgError(
    'INDEX_ROLLBACK',
    `the bundle has ${update.name} at sequence ${live?.sequence}, older than ${update.sequence} that is known`,
    {
      hint: 'Nothing was changed. With --releases-only, import takes the releases that are still listed.',
      data: { source: update.name, sequence: live?.sequence, known: update.sequence },
    },
  );
}

// What could be taken was taken before anything is said.
function complain(result: Imported, indexes: readonly Judged[]): void {
  const data = { import: result };
  const refused = indexes.find(({ error }) => error !== undefined)?.error;
  if (refused !== undefined) {
    throw new GtpkgError(refused.code, refused.message, {
      ...(refused.hint === undefined ? {} : { hint: refused.hint }),
      data: { ...refused.data, ...data },
      cause: refused,
    });
  }
  const { distributions } = result;
  const strangers = distributions.filter(({ state }) => state === 'unknown');
  if (strangers.length > 0 && strangers.length === distributions.length) {
    throw new GtpkgError(
      'SOURCE_NOT_FOUND',
      `the bundle is of ${strangers.map(({ name, indexCore }) => `${name} (${indexCore})`).join(', ')}, which is no source here`,
      {
        hint: 'Give --source INTRODUCTION, the line that you got from somebody you trust; what the bundle says of itself proves nothing.',
        data,
      },
    );
  }
  const lost = result.releases.filter(({ state }) => state === 'missing' || state === 'damaged');
  const halves = distributions.filter(({ state }) => state === 'incomplete');
  if (lost.length + halves.length === 0 && result.damage === null) return;
  const names = [
    ...halves.map(({ name }) => `the index of ${name}`),
    ...lost.map(({ name, version }) => `${name} ${version}`),
  ];
  const most = 20;
  const rest = names.length > most ? ` and ${names.length - most} more` : '';
  const what =
    names.length === 0
      ? 'nothing that it lists is missing'
      : `not whole: ${names.slice(0, most).join(', ')}${rest}`;
  throw new GtpkgError('BUNDLE_INCOMPLETE', `${result.file}: ${result.damage ?? 'it is damaged'}; ${what}`, {
    hint: result.dryRun
      ? 'Copy the bundle again. What is whole in it can be imported all the same.'
      : 'What is whole was taken. Copy the bundle again and repeat the command: it takes only the rest.',
    data,
  });
}

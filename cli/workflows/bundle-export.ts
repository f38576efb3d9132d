/**
 * A memory stick out of this home: choose releases, prove the indexes, bring what is missing, write one file.
 *
 * Indexes go along as they are trusted here, so every release on the stick is listed by the index on the stick.
 */
import { resolve } from 'node:path';
import { formatIntroduction, GtpkgError, type CoreRef } from '../../model/index.js';
import type { LivePart } from '../../index-repo/index.js';
import type { BundleContents, Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import type { Source } from '../places.js';
import {
  chooseReleases,
  withOffers,
  type BundleChoice,
  type ChosenRelease,
  type OfferedSource,
} from './bundle-choose.js';
import { checkTarget, writeTarget } from './bundle-target.js';
import type { OpenSource } from './offers.js';
import { meetPeers, missingBytes } from './releases.js';
import { sync } from './sync-source.js';
import { checkFresh } from '../../index-repo/state.js';

/** What was written, or would be. */
export interface Exported {
  /** null: standard output */
  readonly file: string | null;
  readonly dryRun: boolean;
  /** bytes of the file */
  readonly size: number;
  /** bytes that were not here, and are fetched first */
  readonly fetched: number;
  readonly distributions: readonly {
    readonly name: string;
    readonly indexCore: string;
    readonly sequence: number;
  }[];
  /** bytes of it that tell which paths releases have; 0 where that was not asked for */
  readonly contents: number;
  readonly releases: readonly {
    readonly name: string;
    readonly version: string;
    readonly architecture: string;
    readonly source: string;
    readonly core: string;
    readonly size: number;
  }[];
}

/** An index that goes along. */
interface ProvenIndex {
  readonly source: Source;
  readonly proof: Uint8Array;
  readonly live: LivePart;
}

/** How often an index may move on while it is looked at, by a seeder that follows it. */
const ATTEMPTS = 3;

/**
 * @param file - path, or `-` for standard output
 * @throws GtpkgError PACKAGE_NOT_FOUND, NO_SOLUTION, INDEX_EXPIRED, OFFLINE, ALREADY_EXISTS, NO_SPACE, and what fetching throws
 */
export async function exportBundle(
  context: Context,
  file: string,
  options: { readonly choice: BundleChoice; readonly contents: boolean; readonly dryRun: boolean },
): Promise<Exported> {
  const path = file === '-' ? undefined : resolve(file);
  await checkTarget(path, context.settings.json);
  const { chosen, indexes } = await choose(context, options.choice);
  const paths = options.contents ? await contentsFor(context, chosen, indexes) : [];
  const cores = distinct([
    ...indexes.flatMap(({ live }) => live.cores),
    ...chosen.map(({ pin }) => pin.core),
    ...paths,
  ]);
  const contents: BundleContents = {
    list: {
      distributions: indexes.map(({ source, live }) => ({
        introduction: formatIntroduction(source.introduction),
        name: source.name,
        sequence: live.sequence,
      })),
      releases: chosen.map(({ pin }) => pin),
    },
    logs: indexes.map(({ proof }) => proof),
    cores,
  };
  const depot = await context.depot();
  const { bundleWriter } = await import('../../replication/index.js');
  const { bundleSize, writeBundle } = await bundleWriter();
  const size = bundleSize(contents);
  const fetched = await missingBytes(context, cores);
  const { dryRun } = options;
  if (!dryRun) {
    if (fetched > 0) await fetchMissing(context, { depot, cores, chosen, indexes });
    context.report({ kind: 'start', id: 'bundle', label: 'Writing', total: size, unit: 'bytes' });
    await writeTarget(path, (write) =>
      writeBundle(depot, contents, {
        write,
        onProgress: (done) => context.report({ kind: 'advance', id: 'bundle', done }),
      }),
    ).finally(() => context.report({ kind: 'end', id: 'bundle' }));
  }
  return {
    file: path ?? null,
    dryRun,
    size,
    fetched,
    distributions: indexes.map(({ source, live }) => ({
      name: source.name,
      indexCore: source.introduction.indexCore,
      sequence: live.sequence,
    })),
    contents: distinct(paths).reduce((sum, { byteLength }) => sum + byteLength, 0),
    releases: chosen.map(({ pin, source }) => ({
      name: pin.name,
      version: pin.version,
      architecture: pin.architecture,
      source: source.name,
      core: pin.core.key,
      size: pin.core.byteLength,
    })),
  };
}

// Of the architectures of what goes along, where something does.
async function contentsFor(
  context: Context,
  chosen: readonly ChosenRelease[],
  indexes: readonly ProvenIndex[],
): Promise<CoreRef[]> {
  const { contentsCores } = await import('./bundle-contents.js');
  const architectures = [context.architecture, ...chosen.map(({ pin }) => pin.architecture)];
  const found: CoreRef[] = [];
  for (const { source, live } of indexes)
    found.push(...(await contentsCores(source, live.commit, architectures)));
  return found;
}

async function choose(
  context: Context,
  choice: BundleChoice,
): Promise<{ chosen: ChosenRelease[]; indexes: ProvenIndex[] }> {
  for (let attempt = 1; ; attempt++) {
    const { chosen, indexes, behind } = await withOffers(context, async (sources) => {
      if (sources.length === 0) {
        throw new GtpkgError('INDEX_NOT_FOUND', 'this home knows no index that could be exported', {
          hint: 'gtpkg source add INTRODUCTION adds a source; gtpkg update fetches its index.',
        });
      }
      const taken = await chooseReleases(context, sources, choice);
      const names = new Set(taken.map(({ source }) => source.name));
      const used = taken.length === 0 ? sources : sources.filter(({ source }) => names.has(source.name));
      const proven: ProvenIndex[] = [];
      const moved: OfferedSource[] = [];
      for (const each of used) {
        const index = await prove(context, each);
        if (index === undefined) moved.push(each);
        else proven.push(index);
      }
      return { chosen: taken, indexes: proven, behind: moved };
    });
    const [first] = behind;
    if (first === undefined) return { chosen, indexes };
    const kept = behind.find((each) => each.kept);
    if (kept !== undefined || attempt === ATTEMPTS) throw apart((kept ?? first).source);
    for (const { source } of behind) await sync(context, source);
  }
}

// Undefined when the index core says something else than what is trusted here.
async function prove(context: Context, { source, query }: OpenSource): Promise<ProvenIndex | undefined> {
  const [{ livePart, openIndex, viewIndex }, { openLogProof }] = await Promise.all([
    import('../../index-repo/index.js'),
    import('../../replication/index.js'),
  ]);
  const { indexRepository } = await import('./own-index.js');
  const repository = await openIndex(indexRepository(source));
  const { distribution } = await viewIndex((oid) => repository.read(oid), query.commit);
  checkFresh(distribution, context.now);
  const depot = await context.depot();
  const log = await depot.openLog(source.introduction.indexCore);
  try {
    const here = await livePart(log);
    if (here?.commit !== query.commit) return undefined;
    const proof = await depot.readLogProof(source.introduction.indexCore, here.from);
    const read = await openLogProof(proof);
    const live = await livePart({ length: read.length, get: async (number) => read.block(number) });
    return live?.commit === query.commit ? { source, proof, live } : undefined;
  } finally {
    await log.close();
  }
}

function apart(source: Source): GtpkgError {
  return new GtpkgError(
    'INDEX_NOT_FOUND',
    `the index core of ${source.name} that is held here does not end at the state that is trusted`,
    {
      hint: `Run gtpkg update ${source.name} while one of its peers can be reached.`,
      data: { source: source.name },
    },
  );
}

interface Missing {
  readonly depot: Depot;
  readonly cores: readonly CoreRef[];
  readonly chosen: readonly ChosenRelease[];
  readonly indexes: readonly ProvenIndex[];
}

async function fetchMissing(context: Context, { depot, cores, chosen, indexes }: Missing): Promise<void> {
  if (context.settings.offline) {
    const held = await depot.held(cores);
    const missing = new Set(cores.filter((ref, i) => held[i] !== ref.byteLength).map(({ key }) => key));
    const packages = chosen
      .filter(({ pin }) => missing.has(pin.core.key))
      .map(({ pin }) => `${pin.name} ${pin.version}`);
    const what = packages.length === 0 ? 'parts of an index' : packages.slice(0, 10).join(', ');
    const more = packages.length > 10 ? ` and ${packages.length - 10} more` : '';
    throw new GtpkgError('OFFLINE', `not held here, and --offline forbids to fetch it: ${what}${more}`, {
      hint: 'Try again without --offline, or name only packages that are held.',
      data: { packages, cores: missing.size },
    });
  }
  await meetPeers(
    context,
    indexes.map(({ source }) => source),
  );
  context.report({ kind: 'start', id: 'fetch', label: 'Fetching', unit: 'bytes' });
  try {
    await depot.fetch(cores, {
      onProgress: ({ done, total }) => context.report({ kind: 'advance', id: 'fetch', done, total }),
    });
  } finally {
    context.report({ kind: 'end', id: 'fetch' });
  }
}

function distinct(refs: readonly CoreRef[]): CoreRef[] {
  return [...new Map(refs.map((ref) => [ref.key, ref])).values()];
}

/**
 * What goes on a memory stick: named packages with all that they need on an empty machine, a suite, or everything held.
 */
import { join } from 'node:path';
import { GtpkgError, type ReleasePin } from '../../model/index.js';
import { QueryFile } from '../../index-repo/query.js';
import type { Depot } from '../../replication/index.js';
import type { Context } from '../context.js';
import { listIndexes, listSources, type Source } from '../places.js';
import { withScratch } from '../scratch.js';
import { decide } from './decide.js';
import { openSources, type OfferedCandidate, type OpenSource } from './offers.js';
import { indexRepository } from './own-index.js';

/** What the user wants on the stick. */
export type BundleChoice =
  | {
      readonly kind: 'packages';
      readonly words: readonly string[];
      readonly recommends: boolean;
      readonly dependencies: boolean;
    }
  | { readonly kind: 'suite'; readonly suite: string }
  | { readonly kind: 'held' };

/** What can be exported from: a source, or an index kept here that is none. */
export interface OfferedSource extends OpenSource {
  readonly kept: boolean;
}

/** A release for the stick. */
export interface ChosenRelease {
  readonly pin: ReleasePin;
  readonly source: Source;
}

/**
 * The sources of this home, and the indexes kept here that are no sources: their makers need no introduction to them.
 * Open while `work` goes on.
 */
export async function withOffers<T>(
  context: Context,
  work: (sources: readonly OfferedSource[]) => Promise<T>,
): Promise<T> {
  const known = new Set((await listSources(context)).map(({ introduction }) => introduction.indexCore));
  const own = (await listIndexes(context)).filter(({ indexCore }) => !known.has(indexCore));
  const sources = (await openSources(context)).map((each) => ({ ...each, kept: false }));
  if (own.length === 0) return work(sources);
  return withScratch(context, 'bundle', async (directory) => {
    const { compileQuery, headOf, openIndex } = await import('../../index-repo/index.js');
    const mine: OfferedSource[] = [];
    try {
      for (const index of own) {
        const path = join(directory, index.name);
        const repository = indexRepository(index);
        await compileQuery(repository, await headOf(await openIndex(repository)), {
          architectures: [context.architecture],
          path,
        });
        const taken = sources.some(({ source }) => source.name === index.name);
        const name = taken ? `${index.name} (kept here)` : index.name;
        mine.push({ source: { ...index, name }, query: QueryFile.open(path), kept: true });
      }
      return await work([...sources, ...mine]);
    } finally {
      for (const { query } of mine) query.close();
    }
  });
}

/** @throws GtpkgError PACKAGE_NOT_FOUND, VERSION_NOT_FOUND, NO_SOLUTION, SOURCE_NOT_FOUND */
export async function chooseReleases(
  context: Context,
  sources: readonly OpenSource[],
  choice: BundleChoice,
): Promise<ChosenRelease[]> {
  if (choice.kind === 'packages') return closure(context, sources, choice);
  const all = sources.flatMap(({ source, query }) =>
    [...query.names()].flatMap((name) =>
      query.byName(name).map(({ pin, suite }) => ({ pin, source, suite })),
    ),
  );
  if (choice.kind === 'suite') return distinct(ofSuite(all, choice.suite));
  const held = distinct(all);
  const depot: Depot = await context.depot();
  const bytes = await depot.held(held.map(({ pin }) => pin.core));
  return held.filter(({ pin }, i) => bytes[i] === pin.core.byteLength);
}

// Everything that a machine with nothing on it would install.
async function closure(
  context: Context,
  sources: readonly OpenSource[],
  choice: Extract<BundleChoice, { kind: 'packages' }>,
): Promise<ChosenRelease[]> {
  const { words, recommends, dependencies } = choice;
  const request = { kind: 'install', words, recommends, dependencies } as const;
  const { plan } = await decide(context, request, { status: [], sources });
  const byName = new Map(sources.map(({ source }) => [source.name, source]));
  return distinct(
    plan.steps.flatMap(({ to }) => {
      const candidate = to as OfferedCandidate | undefined;
      const source = byName.get(candidate?.source ?? '');
      return candidate === undefined || source === undefined ? [] : [{ pin: candidate.offer.pin, source }];
    }),
  );
}

function ofSuite<T extends ChosenRelease & { readonly suite: string }>(all: readonly T[], word: string): T[] {
  const [, suite = '', , of] = /^([^@]*)(@(.*))?$/.exec(word) ?? [];
  const found = all.filter((each) => each.suite === suite && (of === undefined || each.source.name === of));
  if (found.length > 0) return found;
  const known = [...new Set(all.map((each) => `${each.suite}@${each.source.name}`))].sort();
  throw new GtpkgError('PACKAGE_NOT_FOUND', `no source has packages in a suite "${word}"`, {
    hint:
      known.length === 0
        ? 'gtpkg source add INTRODUCTION adds a source; gtpkg update fetches its index.'
        : `There are: ${known.slice(0, 10).join(', ')}.`,
    data: { suite: word, known },
  });
}

// One release may be listed in two suites, or by two distributions.
function distinct(chosen: readonly ChosenRelease[]): ChosenRelease[] {
  const byKey = new Map<string, ChosenRelease>();
  for (const { pin, source } of chosen)
    if (!byKey.has(`${source.name} ${pin.core.key}`))
      byKey.set(`${source.name} ${pin.core.key}`, { pin, source });
  return [...byKey.values()];
}

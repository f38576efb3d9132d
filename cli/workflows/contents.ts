/**
 * Paths of releases that are offered and not installed: looked up in the contents that the sources' indexes name. Segments are fetched by the first
 * question, and kept like any other core.
 */
import { GtpkgError, pathToText, type BytePath, type CoreRef } from '../../model/index.js';
import type { PlaceContents, ReleaseHead } from '../../index-repo/index.js';
import type { Context } from '../context.js';
import { openSources, type OpenSource } from './offers.js';
import { indexRepository } from './own-index.js';
import { meetPeers } from './releases.js';
import type { OfferedCandidate } from './offers.js';

/** A release that is offered and has a path. */
export interface OfferedOwner {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly suite: string;
  readonly source: string;
}

/**
 * The absolute paths of an offered release; undefined when its source's contents do not tell.
 * @throws GtpkgError OFFLINE, NO_PEER, BLOCKS_MISSING, INDEX_MALFORMED
 */
export async function offeredFiles(
  context: Context,
  candidate: OfferedCandidate,
): Promise<string[] | undefined> {
  const { pathsIn, releaseHead } = await import('../../index-repo/index.js');
  const open = (await openSources(context)).find(({ source }) => source.name === candidate.source);
  if (open === undefined) return undefined;
  const { tree } = releaseHead(candidate.offer.pin);
  const places = (await placesOf(context, open)).filter(
    ({ suite, architecture }) => suite === candidate.suite && architecture === candidate.architecture,
  );
  for (const { core } of places.flatMap(({ segments }) => [...segments].reverse())) {
    const paths = await pathsIn(await segment(context, open, core), tree);
    if (paths !== undefined) return paths.map(shown);
  }
  return undefined;
}

/** Offered releases that have a path, given without the slash. @throws GtpkgError OFFLINE, NO_PEER, BLOCKS_MISSING, INDEX_MALFORMED */
export async function offeredOwners(context: Context, path: string): Promise<OfferedOwner[]> {
  const { releasesWith } = await import('../../index-repo/index.js');
  const owners: OfferedOwner[] = [];
  for (const open of await openSources(context)) {
    for (const { suite, architecture, segments } of await placesOf(context, open)) {
      for (const { core } of segments) {
        for await (const head of releasesWith(await segment(context, open, core), path)) {
          if (!isOffered(open, head, suite)) continue;
          const { name, version } = head;
          owners.push({ name, version, architecture, suite, source: open.source.name });
        }
      }
    }
  }
  return owners.filter(
    (owner, at) => owners.findIndex((other) => JSON.stringify(other) === JSON.stringify(owner)) === at,
  );
}

// Segments may tell of releases that were taken out since.
function isOffered({ query }: OpenSource, head: ReleaseHead, suite: string): boolean {
  return query
    .byName(head.name)
    .some((offer) => offer.suite === suite && offer.pin.tree.startsWith(head.tree));
}

async function placesOf(context: Context, { source, query }: OpenSource): Promise<PlaceContents[]> {
  const { contentsOf } = await import('../../index-repo/index.js');
  const wanted = new Set([context.architecture, 'all']);
  const places = await contentsOf(indexRepository(source), query.commit);
  return places.filter(({ architecture }) => wanted.has(architecture));
}

async function segment(
  context: Context,
  { source }: OpenSource,
  core: CoreRef,
): Promise<AsyncIterable<Uint8Array>> {
  const depot = await context.depot();
  const [held] = await depot.held([core]);
  if (held !== core.byteLength) {
    await meetPeers(context, [source]);
    try {
      await depot.fetch([core]);
    } catch (error) {
      if (!(error instanceof GtpkgError)) throw error;
      throw new GtpkgError(error.code, `the contents of ${source.name} are not here: ${error.message}`, {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        data: { ...error.data, source: source.name },
        cause: error,
      });
    }
  }
  return depot.source(core).read(0, core.byteLength);
}

const shown = (path: string): string => `/${pathToText(path as BytePath)}`;

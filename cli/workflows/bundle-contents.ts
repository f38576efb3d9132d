/**
 * Contents on a memory stick: the segments that an index names (docs/formats/contents.md), so that `owns` and `files` answer without a network
 * for packages that are not installed. Taken from a stick only as far as an index that is trusted here names them.
 */
import type { CoreRef } from '../../model/index.js';
import type { Oid } from '../../model/ids.js';
import type { Bundle, Depot } from '../../replication/index.js';
import type { Source } from '../places.js';
import { openQuery } from './offers.js';
import { indexRepository } from './own-index.js';

/** The segments of an index at a commit, for these architectures and `all`. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export async function contentsCores(
  source: Source,
  commit: Oid,
  architectures: Iterable<string>,
): Promise<CoreRef[]> {
  const { contentsOf } = await import('../../index-repo/index.js');
  const wanted = new Set([...architectures, 'all']);
  const places = await contentsOf(indexRepository(source), commit);
  return places
    .filter(({ architecture }) => wanted.has(architecture))
    .flatMap(({ segments }) => segments.map(({ core }) => core));
}

/**
 * Takes from the stick what the indexes of these sources name and is not here.
 * @returns bytes that were new, or with `dryRun` would be
 * @throws GtpkgError NO_SPACE, IO_ERROR
 */
export async function takeContents(given: {
  readonly bundle: Bundle;
  readonly depot: Depot;
  readonly sources: readonly Source[];
  readonly dryRun: boolean;
}): Promise<number> {
  const { bundle, depot, sources, dryRun } = given;
  const { contentsOf } = await import('../../index-repo/index.js');
  let taken = 0;
  for (const source of sources) {
    const query = openQuery(source);
    if (query === undefined) continue;
    const { commit } = query;
    query.close();
    for (const { segments } of await contentsOf(indexRepository(source), commit)) {
      for (const { core } of segments) {
        const part = bundle.cores.get(core.key);
        const [held = 0] = await depot.held([core]);
        if (part?.ref.byteLength !== core.byteLength || held === core.byteLength) continue;
        taken += dryRun ? core.byteLength - held : (await depot.putPart(part)).held - held;
      }
    }
  }
  return taken;
}

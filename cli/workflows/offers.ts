/**
 * What the sources offer, read from their compiled query files; and the universe that the resolver sees.
 * Loads neither git nor openpgp nor the swarm.
 */
import { join } from 'node:path';
import { GtpkgError, type Candidate, type Universe } from '../../model/index.js';
import { QueryFile, type QueryEntry as Offer } from '../../index-repo/query.js';
import type { Context } from '../context.js';
import { listSources, type Source } from '../places.js';

/** The compiled query file of a source. */
export function queryPath(source: Source): string {
  return join(source.directory, 'query');
}

/** Opens a source's query file, undefined when its index was never fetched. */
export function openQuery(source: Source): QueryFile | undefined {
  try {
    return QueryFile.open(queryPath(source));
  } catch (error) {
    if (error instanceof GtpkgError && error.code === 'INDEX_NOT_FOUND') return undefined;
    throw error;
  }
}

/** A source with its open query file. */
export interface OpenSource {
  readonly source: Source;
  readonly query: QueryFile;
}

/** All sources whose index is here. */
export async function openSources(context: Context): Promise<OpenSource[]> {
  return (await listSources(context)).flatMap((source) => {
    const query = openQuery(source);
    return query === undefined ? [] : [{ source, query }];
  });
}

/** A candidate that remembers its entry. */
export interface OfferedCandidate extends Candidate {
  readonly offer: Offer;
}

function candidateOf(source: string, offer: Offer): OfferedCandidate {
  const { control, pin, suite } = offer;
  return {
    name: pin.name,
    version: pin.version,
    architecture: pin.architecture,
    multiArch: control.multiArch,
    essential: control.essential,
    source,
    suite,
    relations: control.relations,
    installedSize: control.installedSize,
    downloadSize: pin.core.byteLength,
    offer,
  };
}

/** The union of all sources. One candidate object per entry, so identity can be compared. */
export class OfferedUniverse implements Universe {
  readonly #sources: readonly OpenSource[];
  readonly #accepts: (candidate: OfferedCandidate) => boolean;
  readonly #byName = new Map<string, readonly OfferedCandidate[]>();

  /** @param accepts - others are as if no source offered them */
  constructor(
    sources: readonly OpenSource[],
    accepts: (candidate: OfferedCandidate) => boolean = () => true,
  ) {
    this.#sources = sources;
    this.#accepts = accepts;
  }

  versions(name: string): readonly OfferedCandidate[] {
    let found = this.#byName.get(name);
    if (found === undefined) {
      found = this.#sources.flatMap(({ source, query }) =>
        query
          .byName(name)
          .map((offer) => candidateOf(source.name, offer))
          .filter(this.#accepts),
      );
      this.#byName.set(name, found);
    }
    return found;
  }

  providers(name: string): readonly OfferedCandidate[] {
    const out: OfferedCandidate[] = [];
    for (const { source, query } of this.#sources) {
      for (const provider of query.providers(name)) {
        const same = this.versions(provider.pin.name).find(
          (each) =>
            each.source === source.name &&
            each.offer.pin.core.key === provider.pin.core.key &&
            each.suite === provider.suite,
        );
        if (same !== undefined && !out.includes(same)) out.push(same);
      }
    }
    return out;
  }

  /** That a source which a user names is there, and was fetched. @throws GtpkgError SOURCE_NOT_FOUND */
  checkSource(name: string | undefined): void {
    const known = this.#sources.map(({ source }) => source.name);
    if (name === undefined || known.includes(name)) return;
    throw new GtpkgError('SOURCE_NOT_FOUND', `there is no source "${name}", or it was never fetched`, {
      hint:
        known.length === 0
          ? 'gtpkg source list shows the sources; gtpkg update fetches their indexes.'
          : `Known sources: ${known.join(', ')}.`,
      data: { source: name, known },
    });
  }

  /** Every name that some source offers. */
  names(): Set<string> {
    return new Set(this.#sources.flatMap(({ query }) => [...query.names()]));
  }
}

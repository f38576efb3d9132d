/**
 * What the indexes here list, as a seeder needs it: which cores belong to which release, and whether a newer one is there. Of a large index
 * only this is kept in memory.
 */
import {
  compareVersions,
  type CoreRef,
  type DeltaRef,
  type Oid,
  type ReleasePin,
} from '../../model/index.js';
import type { Context } from '../context.js';
import { listIndexes, listSources, type OwnIndex, type Source } from '../places.js';
import { openQuery } from './offers.js';
import { indexRepository } from './own-index.js';

/** One listed release. */
export interface Listed {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly suite: string;
  readonly source: string;
  readonly core: CoreRef;
  /** how others come to it from older releases */
  readonly deltas: readonly CoreRef[];
  /** the same suite lists a newer version for this architecture */
  readonly superseded: boolean;
}

/** Which releases of its sources a seeder is to hold; nothing given is all of them. */
export interface Selection {
  /** `NAME` or `NAME/SUITE`; a `*` stands for any text */
  readonly packages: readonly string[];
}

/** What is listed, read again only where an index has changed. */
export class Listings {
  readonly #context: Context;
  readonly #known = new Map<string, { readonly commit: Oid; readonly listed: readonly Listed[] }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** What the sources list for this architecture. @throws GtpkgError INDEX_CORRUPT */
  async sources(): Promise<Listed[]> {
    const found: Listed[] = [];
    for (const source of await listSources(this.#context)) found.push(...this.#source(source));
    return found;
  }

  /** What the indexes kept here publish. @throws GtpkgError OBJECT_CORRUPT, ENTRY_MALFORMED, INDEX_MALFORMED */
  async own(): Promise<Listed[]> {
    const found: Listed[] = [];
    for (const index of await listIndexes(this.#context)) found.push(...(await this.#index(index)));
    return found;
  }

  #source(source: Source): readonly Listed[] {
    const query = openQuery(source);
    if (query === undefined) return [];
    try {
      return this.#remembered(source.directory, query.commit, () =>
        [...query.names()].flatMap((name) =>
          lighten(
            source.name,
            query.byName(name).map((entry) => ({ entry, suite: entry.suite })),
          ),
        ),
      );
    } finally {
      query.close();
    }
  }

  async #index(index: OwnIndex): Promise<readonly Listed[]> {
    const { listEntries, openIndex, tipOf } = await import('../../index-repo/index.js');
    const directory = indexRepository(index);
    const commit = await tipOf(await openIndex(directory));
    const known = this.#known.get(directory);
    if (known?.commit === commit) return known.listed;
    const byName = new Map<string, Entry[]>();
    for await (const { entry, suite } of listEntries(directory, { commit })) {
      const same = byName.get(entry.pin.name) ?? [];
      byName.set(entry.pin.name, [...same, { entry: { pin: entry.pin, deltas: entry.deltas }, suite }]);
    }
    return this.#remembered(directory, commit, () =>
      [...byName.values()].flatMap((entries) => lighten(index.name, entries)),
    );
  }

  #remembered(place: string, commit: Oid, read: () => Listed[]): readonly Listed[] {
    const known = this.#known.get(place);
    if (known?.commit === commit) return known.listed;
    const listed = read();
    this.#known.set(place, { commit, listed });
    return listed;
  }
}

interface Entry {
  readonly entry: { readonly pin: ReleasePin; readonly deltas: readonly DeltaRef[] };
  readonly suite: string;
}

/** All entries of one name. */
function lighten(source: string, entries: readonly Entry[]): Listed[] {
  return entries.map(({ entry: { pin, deltas }, suite }) => ({
    name: pin.name,
    version: pin.version,
    architecture: pin.architecture,
    suite,
    source,
    core: { key: pin.core.key, byteLength: pin.core.byteLength },
    deltas: deltas.map(({ core: { key, byteLength } }) => ({ key, byteLength })),
    superseded: entries.some(
      (other) =>
        other.suite === suite &&
        other.entry.pin.architecture === pin.architecture &&
        compareVersions(other.entry.pin.version, pin.version) > 0,
    ),
  }));
}

/** Whether a release is among those named. */
export function selects({ packages }: Selection): (release: Listed) => boolean {
  if (packages.length === 0) return () => true;
  const patterns = packages.map((each) => {
    const [name = '', suite = '*'] = each.split('/');
    return [pattern(name), pattern(suite)] as const;
  });
  return ({ name, suite }) => patterns.some(([names, suites]) => names.test(name) && suites.test(suite));
}

function pattern(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\*', '.*')}$`);
}

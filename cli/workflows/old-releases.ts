/**
 * Releases of the past, as the history pins them: who vouches for them today, with which keys, and how they come.
 *
 * The index may have moved on and list them no more. That they were listed is known: this root took them from it. What counts today is whether
 * their source is still one of ours, and what is known of their signers' keys by now: a key that any source shows as compromised signs
 * nothing any more. ADR 0018.
 */
import { GtpkgError, type CoreRef, type DeltaRef, type ReleasePin } from '../../model/index.js';
import { readHistory, releasePin, type HistoryPin } from '../../installer/history.js';
import type { InstalledPackage } from '../../installer/status.js';
import type { PublicKey } from '../../trust/index.js';
import type { Context } from '../context.js';
import { listSources, type Source } from '../places.js';
import type { PlannedRelease } from './carry-out.js';
import { chooseWay, coresOf } from './deltas.js';
import { OldDeltas } from './old-deltas.js';
import { openSources, type OfferedCandidate, type OpenSource } from './offers.js';
import { indexRepository } from './own-index.js';
import { statePath } from './trusted-source.js';

/** A release that is to come back. */
export interface OldRelease {
  readonly pin: ReleasePin;
  /** today's source, and its suite */
  readonly source: string;
  readonly suite: string;
  /** its entry, where an index still lists it */
  readonly offer: OfferedCandidate['offer'] | undefined;
}

/** A delta that gave a release, and the tree of the older one that it builds upon. */
export type Recipe = Pick<DeltaRef, 'from' | 'core'>;

/** What is known of the past, read once. */
export class OldReleases {
  readonly sources: readonly OpenSource[];
  readonly #context: Context;
  readonly #all: readonly Source[];
  /** by tag: when it first came here, and the index commits of that day */
  readonly #first = new Map<
    string,
    { readonly date: string; readonly commits: Readonly<Record<string, string>> }
  >();

  readonly #trees = new Map<string, { readonly name: string; readonly pin: HistoryPin }>();
  /** by tag: the delta that it came as */
  readonly #recipes = new Map<string, Recipe>();

  private constructor(context: Context, sources: readonly OpenSource[], all: readonly Source[]) {
    this.#context = context;
    this.sources = sources;
    this.#all = all;
    for (const { date, changes, indexCommits: commits } of readHistory(context.settings.root))
      for (const { name, to, via } of changes) {
        if (to === null) continue;
        if (!this.#first.has(to.tag)) this.#first.set(to.tag, { date, commits });
        this.#trees.set(to.tree, { name, pin: to });
        if (via !== undefined)
          this.#recipes.set(to.tag, { from: via.from, core: { key: via.core, byteLength: via.coreSize } });
      }
  }

  /** @throws GtpkgError STATUS_CORRUPT, INDEX_CORRUPT */
  static async open(context: Context): Promise<OldReleases> {
    return new OldReleases(context, await openSources(context), await listSources(context));
  }

  /** @throws GtpkgError SOURCE_NOT_FOUND when nobody whom the user trusts today stands for it */
  find(name: string, old: HistoryPin): OldRelease {
    const pin = releasePin(name, old);
    const own = this.sources.filter(({ source }) => source.name === old.source);
    for (const { source, query } of [...own, ...this.sources.filter((each) => !own.includes(each))]) {
      const same = query
        .byName(name)
        .filter((entry) => entry.pin.tag === pin.tag && entry.pin.core.key === pin.core.key);
      const offer = same.find(({ suite }) => suite === old.suite) ?? same[0];
      if (offer !== undefined)
        return {
          pin: offer.pin,
          source: source.name,
          suite: source.name === old.source ? old.suite : offer.suite,
          offer,
        };
    }
    if (!this.#all.some((source) => source.name === old.source))
      throw new GtpkgError(
        'SOURCE_NOT_FOUND',
        `${name} ${old.version} came from the source "${old.source}", which is none of yours any more`,
        {
          hint: `Nothing was changed. Add its introduction again (gtpkg source add … --name ${old.source}), or go back to a state without it.`,
          data: { package: name, version: old.version, source: old.source },
        },
      );
    // what the index said when it was taken is not known any more where it was not written down: then no later than it came here
    const date = pin.listed ?? new Date(this.#first.get(pin.tag)?.date ?? Number.NaN);
    const listed = Number.isNaN(date.getTime()) ? {} : { listed: date };
    return { pin: { ...pin, ...listed }, source: old.source, suite: old.suite, offer: undefined };
  }

  /** The delta that a release came as, if it did. */
  recipe({ tag }: ReleasePin): Recipe | undefined {
    return this.#recipes.get(tag);
  }

  /** The release of the past that has this tree; undefined when there is none, or nobody stands for it. */
  ofTree(tree: string): OldRelease | undefined {
    const known = this.#trees.get(tree);
    try {
      return known === undefined ? undefined : this.find(known.name, known.pin);
    } catch (error) {
      if (error instanceof GtpkgError && error.code === 'SOURCE_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Copies of the signer's key, those that are revoked first. @throws GtpkgError SIGNER_UNKNOWN */
  async keys({ pin }: OldRelease): Promise<readonly PublicKey[]> {
    const { openIndex, readIndexKey } = await import('../../index-repo/index.js');
    const { readStoredIndex } = await import('../../index-repo/sync.js');
    const copies: PublicKey[] = [];
    const look = async (source: Source, commit: string | undefined): Promise<void> => {
      if (commit === undefined) return;
      try {
        const repository = await openIndex(indexRepository(source));
        copies.push(await readIndexKey(repository, commit as ReleasePin['tag'], pin.signer));
      } catch (error) {
        // it has no such key, or that old commit is not held
        if (!(error instanceof GtpkgError)) throw error;
      }
    };
    for (const source of this.#all)
      await look(source, (await readStoredIndex(statePath(source)))?.trusted.head);
    if (copies.length === 0)
      for (const source of this.#all) await look(source, this.#first.get(pin.tag)?.commits[source.name]);
    if (copies.length > 0) {
      const trouble = (key: PublicKey): number => Number(key.signing.some(({ revoked }) => revoked));
      return copies.sort((a, b) => trouble(b) - trouble(a));
    }
    throw new GtpkgError(
      'SIGNER_UNKNOWN',
      `${pin.name} ${pin.version} is signed by ${pin.signer}, and no source of yours has that key any more`,
      { data: { package: pin.name, version: pin.version, signer: pin.signer } },
    );
  }

  /** How they come: from what is held, as deltas where that is less, or from peers. @throws GtpkgError SIGNER_UNKNOWN, STATUS_CORRUPT */
  async plan(
    releases: readonly OldRelease[],
    {
      installed,
      deltas,
      scratch,
    }: {
      readonly installed: ReadonlyMap<string, InstalledPackage>;
      readonly deltas: boolean;
      /** lasts until they have come */
      readonly scratch: string;
    },
  ): Promise<PlannedRelease[]> {
    if (releases.length === 0) return [];
    const known = releases.map((each) => ({ ...each, deltas: deltas ? (each.offer?.deltas ?? []) : [] }));
    const cores = coresOf(known);
    const held = await (await this.#context.depot()).held(cores);
    const lacking = new Map(cores.map((core, i) => [core.key, core.byteLength - (held[i] ?? 0)]));
    const missing = (core: CoreRef): number => lacking.get(core.key) ?? core.byteLength;
    const made = new OldDeltas(this.#context, this, scratch);
    const planned: PlannedRelease[] = [];
    for (const each of known) {
      const { pin, source } = each;
      const chosen = await chooseWay(this.#context, each, { installed: installed.get(pin.name), missing });
      const way = missing(chosen.core) === 0 ? chosen : ((await made.way(each)) ?? chosen);
      const bytes = way === chosen ? missing(way.core) : 0;
      const saved = missing(pin.core) - bytes;
      planned.push({ pin, source, keys: await this.keys(each), way, missing: bytes, saved });
    }
    return planned;
  }
}

/**
 * An index under attack: an honest chain of commits in memory, the client that trusts it as a source, and offers that a peer makes to the client.
 */
import assert from 'node:assert/strict';
import { getSource, removeSource, writeSource } from '../../cli/places.js';
import { syncFrom, type Synced } from '../../cli/workflows/sync-source.js';
import { encodeRecord, entryFrom, readStoredIndex, type IndexEntry } from '../../index-repo/index.js';
import { packObjects } from '../../index-repo/packs.js';
import { encodeHeader } from '../../index-repo/record.js';
import { limits, type GtpkgError, type Introduction } from '../../model/index.js';
import type { PublicKey } from '../../trust/index.js';
import type { Crafted } from '../e2e/evil-release.js';
import {
  Chain,
  coreKey,
  introduce,
  MemoryLog,
  type ChainCommit,
  type CommitPlan,
  type TestSigner,
} from '../index-repo/support.js';
import { shardOf, type Codes, type Scene } from './scene.js';

/** How an honest index is set up. */
export interface IndexOptions {
  readonly name?: string;
  /** default: Ada alone */
  readonly roots?: readonly TestSigner[];
  readonly threshold?: number;
  /** of the first commit */
  readonly plan?: Partial<CommitPlan>;
}

/** What a peer shows to the client. */
export interface Offer {
  /** default: the honest chain */
  readonly chain?: Chain;
  /** default: all of the chain; the last one is the head that is claimed */
  readonly commits?: readonly ChainCommit[];
  /** the client's clock */
  readonly now?: Date;
}

export class IndexAttack {
  readonly #scene: Scene;
  readonly #log = new MemoryLog();
  readonly chain = new Chain();

  private constructor(
    scene: Scene,
    /** name of the source at the client */
    readonly source: string,
    readonly introduction: Introduction,
    readonly roots: readonly TestSigner[],
  ) {
    this.#scene = scene;
    this.#log.blocks.push(encodeHeader());
  }

  static async make(scene: Scene, options: IndexOptions): Promise<IndexAttack> {
    const { roots = [scene.ada], threshold = 1, name = scene.fresh('index'), plan = {} } = options;
    const fingerprints = roots.map(({ fingerprint }) => fingerprint);
    const introduction = { ...introduce(fingerprints, threshold), indexCore: coreKey(name) };
    const index = new IndexAttack(scene, name, introduction, roots);
    await index.chain.commit({
      signers: roots.slice(0, threshold),
      keys: roots.map(({ publicKey }) => publicKey),
      authorizations: { threshold, since: 1, roots: [...fingerprints].sort() },
      ...plan,
      distribution: { indexCore: introduction.indexCore, ...plan.distribution },
    });
    await scene.with('client', (context) => writeSource(context, name, introduction));
    await index.accepted();
    return index;
  }

  /** The next honest commit: by Ada or whoever is named, checked by nobody yet. */
  async commit(plan: Partial<CommitPlan> = {}): Promise<ChainCommit> {
    const { threshold } = this.introduction;
    return this.chain.commit({ signers: this.roots.slice(0, threshold), ...plan });
  }

  /** The entry of a release, which the client's store holds from now on. */
  async entry({ image, control, pin }: Crafted): Promise<IndexEntry> {
    const depot = await this.#scene.depot();
    return entryFrom(control, { ...pin, core: await depot.putStaticBytes(image) });
  }

  /** A root lists releases, honestly or not, and the client takes that state over. */
  async lists(...releases: readonly Crafted[]): Promise<void> {
    const entries: IndexEntry[] = [];
    for (const release of releases) entries.push(await this.entry(release));
    const known = [this.#scene.ada, this.#scene.bob, this.#scene.carol, this.#scene.mallory];
    const keys = new Map<string, PublicKey>(
      releases.flatMap(({ pin }) => {
        const key = known.find(({ fingerprint }) => fingerprint === pin.signer)?.publicKey;
        return key === undefined ? [] : [[pin.signer, key] as const];
      }),
    );
    await this.commit({ files: shardOf(entries), keys: [...keys.values()] });
    await this.accepted();
  }

  /** The number that the client trusts; undefined when it trusts nothing. */
  async trusted(): Promise<number | undefined> {
    const path = this.#scene.path('client', 'sources', this.source, 'state.json');
    return (await readStoredIndex(path))?.trusted.sequence;
  }

  /** The log as a peer shows it whose newest record brings the offer. */
  async log({ chain = this.chain, commits = chain.commits }: Offer = {}): Promise<MemoryLog> {
    const tip = commits.at(-1);
    assert.ok(tip !== undefined);
    const left = new Set(chain.commits.filter((commit) => !commits.includes(commit)).map(({ oid }) => oid));
    const objects = new Map([...chain.objects].filter(([oid]) => !left.has(oid)));
    const bytes = await packObjects(objects);
    const log = this.#log.upTo(this.#log.length);
    const pack =
      bytes.length <= limits.MAX_INLINE_PACK ? { inline: bytes } : { cores: [await log.putCore(bytes)] };
    const { sequence } = tip.distribution;
    const anchor = commits[0]?.oid ?? tip.oid;
    log.blocks.push(
      encodeRecord({ kind: 'snapshot', commit: tip.oid, anchor, sequence, snapshotDistance: 0, pack }),
    );
    return log;
  }

  /** The client updates from this log. */
  sync(log: MemoryLog, now?: Date): Promise<Synced> {
    return this.#scene.with(
      'client',
      async (context) =>
        syncFrom(context, await getSource(context, this.source), { log, fetchCore: log.fetchCore }),
      now,
    );
  }

  /** The client takes over what is offered. */
  async accepted(offer: Offer = {}): Promise<void> {
    const log = await this.log(offer);
    const { update } = await this.sync(log, offer.now);
    const tip = (offer.commits ?? (offer.chain ?? this.chain).commits).at(-1);
    assert.equal(update.sequence, tip?.distribution.sequence);
    this.#log.blocks.push(...log.blocks.slice(this.#log.length));
  }

  /** The client refuses what is offered; neither trust nor disk moves. */
  async refused(codes: Codes, offer: Offer = {}): Promise<GtpkgError> {
    const log = await this.log(offer);
    return this.#scene.refuses(() => this.sync(log, offer.now), codes);
  }

  /** The same index at another client that knows its first state: a source of its own. */
  async again(): Promise<IndexAttack> {
    const other = new IndexAttack(this.#scene, this.#scene.fresh('again'), this.introduction, this.roots);
    const branch = this.chain.branch(1);
    for (const [oid, object] of branch.objects) other.chain.objects.set(oid, object);
    other.chain.commits.push(...branch.commits);
    other.chain.tags.push(...branch.tags);
    await this.#scene.with('client', (context) => writeSource(context, other.source, this.introduction));
    await other.accepted();
    return other;
  }

  /** Somebody who has only an introduction is refused, and is left with nothing. */
  async refusedNewcomer(codes: Codes, introduction: Introduction, offer: Offer = {}): Promise<GtpkgError> {
    const log = await this.log(offer);
    return this.#scene.refuses(
      () =>
        this.#scene.with(
          'newcomer',
          async (context) => {
            const draft = await writeSource(context, this.#scene.fresh('draft'), introduction);
            try {
              return await syncFrom(context, draft, { log, fetchCore: log.fetchCore });
            } catch (error) {
              await removeSource(draft); // as addSource does
              throw error;
            }
          },
          offer.now,
        ),
      codes,
      'newcomer',
    );
  }
}

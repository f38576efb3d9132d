/**
 * What the attacks share: a client that trusts a distribution and has a package of it installed, the people around it, and the question
 * whether anything moved.
 *
 * Everything is judged by the workflows that the commands run, on real bytes, in this process: an index that is offered goes through
 * `syncFrom` as in `gtpkg update`, a release through `changeRoot` as in `gtpkg install`, a .deb through `publish`. Peers are processes: peers.ts.
 *
 * One file for each attack of docs/threat-model.md, all run by one process (scripts/test.mjs), so that the scene is made once.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Context, type Settings } from '../../cli/context.js';
import { changeRoot } from '../../cli/workflows/change.js';
import { downloadPackages } from '../../cli/workflows/download.js';
import { createIndex } from '../../cli/workflows/indexes.js';
import { publish } from '../../cli/workflows/publish.js';
import { formatShard, shardPath, type IndexEntry } from '../../index-repo/index.js';
import { GtpkgError, type ErrorCode } from '../../model/index.js';
import { openDepot, type Depot } from '../../replication/index.js';
import { generateKey, KeyStore, type Signer } from '../../trust/index.js';
import { craft, type Crafted } from '../e2e/evil-release.js';
import { homeState, program, rootState, unmoved } from '../e2e/scene.js';
import { makeSigner, type TestSigner } from '../index-repo/support.js';
import { IndexAttack, type IndexOptions } from './index-attack.js';
import { PeerProcess, Roamer } from './peers.js';

/** What the client trusts and has; see Scene.state. */
export type State = readonly string[];

/** A refusal must be one of these codes. */
export type Codes = ErrorCode | readonly ErrorCode[];

let made: Promise<Scene> | undefined;
after(async () => (await made)?.end());

/** One attack: a test that gets the scene, and takes care itself that the refusal moved nothing (see Scene.refuses). */
export function attack(
  name: string,
  work: (scene: Scene) => Promise<void>,
  skip: string | false = false,
): void {
  test(`attack: ${name}`, { skip, timeout: 120_000 }, async () => {
    made ??= Scene.make();
    const scene = await made;
    try {
      await work(scene);
    } finally {
      await scene.tidy();
    }
  });
}

/** Commands one after the other in a home, as if each were a process of its own; only the store is opened once. */
class Command extends Context {
  readonly #store: () => Promise<Depot>;

  constructor(settings: Settings, now: Date | undefined, store: () => Promise<Depot>) {
    super(settings, now === undefined ? {} : { now });
    this.#store = store;
  }

  override depot(): Promise<Depot> {
    return this.#store();
  }
}

export class Scene {
  #count = 0;
  readonly #depots = new Map<string, Promise<Depot>>();
  #peer: Promise<PeerProcess> | undefined;

  private constructor(
    readonly dir: string,
    /** roots of honest indexes: the first k of them sign */
    readonly ada: TestSigner,
    readonly bob: TestSigner,
    readonly carol: TestSigner,
    /** a stranger to all of them */
    readonly mallory: TestSigner,
    /** an honest release by Ada, listed nowhere yet: `victim` 1.0 */
    readonly victim: Crafted,
    /** fingerprint of the key in the publisher's home */
    readonly publisherKey: string,
  ) {}

  static async make(): Promise<Scene> {
    const dir = await mkdtemp(join(tmpdir(), 'gtpkg-attacks-'));
    const people = await Promise.all(['Ada', 'Bob', 'Carol', 'Mallory'].map((name) => makeSigner(name)));
    const [ada, bob, carol, mallory] = people as [TestSigner, TestSigner, TestSigner, TestSigner];
    const victim = await craft(join(dir, 'scratch'), program('victim'), ada);
    const { privateKey } = await generateKey({ name: 'Pub', email: 'pub@example.org' });
    const key = await new KeyStore(join(dir, 'publisher', 'keys')).import(privateKey);
    const scene = new Scene(dir, ada, bob, carol, mallory, victim, key.fingerprint);
    const index = await scene.index({ name: 'acme' });
    await index.lists(await craft(join(dir, 'scratch'), program('hello'), ada), victim);
    await scene.install('hello@acme');
    // the honest counterpart of every bad release below is good
    await scene.with('client', (context) =>
      downloadPackages(context, ['victim@acme'], { dryRun: false, tar: undefined }),
    );
    await scene.with('publisher', (context) =>
      createIndex(context, {
        name: 'acme',
        keys: [key.fingerprint],
        threshold: 1,
        suites: ['stable'],
        days: undefined,
        passphraseFile: undefined,
        dryRun: false,
      }),
    );
    return scene;
  }

  async end(): Promise<void> {
    await (await this.#peer)?.end();
    for (const depot of this.#depots.values()) await (await depot).close();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The process of a peer in bad faith, started when it is first asked for. */
  peer(): Promise<PeerProcess> {
    return (this.#peer ??= PeerProcess.start());
  }

  /** A client with a home of its own, and with a network. */
  roamer(): Roamer {
    return new Roamer(this, this.fresh('roamer'));
  }

  /** Forgets the sources of one attack, so that the next one's state stays small. */
  async tidy(): Promise<void> {
    const sources = this.path('client', 'sources');
    for (const name of await readdir(sources))
      if (name !== 'acme') await rm(join(sources, name), { recursive: true });
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** A name that nobody has had in this scene. */
  fresh(word: string): string {
    return `${word}-${this.#count++}`;
  }

  /** The store of a home; no network. */
  depot(home = 'client'): Promise<Depot> {
    const known = this.#depots.get(home);
    const depot = known ?? openDepot({ home: this.path(home), bootstrap: [], offline: true });
    this.#depots.set(home, depot);
    return depot;
  }

  /** One command's worth of work in a home, without network. */
  with<T>(home: string, work: (context: Context) => Promise<T>, now?: Date): Promise<T> {
    const settings = {
      home: this.path(home),
      root: this.path(home, 'root'),
      bootstrap: [],
      lan: false,
      offline: true,
      timeout: 6000,
      json: false,
      yes: true,
    };
    return work(new Command(settings, now, () => this.depot(home)));
  }

  /** Everything that a home trusts, keeps and has installed, each file with its digest. */
  async state(home = 'client'): Promise<State> {
    return [...(await homeState(this.path(home))), ...(await rootState(this.path(home, 'root')))];
  }

  /** `work` must be refused with one of the codes, as a matter of trust, and move nothing in the home. */
  async refuses(work: () => Promise<unknown>, codes: Codes, home = 'client'): Promise<GtpkgError> {
    const before = await this.state(home);
    const error = await work().then(
      (value: unknown) => assert.fail(`accepted, ${String(codes)} expected: ${JSON.stringify(value)}`),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof GtpkgError)) throw error;
    const told = `${error.code} where ${String(codes)} is expected: ${error.message}`;
    assert.ok([codes].flat().includes(error.code), told);
    unmoved(await this.state(home), before);
    return error;
  }

  /** A new honest index with its first state, signed by k of its roots; the client trusts it as a source. */
  index(options: IndexOptions = {}): Promise<IndexAttack> {
    return IndexAttack.make(this, options);
  }

  /** Installs from what the client holds. */
  install(word: string, now?: Date): Promise<unknown> {
    const request = { kind: 'install', words: [word], recommends: false, dependencies: true } as const;
    return this.with('client', (context) => changeRoot(context, request, { dryRun: false }), now);
  }

  /** A root lists the release in an otherwise honest index; who installs it is refused, and nothing of it is placed. */
  async refusesRelease(release: Crafted, codes: Codes): Promise<GtpkgError> {
    const index = await this.index();
    await index.lists(release);
    return this.refuses(() => this.install(`${release.pin.name}@${index.source}`), codes);
  }

  /** `release` as if it were by somebody else: the entry names them, the tag is as it is. */
  by(release: Crafted, { fingerprint }: Pick<Signer, 'fingerprint'>): Crafted {
    return { ...release, pin: { ...release.pin, signer: fingerprint } };
  }

  /** A publisher is handed a .deb; neither the index, nor the package repositories, nor anything outside gets anything of it. */
  async refusesDeb(bytes: Uint8Array, codes: Codes): Promise<GtpkgError> {
    const path = this.path(`${this.fresh('evil')}.deb`);
    await writeFile(path, bytes);
    const error = await this.refuses(() => this.publish(path), codes, 'publisher');
    assert.deepEqual(
      await readdir(this.path('publisher', 'tmp')).catch(() => []),
      [],
      'something temporary was left',
    );
    await rm(path);
    return error;
  }

  /** The publisher publishes a .deb or a directory. */
  publish(path: string): Promise<unknown> {
    const options = {
      paths: [path],
      index: 'acme',
      suite: undefined,
      key: undefined,
      passphraseFile: undefined,
      compression: 1,
      deltas: 0,
      allowOlder: false,
      dryRun: false,
    };
    return this.with('publisher', (context) => publish(context, options));
  }
}

/** The shard files of these entries. */
export function shardOf(entries: readonly IndexEntry[]): Record<string, Buffer> {
  const place = ({ pin }: IndexEntry): string => `suites/stable/${pin.architecture}/${shardPath(pin.name)}`;
  const files: Record<string, Buffer> = {};
  for (const path of new Set(entries.map(place)))
    files[path] = formatShard(entries.filter((entry) => place(entry) === path));
  return files;
}

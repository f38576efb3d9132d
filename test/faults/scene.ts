/**
 * What fault tests share: a distribution with one large package, processes that seed it well or badly, clients that know its index.
 * No DHT: everybody is dialled by address. Everything on loopback.
 */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatPeerAddress } from '../../model/index.js';
import { World, type RunOptions } from '../e2e/harness.js';
import { listening, RemoteNode } from '../replication/world.js';
import type { DepotStatus } from '../../replication/index.js';
import type { Evil } from './evil-seeder.js';

/** A seeder in a process of its own. */
export interface Seeder {
  /** what `peer add` takes */
  readonly address: string;
  /** bytes on the wire so far */
  sent(): Promise<number>;
  /** SIGKILL */
  kill(): Promise<void>;
}

export class Scene {
  #names = 0;
  readonly #ends: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly world: World,
    /** bytes of the package's one file */
    readonly payload: number,
  ) {}

  /** Publishes `big`, with so many bytes that do not compress. */
  static async make(payload: number): Promise<Scene> {
    const scene = new Scene(await World.make(), payload);
    const { world } = scene;
    const at = { home: 'publisher' };
    const mail = ['--name', 'Pub', '--email', 'pub@example.org'];
    const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], at);
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', fingerprint],
      at,
    );
    const share = world.path('big', 'data', 'usr', 'share', 'big');
    await mkdir(share, { recursive: true });
    await writeFile(
      world.path('big', 'control'),
      'Package: big\nVersion: 1.0\nArchitecture: all\nMaintainer: P <p@example.org>\nDescription: large\n',
    );
    await writeFile(join(share, 'noise'), randomBytes(payload));
    await world.json(['publish', world.path('big'), '--index', 'acme', '--compression', '1'], at);
    const from = await scene.seed('publisher');
    await scene.run('template', ['peer', 'add', from.address]);
    await scene.run('template', ['source', 'add', made.introduction]);
    await from.kill();
    return scene;
  }

  /** Kills all seeders: after each test, whatever became of it. */
  async rest(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  async end(): Promise<void> {
    await this.rest();
    await this.world.end();
  }

  /** Serves what a home holds, at most `up` bytes a second. */
  async seed(home: string, up?: number): Promise<Seeder> {
    const node = await RemoteNode.start({
      home: this.world.path(home),
      bootstrap: [],
      listen: { host: '127.0.0.1', port: 0 },
      upRate: up,
    });
    this.#ends.push(() => node.kill());
    const status = (): Promise<DepotStatus> => node.call<DepotStatus>('status');
    return {
      address: formatPeerAddress(listening(await status())),
      sent: async () => (await status()).bytesOut,
      kill: () => node.kill(),
    };
  }

  /** Serves what a home holds, in bad faith. */
  async evil(home: string, how: Evil): Promise<Seeder> {
    const child = fork(
      fileURLToPath(new URL('evil-seeder.js', import.meta.url)),
      [this.world.path(home), how],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const kill = (): Promise<void> => end(child);
    this.#ends.push(kill);
    const [address] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error(`the ${how} seeder ended`))),
    ])) as [string];
    return { address, sent: () => Promise.resolve(0), kill };
  }

  /** A new home that knows the distribution and holds nothing of the package, nor of the index core. */
  async home(): Promise<string> {
    const home = `home${this.#names++}`;
    await cp(this.world.path('template', 'sources'), this.world.path(home, 'sources'), { recursive: true });
    return home;
  }

  /** A new home that holds all of the package. */
  async holder(): Promise<string> {
    const home = await this.home();
    const from = await this.seed('publisher');
    await this.knows(home, from);
    await this.run(home, ['download', 'big']);
    await rm(this.#peers(home));
    await from.kill();
    return home;
  }

  #peers(home: string): string {
    return this.world.path(home, 'peers.json');
  }

  options(home: string, env: NodeJS.ProcessEnv = {}): RunOptions {
    return { home, env: { GTPKG_TIMEOUT: '6', ...env } };
  }

  run(home: string, args: readonly string[]): Promise<Record<string, unknown>> {
    return this.world.json(args, this.options(home));
  }

  /** These are the peers that the home dials, as if `peer add` had named them. */
  async knows(home: string, ...seeders: readonly Seeder[]): Promise<void> {
    const peers = seeders.map(({ address: text }) => {
      const [key, address] = text.split('@');
      return { key, address, origin: 'user' };
    });
    await writeFile(this.#peers(home), JSON.stringify({ format: 'gtpkg-peers 1', peers }));
  }

  /** Keys of peers that the home refuses to talk to. */
  async refused(home: string): Promise<string[]> {
    const { peers } = JSON.parse(await readFile(this.#peers(home), 'utf8')) as {
      peers: { key: string; refusedUntil?: string }[];
    };
    return peers.filter((peer) => peer.refusedUntil !== undefined).map((peer) => peer.key);
  }

  /** The command ends with its error, which names the package; the store is usable afterwards. */
  async fails(home: string, ...codes: readonly string[]): Promise<Awaited<ReturnType<World['fails']>>> {
    const error = await this.world.fails(['download', 'big'], this.options(home));
    assert.ok(codes.includes(error.code), JSON.stringify(error));
    assert.match(error.message, /big 1\.0/);
    await this.run(home, ['status']);
    return error;
  }

  /** What the home holds of the package is whole, and as it was published: every byte is checked on the way out. */
  async isWhole(home: string): Promise<void> {
    await this.run(home, ['download', 'big', '--offline']);
  }

  /** A `download big` under way: what it has fetched so far, and how to end it. */
  download(home: string, env: NodeJS.ProcessEnv = {}, through: readonly string[] = []): Download {
    return new Download(
      this.world.spawn(['download', 'big', '--json'], {
        ...this.options(home, { GTPKG_EVENTS: '1', ...env }),
        through,
      }),
    );
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** A command that fetches, watched by its progress events. */
export class Download {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  #first: number | undefined;
  #done = 0;
  #output = '';
  #wake: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, 'close').then(() => {
      this.#wake();
      return child.exitCode;
    });
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.#event(line);
    });
  }

  /** bytes, as the command says it, those included that were there at its start */
  get done(): number {
    return this.#done;
  }

  /** what it printed on standard output */
  get output(): string {
    return this.#output;
  }

  /** Resolves when it has fetched so much more than at its start, or has ended; true for the first. */
  async fetched(bytes: number): Promise<boolean> {
    const over = (): boolean => this.#first !== undefined && this.#done - this.#first >= bytes;
    while (!over() && this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return over();
  }

  kill(): Promise<void> {
    return end(this.#child);
  }

  #event(line: string): void {
    if (!line.startsWith('{')) return;
    const event = JSON.parse(line) as { kind?: string; id?: string; done?: number };
    if (event.kind !== 'advance' || event.id !== 'fetch' || event.done === undefined) return;
    this.#first ??= event.done;
    this.#done = event.done;
    this.#wake();
  }
}

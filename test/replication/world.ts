/**
 * A small network on loopback for one test file: homes in a temporary directory, depots in this process and in others,
 * a DHT of its own, peers that misbehave. close() removes all of it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GtpkgError, type Address, type CoreRef, type PeerAddress } from '../../model/index.js';
import {
  openDepot,
  startBootstrap,
  type Depot,
  type DepotStatus,
  type OpenOptions,
} from '../../replication/index.js';

/** Time-out of depots under test: long enough for a busy machine, short enough to wait for. */
export const PATIENCE = 6000;

export class World {
  readonly #closing: (() => Promise<unknown>)[] = [];

  private constructor(readonly directory: string) {}

  static async create(): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), 'gtpkg-net-')));
    world.atEnd(() => rm(world.directory, { recursive: true, force: true }));
    return world;
  }

  /** Runs when the world ends, last registered first. */
  atEnd(close: () => Promise<unknown>): void {
    this.#closing.unshift(close);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async file(name: string, bytes: Uint8Array): Promise<string> {
    await writeFile(this.path(name), bytes);
    return this.path(name);
  }

  async dht(): Promise<Address> {
    const node = await startBootstrap();
    this.atEnd(() => node.close());
    return node.address;
  }

  /** A depot in this process. No DHT unless given. */
  async depot(name: string, options: Partial<OpenOptions> = {}): Promise<Depot> {
    const depot = await openDepot({ home: this.path(name), bootstrap: [], timeout: PATIENCE, ...options });
    this.atEnd(() => depot.close());
    return depot;
  }

  /** A depot in this process that accepts direct dials. */
  async seeder(
    name: string,
    options: Partial<OpenOptions> = {},
  ): Promise<{ depot: Depot; peer: PeerAddress }> {
    const depot = await this.depot(name, { listen: { host: '127.0.0.1', port: 0 }, ...options });
    return { depot, peer: listening(await depot.status()) };
  }

  /** A depot in a process of its own. */
  async process(
    name: string,
    options: Partial<OpenOptions> & { daemon?: boolean } = {},
  ): Promise<RemoteNode> {
    const node = await RemoteNode.start({
      home: this.path(name),
      bootstrap: [],
      timeout: PATIENCE,
      ...options,
    });
    this.atEnd(() => node.kill());
    return node;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0)) await close();
  }
}

/** @throws when the node does not listen */
export function listening(status: DepotStatus): PeerAddress {
  if (status.listening === undefined) throw new Error('not listening');
  return status.listening;
}

type Answer = { id: number; ok?: unknown; error?: { code: string; message: string } };

/** A depot in another process; see node.ts. Calls are the depot's methods by name. */
export class RemoteNode {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  readonly exited: Promise<void>;
  #next = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    child.on('message', (answer: Answer) => {
      this.#pending.get(answer.id)?.(answer);
      this.#pending.delete(answer.id);
    });
    child.once('exit', () => {
      for (const settle of this.#pending.values())
        settle({ id: 0, error: { code: 'INTERNAL', message: 'the process ended' } });
    });
  }

  static async start(options: OpenOptions & { daemon?: boolean }): Promise<RemoteNode> {
    const child = fork(fileURLToPath(new URL('node.js', import.meta.url)), [JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const node = new RemoteNode(child);
    try {
      await node.call('ready');
    } catch (cause) {
      await node.kill();
      throw cause;
    }
    return node;
  }

  async call<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    const id = this.#next++;
    const answer = await new Promise<Answer>((resolve) => {
      this.#pending.set(id, resolve);
      this.#child.send({ id, name, args }, (error) => {
        if (error !== null) resolve({ id, error: { code: 'INTERNAL', message: String(error) } });
      });
    });
    if (answer.error !== undefined)
      throw new GtpkgError(answer.error.code as 'INTERNAL', answer.error.message);
    return answer.ok as T;
  }

  put(path: string): Promise<CoreRef> {
    return this.call('putStatic', path);
  }

  async peer(): Promise<PeerAddress> {
    return listening(await this.call<DepotStatus>('status'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** SIGKILL: nothing is tidied up. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    await this.call('close').catch(() => undefined);
    await this.exited;
  }
}

/** Waits for a condition, for half a minute at most. @throws Error when it does not come true */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 30_000; performance.now() < end;) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('waited 30 s in vain');
}

/** Everything a source reads, in one piece. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** For assert.rejects: a GtpkgError of one of these codes. */
export function code(...codes: string[]): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof GtpkgError && codes.includes(error.code)) return true;
    throw error;
  };
}

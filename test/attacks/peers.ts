/** The process of peer.ts, and clients that meet it over the network: by address, on loopback, without a DHT. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Context } from '../../cli/context.js';
import { getSource, writeSource } from '../../cli/places.js';
import { sync, type Synced } from '../../cli/workflows/sync-source.js';
import type { Introduction } from '../../model/index.js';
import type { Calls } from './peer.js';
import { parsePeerAddress } from '../../model/introduction.js';
import type { Scene } from './scene.js';

/** Calls to the peer's process. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: { ok?: unknown; error?: string }) => void>();
  #next = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: { id: number; ok?: unknown; error?: string }) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.once('exit', () => {
      for (const settle of this.#waiting.values()) settle({ error: 'the process ended' });
    });
  }

  static async start(): Promise<PeerProcess> {
    const child = fork(fileURLToPath(new URL('peer.js', import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new PeerProcess(child);
  }

  async call<K extends keyof Calls>(
    name: K,
    ...args: Parameters<Calls[K]>
  ): Promise<Awaited<ReturnType<Calls[K]>>> {
    const id = this.#next++;
    const { ok, error } = await new Promise<{ ok?: unknown; error?: string }>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, name, args });
    });
    if (error !== undefined) throw new Error(error);
    return ok as Awaited<ReturnType<Calls[K]>>;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

/** A client with a home of its own that reaches peers by the addresses in its introduction. */
export class Roamer {
  readonly #scene: Scene;

  constructor(
    scene: Scene,
    readonly home: string,
  ) {
    this.#scene = scene;
  }

  /** A command with network. */
  async run<T>(work: (context: Context) => Promise<T>): Promise<T> {
    const context = new Context({
      home: this.#scene.path(this.home),
      root: this.#scene.path(this.home, 'root'),
      bootstrap: [],
      lan: false,
      offline: false,
      timeout: 2000,
      json: false,
      yes: true,
    });
    try {
      return await work(context);
    } finally {
      await context.close();
    }
  }

  /** The source `evil` is this one, at these peers. */
  knows(introduction: Introduction, ...addresses: readonly string[]): Promise<unknown> {
    const peers = addresses.map(parsePeerAddress);
    return this.run((context) => writeSource(context, 'evil', { ...introduction, peers }));
  }

  /** `gtpkg update evil` */
  update(): Promise<Synced> {
    return this.run(async (context) => sync(context, await getSource(context, 'evil')));
  }
}

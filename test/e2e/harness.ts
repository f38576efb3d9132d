/**
 * Real gtpkg processes for end-to-end tests: homes and roots in one temporary folder, a DHT on loopback,
 * everything killed and removed at the end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../../bin/gtpkg.js', import.meta.url));

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** the first JSON line it printed */
  readonly first: Record<string, string>;
}

export interface RunOptions {
  readonly home: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
  /** words before the command, as of nsenter: they must end by becoming it */
  readonly through?: readonly string[];
}

/** One test's world. */
export class World {
  readonly #children = new Set<ChildProcess>();
  /** host:port of the DHT, '' when there is none */
  bootstrap = '';

  private constructor(readonly dir: string) {}

  static async make(): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), 'gtpkg-e2e-')));
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** Starts a command; it is killed at the end if it still runs. */
  spawn(args: readonly string[], { home, env, cwd, input, through = [] }: RunOptions): ChildProcess {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !name.startsWith('GTPKG_') && !name.startsWith('NODE_TEST'),
      ),
    );
    const [file = process.execPath, ...words] = [...through, process.execPath, BIN, ...args];
    const child = spawn(file, words, {
      cwd: cwd ?? this.dir,
      env: {
        ...clean,
        GTPKG_HOME: this.path(home),
        // a test that starts no DHT of its own has none: nothing here speaks to the world
        GTPKG_BOOTSTRAP: this.bootstrap === '' ? 'none' : this.bootstrap,
        GTPKG_LAN: 'off',
        GTPKG_TIMEOUT: '10',
        NO_COLOR: '1',
        HOME: this.dir,
        ...env,
      },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    if (input !== undefined) child.stdin?.end(input);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs a command to its end, whatever that is. */
  async run(args: readonly string[], options: RunOptions): Promise<Finished> {
    const child = this.spawn(args, options);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, 'close');
    return { status: child.exitCode ?? -1, stdout, stderr };
  }

  /** Runs a command that must succeed; gives its JSON document. */
  async json<T = Record<string, unknown>>(args: readonly string[], options: RunOptions): Promise<T> {
    const { status, stdout, stderr } = await this.run([...args, '--json'], options);
    if (status !== 0) throw new Error(`gtpkg ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Runs a command that must fail; gives its error and exit status. */
  async fails(
    args: readonly string[],
    options: RunOptions,
  ): Promise<{ status: number; code: string; message: string; hint: string; data: Record<string, unknown> }> {
    const { status, stdout, stderr } = await this.run([...args, '--json'], options);
    if (status === 0) throw new Error(`gtpkg ${args.join(' ')} succeeded: ${stdout}`);
    try {
      const { error } = JSON.parse(stdout) as {
        error: { code: string; message: string; hint: string; data: Record<string, unknown> };
      };
      return { status, ...error };
    } catch {
      throw new Error(
        `gtpkg ${args.join(' ')} ended with ${status} and no error document\n${stdout}\n${stderr}`,
      );
    }
  }

  /** Starts a command that goes on, and waits for its first JSON line. */
  async start(args: readonly string[], options: RunOptions): Promise<Running> {
    const child = this.spawn([...args, '--json'], options);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const first = await new Promise<Record<string, string>>((resolve, reject) => {
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as Record<string, string>);
      });
      child.once('exit', (status) =>
        reject(new Error(`gtpkg ${args.join(' ')} ended with ${status}\n${text}\n${stderr}`)),
      );
    });
    return { child, first };
  }

  /** Starts the DHT that every later command uses. */
  async startDht(): Promise<void> {
    const { first } = await this.start(['dht', '--port', '0'], { home: 'dht' });
    this.bootstrap = first['address'] ?? '';
  }

  /** Starts a seeder; gives the process and the address that `peer add` takes. */
  async seed(
    home: string,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Running & { readonly address: string }> {
    const running = await this.start(['seed', '--listen', '127.0.0.1:0', ...args], { home, env });
    return { ...running, address: running.first['address'] ?? '' };
  }

  async stop({ child }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  /** Kills what still runs and removes the folder. */
  async end(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.stop({ child, first: {} }, 'SIGKILL')));
    await rm(this.dir, { recursive: true, force: true });
  }
}

/**
 * Real gtpkg processes for the demo: each person has a home of their own, nothing is shared but the loopback network.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { GtpkgError } from '../../model/index.js';

const BIN = fileURLToPath(new URL('../../../bin/gtpkg.js', import.meta.url));

/** What a finished command left. */
export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that goes on until it is stopped. */
export interface Running {
  readonly child: ChildProcess;
  /** first JSON line that it printed */
  readonly first: Record<string, unknown>;
}

/** Starts processes and remembers them, so that none is left behind. */
export class Cast {
  readonly #children = new Set<ChildProcess>();
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  #start(script: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const child = spawn(process.execPath, [script, ...args], {
      env: { ...this.#env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs one gtpkg command to its end. */
  async run(home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
    const child = this.#start(BIN, args, { GTPKG_HOME: home, ...env });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child, 'close');
    return { status: child.exitCode ?? -1, stdout, stderr };
  }

  /** As run, but a failure is the demo's failure; gives the JSON document. */
  async must(
    home: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Record<string, unknown>> {
    const { status, stdout, stderr } = await this.run(home, [...args, '--json'], env);
    if (status !== 0) {
      throw new GtpkgError(
        'INTERNAL',
        `gtpkg ${args.join(' ')} ended with ${status}: ${stdout.slice(0, 600)}${stderr.slice(0, 600)}`,
        {
          hint: 'Run gtpkg demo --keep and look into the folder that it names.',
        },
      );
    }
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** Starts a long-running command and waits for its first JSON line. */
  async start(home: string, args: readonly string[], script = BIN): Promise<Running> {
    const child = this.#start(script, script === BIN ? [...args, '--json'] : args, { GTPKG_HOME: home });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const first = await new Promise<Record<string, unknown>>((resolve, reject) => {
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const end = text.indexOf('\n');
        if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as Record<string, unknown>);
      });
      child.once('exit', (status) =>
        reject(
          new GtpkgError('INTERNAL', `gtpkg ${args.join(' ')} ended with ${status}: ${stderr.slice(0, 600)}`),
        ),
      );
    });
    return { child, first };
  }

  /** Ends one process for good, as a power cut would. */
  async kill({ child }: Running): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Ends all that still run. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.kill({ child, first: {} })));
  }
}

/**
 * Processes under measurement, and gtpkg processes that serve them: everything that was started is stopped at the end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/gtpkg.js', import.meta.url));

/** What one process cost, those that it started and waited for included. */
export interface Usage {
  /** seconds */
  readonly wall: number;
  readonly cpu: number;
  /** most memory that it held at once, bytes (VmHWM): of the process itself */
  readonly peak: number;
  readonly stdout: string;
}

/** A program to run to its end. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it ended
  }
};

/** Runs a program under bash, whose `time` gives CPU seconds exactly. @throws Error when it fails */
export async function usage({ file, args, env, cwd }: Program): Promise<Usage> {
  const script = 'TIMEFORMAT="used %R %U %S"; time "$0" "$@"';
  const child = spawn('bash', ['-c', script, file, ...args], {
    env: { ...process.env, ...env, LC_ALL: 'C' },
    cwd: cwd ?? tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-20_000)));
  let peak = 0;
  const look = (): void => {
    const [inner] = read(`/proc/${child.pid}/task/${child.pid}/children`).split(' ');
    const held = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${inner}/status`));
    // before exec(2) it is still bash
    if (held !== null) peak = Math.max(peak, Number(held[1]) * 1024);
  };
  const timer = setInterval(look, 20);
  try {
    await once(child, 'close');
  } finally {
    clearInterval(timer);
  }
  const found = /used ([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  if (child.exitCode !== 0 || found === null)
    throw new Error(
      `${file} ${args.slice(0, 4).join(' ')} ended with ${child.exitCode}\n${stdout.slice(-2000)}\n${stderr}`,
    );
  return { wall: Number(found[1]), cpu: Number(found[2]) + Number(found[3]), peak, stdout };
}

/** CPU seconds of a process that still runs, its threads included. */
export function cpuOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A folder for one benchmark, and gtpkg processes in homes of their own with a DHT of their own, on loopback. */
export class Bench {
  readonly #running = new Set<ChildProcess>();
  #bootstrap = '';

  private constructor(readonly folder: string) {}

  static async open(): Promise<Bench> {
    return new Bench(await mkdtemp(join(tmpdir(), 'gtpkg-bench-')));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** A gtpkg command, to be run in the given home. */
  gtpkg(home: string, ...args: string[]): Program {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('GTPKG_')),
    );
    return {
      file: process.execPath,
      args: [BIN, ...args],
      env: { ...clean, GTPKG_HOME: home, GTPKG_BOOTSTRAP: this.#bootstrap, NO_COLOR: '1' },
    };
  }

  /** Starts something that goes on. Gives it, and the first line that it prints when `line` is asked for. */
  async start(program: Program, options: { readonly line: boolean }): Promise<{ pid: number; line: string }> {
    const child = spawn(program.file, program.args, {
      env: { ...process.env, ...program.env },
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.once('error', reject);
      child.once('exit', (status) =>
        reject(new Error(`${program.file} ended with ${status}: ${text}${stderr}`)),
      );
      child.stdout.on('data', (chunk: Buffer) => {
        if (text.includes('\n')) return;
        text += chunk.toString();
        if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
      });
      if (!options.line) resolve('');
    });
    return { pid: child.pid ?? 0, line };
  }

  /** Starts the DHT that all later commands use. */
  async startDht(): Promise<void> {
    const { line } = await this.start(this.gtpkg(this.path('dht'), 'dht', '--port', '0', '--json'), {
      line: true,
    });
    this.#bootstrap = (JSON.parse(line) as { address: string }).address;
  }

  /** Starts a seeder; gives its process id once it serves. */
  async startSeeder(home: string): Promise<number> {
    const seed = this.gtpkg(home, 'seed', '--listen', '127.0.0.1:0', '--json');
    return (await this.start(seed, { line: true })).pid;
  }

  /** Stops all that runs and removes the folder. */
  async close(): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Bytes as MB with one digit, for tables. */
export const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

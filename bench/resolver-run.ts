/** What the parts of the resolver's benchmark share: a place for files, gtpkg as a process, and what is printed. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);
/** V8 and pipes take what these tools print. */
export const OUTPUT = { maxBuffer: 256 * 1024 * 1024 };
export const BIN = fileURLToPath(new URL('../../bin/gtpkg.js', import.meta.url));
export const PYTHON = '/usr/bin/python3';

/** For this run only; whoever starts it removes it. The user's own cache is not used. */
export const folder = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
process.env['XDG_CACHE_HOME'] = join(folder, 'cache');

/** By part; printed as one line of JSON at the end. */
export const results: Record<string, unknown> = {};

export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A pseudo-random order that is the same everywhere. */
export const shuffled = <T>(items: readonly T[], key: (item: T) => string): T[] =>
  items
    .map((item) => ({ item, hash: createHash('sha256').update(key(item)).digest('hex') }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    .map(({ item }) => item);

/** `gtpkg resolve` with these arguments, its answer as data. */
export async function gtpkg<T>(...args: string[]): Promise<T> {
  const { stdout } = await run(
    process.execPath,
    [BIN, 'resolve', '--architecture', 'amd64', '--json', ...args],
    OUTPUT,
  );
  return JSON.parse(stdout) as T;
}

/** How long it took, wall clock. */
export async function seconds<T>(work: () => Promise<T>): Promise<{ took: number; value: T }> {
  const started = performance.now();
  const value = await work();
  return { took: (performance.now() - started) / 1000, value };
}

export const same = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

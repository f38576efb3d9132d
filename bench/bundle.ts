/**
 * Export and import of a bundle as whole processes, against cp of the same file with its sync, and what memory they take.
 *
 *     npm run build && node dist/bench/bundle.js [MEGABYTES] [RUNS]
 *
 * Prints a table, then one line of JSON. The packages are of random bytes, 5 MB each; every import goes into a home of its own.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './measure.js';

const BIN = fileURLToPath(new URL('../../bin/gtpkg.js', import.meta.url));
const MB = 1_000_000;
const PACKAGE = 5 * MB;
const megabytes = Number(process.argv[2] ?? 300);
const runs = Number(process.argv[3] ?? 3);
const folder = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));

interface Run {
  readonly stdout: string;
  readonly seconds: number;
  /** MiB, most that was resident */
  readonly peak: number;
}

async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const started = process.hrtime.bigint();
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  let peak = 0;
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const look = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (text) => (peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024)),
      () => undefined,
    );
  }, 20);
  const [status] = (await once(child, 'close')) as [number | null];
  clearInterval(look);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${stdout}`);
  return { stdout, seconds: Number(process.hrtime.bigint() - started) / 1e9, peak };
}

const gtpkg = (home: string, ...args: string[]): Promise<Run> =>
  run(process.execPath, [BIN, ...args], {
    GTPKG_HOME: join(folder, home),
    GTPKG_BOOTSTRAP: '127.0.0.1:9',
    NO_COLOR: '1',
  });

try {
  const key = (
    await gtpkg('maker', 'key', 'generate', '--name', 'Bench', '--email', 'bench@example.org')
  ).stdout.trim();
  const introduction = (await gtpkg('maker', 'index', 'create', 'bench', '--key', key)).stdout.trim();
  const directories: string[] = [];
  for (let i = 0; i * PACKAGE < megabytes * MB; i++) {
    const directory = join(folder, `p${i}`);
    await mkdir(join(directory, 'data'), { recursive: true });
    await writeFile(join(directory, 'data', 'file'), randomBytes(PACKAGE));
    await writeFile(
      join(directory, 'control'),
      `Package: bench-${i}\nVersion: 1.0\nArchitecture: all\nMaintainer: Bench <bench@example.org>\nDescription: for a benchmark\n`,
    );
    directories.push(directory);
  }
  await gtpkg('maker', 'publish', ...directories, '--index', 'bench', '--compression', '1');
  const stick = join(folder, 'stick');
  const rounds: { out: Run; cp: Run; into: Run; again: Run }[] = [];
  for (let i = 0; i <= runs; i++) {
    const out = await gtpkg('maker', 'bundle', 'export', stick);
    const cp = await run('sh', ['-c', `cp "$1" "$1.copy" && sync "$1.copy"`, 'sh', stick]);
    const into = await gtpkg(`home-${i}`, 'bundle', 'import', stick, '--source', introduction);
    const again = await gtpkg(`home-${i}`, 'bundle', 'import', stick);
    if (i > 0) rounds.push({ out, cp, into, again }); // the first warms up
  }
  const { size } = await stat(stick);
  const row = (name: string, of: (round: (typeof rounds)[number]) => Run) => {
    const seconds = median(rounds.map((round) => of(round).seconds));
    const ratio = median(rounds.map((round) => of(round).seconds / round.cp.seconds));
    const peak = Math.max(...rounds.map((round) => of(round).peak));
    const rate = size / MB / seconds;
    const line = `${name.padEnd(24)} ${seconds.toFixed(2).padStart(7)} s ${rate.toFixed(0).padStart(6)} MB/s   ${ratio.toFixed(1).padStart(5)} × cp ${peak.toFixed(0).padStart(6)} MiB`;
    return { name, seconds, ratio, peak, line };
  };
  const rows = [
    row('cp and sync', ({ cp }) => cp),
    row('bundle export', ({ out }) => out),
    row('bundle import', ({ into }) => into),
    row('bundle import, all held', ({ again }) => again),
  ];
  process.stdout.write(`${(size / MB).toFixed(0)} MB, ${directories.length} releases, ${runs} runs\n`);
  for (const { line } of rows) process.stdout.write(`${line}\n`);
  const results = rows.map(({ line: _, ...rest }) => rest);
  process.stdout.write(`${JSON.stringify({ benchmark: 'bundle', bytes: size, runs, results })}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/**
 * Peak memory of `gtpkg install`: one package of 500 MB, and the packages of the cold install.
 *
 *     npm run build && node dist/bench/memory.js [--json] [--mb N] [--many]
 *
 * The package has one file of half its size that hardly compresses, one that does, and a thousand small ones; it is published at level 1. Memory
 * is what the kernel says the process held at most (VmHWM), mapped programs and libraries included.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installSet } from './debs.js';
import { Bench, mb, usage } from './processes.js';
import { publishedHome } from './published.js';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, many: { type: 'boolean' }, mb: { type: 'string', default: '500' } },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** A directory to publish with about `bytes` in it. */
async function makePackage(directory: string, bytes: number): Promise<void> {
  const data = join(directory, 'data/opt/big');
  await mkdir(join(data, 'small'), { recursive: true });
  const control = [
    'Package: big',
    'Version: 1',
    'Architecture: all',
    'Maintainer: Bench <bench@example.org>',
    'Description: big',
  ];
  await writeFile(join(directory, 'control'), `${control.join('\n')}\n`);
  const small = 1000 * 20_000;
  for (let i = 0; i < 1000; i++)
    await writeFile(join(data, 'small', String(i)), randomFillSync(Buffer.alloc(20_000)));
  const chunk = Buffer.alloc(1 << 20);
  for (const name of ['random', 'text']) {
    const file = await open(join(data, name), 'w');
    for (let written = 0; written < (bytes - small) / 2; written += chunk.length) {
      if (name === 'random') randomFillSync(chunk);
      else
        for (let at = 0; at < chunk.length; at += 64)
          chunk.write(
            createHash('sha256')
              .update(`${written >> 4}${at >> 10}`)
              .digest('hex'),
            at,
          );
      await file.write(chunk);
    }
    await file.close();
  }
}

interface Row {
  readonly what: string;
  readonly packages: number;
  /** bytes of files installed */
  readonly bytes: number;
  readonly peak: number;
  readonly seconds: number;
}

const bench = await Bench.open();
try {
  await bench.startDht();
  const rows: Row[] = [];
  const install = async (what: string, names: readonly string[], introduction: string): Promise<void> => {
    const home = bench.path(`home-${rows.length}`);
    await usage(bench.gtpkg(home, 'source', 'add', introduction, '--json'));
    const root = bench.path(`root-${rows.length}`);
    const args = ['install', ...names, '--no-recommends', '--no-scripts', '--yes', '--json', '--root', root];
    const { peak, wall } = await usage(bench.gtpkg(home, ...args));
    const { stdout } = await usage({
      file: 'du',
      args: ['-sb', '--exclude=./var/lib/gtpkg', '.'],
      cwd: root,
    });
    rows.push({ what, packages: names.length, bytes: Number(stdout.split('\t')[0]), peak, seconds: wall });
    say(`${what}: ${mb(peak)} MB`);
  };
  const home = bench.path('publisher');
  const run = async (...args: string[]): Promise<Record<string, string>> =>
    JSON.parse((await usage(bench.gtpkg(home, ...args, '--json'))).stdout) as Record<string, string>;
  say('making the package');
  await makePackage(bench.path('big'), Number(options.mb) * 1e6);
  const { fingerprint = '' } = await run(
    'key',
    'generate',
    '--name',
    'Bench',
    '--email',
    'bench@example.org',
  );
  await run('index', 'create', 'bench', '--key', fingerprint);
  const { introduction = '' } = await run(
    'publish',
    bench.path('big'),
    '--index',
    'bench',
    '--compression',
    '1',
  );
  await bench.startSeeder(home);
  await install(`one package of ${options.mb} MB`, ['big'], introduction);
  if (options.many === true) {
    const { files, debs } = await installSet();
    const published = await publishedHome(files, say);
    await bench.startSeeder(published.home);
    await install(
      'the packages of the cold install',
      debs.map(({ name }) => name),
      published.introduction,
    );
  }
  if (options.json !== true)
    for (const row of rows)
      process.stdout.write(
        `${row.what.padEnd(34)} ${String(row.packages).padStart(4)} packages ${mb(row.bytes).padStart(7)} MB of files   peak ${mb(row.peak).padStart(6)} MB (must be <= 300)   ${row.seconds.toFixed(1)} s\n`,
      );
  process.stdout.write(`${JSON.stringify({ bench: 'memory', node: process.version, rows })}\n`);
} finally {
  await bench.close();
}

/**
 * `gtpkg verify` of a root with real packages, as a whole process, against sha256sum of the same files on the same cores.
 *
 *     npm run build && node dist/bench/verify.js [--json] [--runs N]
 *
 * The other side is `xargs -0 -P CORES -n 64 sha256sum` over every regular file that the manifests have, each inode once; it only computes digests, verify
 * also compares kinds, owners, modes and links, and looks for what is extra. Both find the files in the cache, and run in turn.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { readManifest } from '../installer/claims.js';
import { readStatus } from '../installer/status.js';
import { pathToBytes } from '../model/bytes.js';
import { held } from './held.js';
import { median } from './measure.js';
import { ownDisk } from './own-disk.js';
import { Bench, mb, usage, type Usage } from './processes.js';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, runs: { type: 'string', default: '7' } },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const disk = ownDisk(say);
const bench = await Bench.open();
try {
  const home = await held(bench, say);
  const root = bench.path('root');
  await usage(home.install(root));
  const names: Buffer[] = [];
  let bytes = 0;
  for (const pkg of readStatus(root).values())
    for (const { type, path, size } of readManifest(root, pkg)) {
      if (type !== 'f' || pkg.replaced.includes(path)) continue;
      names.push(pathToBytes(path), Buffer.of(0));
      bytes += size;
    }
  const files = names.length / 2;
  writeFileSync(bench.path('list'), Buffer.concat(names));
  execFileSync('sync');
  const cores = availableParallelism();
  const script = `xargs -0 -P ${cores} -n 64 sha256sum < ${bench.path('list')} > /dev/null`;
  const sums = (): Promise<Usage> => usage({ file: 'sh', args: ['-c', script], cwd: root });
  const verify = (): Promise<Usage> => usage(home.gtpkg('verify', '--root', root));
  await sums();
  say((await verify()).stdout.trim());
  const pairs: { ours: Usage; theirs: Usage }[] = [];
  for (let i = 0; i < Number(options.runs); i++) {
    const pair = { ours: await verify(), theirs: await sums() };
    pairs.push(pair);
    say(
      `verify ${pair.ours.wall.toFixed(2)} s, CPU ${pair.ours.cpu.toFixed(2)} s, ${mb(pair.ours.peak)} MB; sha256sum ${pair.theirs.wall.toFixed(2)} s, CPU ${pair.theirs.cpu.toFixed(2)} s`,
    );
  }
  const of = (side: 'ours' | 'theirs', key: 'wall' | 'cpu' | 'peak'): number =>
    median(pairs.map((pair) => pair[side][key]));
  const ratio = median(pairs.map(({ ours, theirs }) => ours.wall / theirs.wall));
  const cpuRatio = median(pairs.map(({ ours, theirs }) => ours.cpu / theirs.cpu));
  const result = {
    bench: 'verify',
    node: process.version,
    cores,
    packages: home.debs.length,
    files,
    bytes,
    verify: { wall: of('ours', 'wall'), cpu: of('ours', 'cpu'), peak: of('ours', 'peak') },
    sha256sum: { wall: of('theirs', 'wall'), cpu: of('theirs', 'cpu') },
    ratio,
    cpuRatio,
    runs: pairs.length,
  };
  if (options.json !== true) {
    const line = (name: string, wall: number, cpu: number): string =>
      `${name.padEnd(22)} ${wall.toFixed(2).padStart(6)} s   CPU ${cpu.toFixed(2).padStart(6)} s`;
    process.stdout.write(
      [
        `${home.debs.length} packages, ${files} files, ${mb(bytes)} MB, ${cores} cores`,
        line('gtpkg verify', result.verify.wall, result.verify.cpu) +
          `   peak ${mb(result.verify.peak)} MB (must be <= 300)`,
        line(`sha256sum, xargs -P${cores}`, result.sha256sum.wall, result.sha256sum.cpu),
        `ratio ${ratio.toFixed(2)} (must be <= 1.3)   CPU ${cpuRatio.toFixed(2)}   medians of ${pairs.length} pairs`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await bench.close();
  disk.close();
}

/**
 * Unpacking real packages into an empty root, against `dpkg --unpack` of the same .debs: whole processes, both durable.
 *
 *     npm run build && node dist/bench/unpack.js [--json] [--runs N]
 *
 * The file system that it makes has room for 16 runs.
 *
 * gtpkg: `install --offline --no-scripts` with the releases in its store: it decides, verifies every signature and byte, lays out, syncs.
 * dpkg: `--root=R --force-depends --no-triggers --unpack` with its own syncing (no --force-unsafe-io); preinst scripts are taken out of the .debs,
 * because in an empty root nothing could run them. In turn, each into a new root on an ext4 file system made for this; the disk rests before each.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { held } from './held.js';
import { median } from './measure.js';
import { ownDisk } from './own-disk.js';
import { Bench, mb, usage, type Usage } from './processes.js';
import { withoutPreinst } from './unscripted.js';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, runs: { type: 'string', default: '5' } },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);

// what either side reads, store and .debs, lies on the machine's disk; what it writes, on the other
const bench = await Bench.open();
const disk = ownDisk(say);
try {
  const home = await held(bench, say);
  const plain = await withoutPreinst(home.files);
  const paths = home.files.map((file) => join(plain, basename(file)));
  const sides = {
    gtpkg: (root: string) => usage(home.install(root)),
    dpkg: (root: string) => {
      for (const each of ['info', 'updates', 'triggers'])
        mkdirSync(join(root, 'var/lib/dpkg', each), { recursive: true });
      for (const each of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', each), '');
      const flags = [`--root=${root}`, '--force-depends', '--no-triggers'];
      return usage({ file: 'dpkg', args: [...flags, '--unpack', ...paths] });
    },
  };
  const runs: Record<keyof typeof sides, Usage[]> = { gtpkg: [], dpkg: [] };
  for (let i = 0; i <= Number(options.runs); i++) {
    for (const name of ['gtpkg', 'dpkg'] as const) {
      const root = mkdtempSync(join(disk.folder, `${name}-`));
      execFileSync('sync');
      const run = await sides[name](root);
      say(
        `${name.padEnd(6)} ${run.wall.toFixed(2)} s, CPU ${run.cpu.toFixed(2)} s, ${mb(run.peak)} MB${i === 0 ? ' (warm-up)' : ''}`,
      );
      if (i > 0) runs[name].push(run);
    }
  }
  const of = (name: keyof typeof sides, key: 'wall' | 'cpu' | 'peak'): number =>
    median(runs[name].map((run) => run[key]));
  const ratioOf = (key: 'wall' | 'cpu'): number =>
    median(runs.gtpkg.map((run, i) => run[key] / (runs.dpkg[i]?.[key] ?? NaN)));
  const [ratio, cpuRatio] = [ratioOf('wall'), ratioOf('cpu')];
  const side = (name: keyof typeof sides): object => ({
    wall: of(name, 'wall'),
    cpu: of(name, 'cpu'),
    peak: of(name, 'peak'),
  });
  const result = {
    bench: 'unpack',
    node: process.version,
    packages: home.debs.length,
    debs: home.bytes,
    gtpkg: side('gtpkg'),
    dpkg: side('dpkg'),
    ratio,
    cpuRatio,
    runs: runs.gtpkg.length,
  };
  if (options.json !== true) {
    const line = (name: keyof typeof sides, text: string): string =>
      `${text.padEnd(40)} ${of(name, 'wall').toFixed(2).padStart(6)} s   CPU ${of(name, 'cpu').toFixed(2).padStart(6)} s   peak ${mb(of(name, 'peak')).padStart(6)} MB`;
    process.stdout.write(
      [
        `${home.debs.length} packages, ${mb(home.bytes)} MB of .debs`,
        line('gtpkg', 'gtpkg install --offline --no-scripts'),
        line('dpkg', 'dpkg --unpack'),
        `ratio ${ratio.toFixed(2)} (must be <= 0.5)   CPU ${cpuRatio.toFixed(2)}   medians of ${runs.gtpkg.length} pairs`,
        '',
      ].join('\n'),
    );
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await bench.close();
  disk.close();
}

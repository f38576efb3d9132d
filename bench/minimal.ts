/**
 * A minimal Debian system from the same local .debs: gtpkg, debootstrap, mmdebstrap. All scripts run, all are durable as they are by default.
 *
 *     node dist/bench/minimal.js [--runs N] [--compression N] [--only NAME]
 *
 * gtpkg is measured twice: fetching from a seeder on loopback, and with the releases in its store. Every round runs all of them once; the
 * ratios are of one round, their median counts. Before that the files of gtpkg's system are compared with debootstrap's; a difference that is not in
 * fixtures/minimal-system.ts's list ends the run with 1. Needs root.
 */
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { compareSystems, mergedUsr, minimalDebs, reasonsText } from '../fixtures/minimal-system.js';
import { debootstrap, MAKERS, mirror, mmdebstrap } from '../fixtures/system-makers.js';
import { listing } from '../fixtures/tree.js';
import { cache, cached } from './debs.js';
import { median } from './measure.js';
import { Bench, mb, usage, type Usage } from './processes.js';
import { publishedHome } from './published.js';
import { tools } from './tools.js';

const run = promisify(execFile);

async function compareFiles(ours: string, theirs: string): Promise<boolean> {
  const [a, b] = [await listing(ours), await listing(theirs)];
  const compared = compareSystems(a, b);
  console.log(`\n${a.size} paths by gtpkg, ${b.size} by debootstrap; different:`);
  for (const line of reasonsText(compared)) console.log(line);
  for (const line of compared.unexpected) console.log(`  NOT EXPECTED  ${line}`);
  return compared.unexpected.length === 0;
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    compression: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
  },
});
if (process.getuid?.() !== 0) throw new Error('only root can make a system');

const debs = await minimalDebs(await cache('debs'));
const links = await cached(['merged-usr'], mergedUsr);
const others = await tools(MAKERS);
const home = await publishedHome(
  [links, ...debs.map(({ file }) => file)],
  console.error,
  Number(values.compression),
);
const bench = await Bench.open();
try {
  const archive = await mirror(bench.path('mirror'), debs);
  const names = debs.map(({ name }) => name);
  await bench.startDht();
  await bench.startSeeder(home.home);
  let client = '';
  // Never the same place twice, and a quiet disk: removing a big tree just before slows down whoever comes next, up to two times.
  let used = 0;
  const last = new Map<string, string>();
  const fresh = async (folder: string): Promise<string> => {
    const path = bench.path(`${folder}-${used++}`);
    last.set(folder, path);
    await run('sync');
    return path;
  };
  const gtpkg = async (folder: string, ...more: string[]): Promise<Usage> => {
    const root = await fresh(folder);
    return usage(bench.gtpkg(client, 'install', 'merged-usr', ...names, '--root', root, '--json', ...more));
  };
  const contenders: Record<string, () => Promise<Usage>> = {
    'gtpkg, fetching': async () => {
      client = bench.path(`client-${used++}`);
      await usage(bench.gtpkg(client, 'source', 'add', home.introduction, '--name', 'bench'));
      return gtpkg('by-gtpkg');
    },
    'gtpkg, in store': () => gtpkg('by-gtpkg', '--offline'),
    debootstrap: async () =>
      usage(debootstrap({ tools: others, archive, names, target: await fresh('by-debootstrap') })),
    mmdebstrap: async () =>
      usage(mmdebstrap({ tools: others, archive, names, target: await fresh('by-mmdebstrap') })),
  };
  for (const name of Object.keys(contenders))
    if (values.only?.includes(name) === false) delete contenders[name];
  const results = new Map<string, Usage[]>();
  for (let round = 0; round < Number(values.runs); round++) {
    for (const [name, once] of Object.entries(contenders)) {
      try {
        results.set(name, [...(results.get(name) ?? []), await once()]);
      } catch (error) {
        if (name !== 'mmdebstrap') throw error;
        console.error(`mmdebstrap cannot run here: ${String(error).slice(-1500)}`);
        delete contenders[name];
      }
    }
    if (round === 0 && last.has('by-debootstrap'))
      if (!(await compareFiles(last.get('by-gtpkg') ?? '', last.get('by-debootstrap') ?? '')))
        process.exitCode = 1;
  }
  const column = (value: string, width: number): string => value.padStart(width);
  const times = (used: readonly Usage[], other: string): string => {
    const base = results.get(other);
    if (base === undefined) return '';
    return median(used.map(({ wall }, i) => wall / (base[i]?.wall ?? NaN))).toFixed(2);
  };
  console.log(`\n${names.length} packages, ${values.runs} rounds, medians\n`);
  console.log('                       s   CPU s   peak MB   × debootstrap   × mmdebstrap');
  for (const [name, used] of results) {
    const [wall, cpu, peak] = (['wall', 'cpu', 'peak'] as const).map((key) =>
      median(used.map((u) => u[key])),
    );
    console.log(
      `${name.padEnd(16)}${column((wall ?? 0).toFixed(2), 8)}${column((cpu ?? 0).toFixed(2), 8)}${column(mb(peak ?? 0), 10)}${column(times(used, 'debootstrap'), 16)}${column(times(used, 'mmdebstrap'), 15)}`,
    );
  }
} finally {
  await bench.close();
}

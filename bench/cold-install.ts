/**
 * Cold install of real packages into an empty root: bytes, and time against apt-get and dpkg.
 *
 *     npm run build && node dist/bench/cold-install.js [--json] [--runs N] [--bytes]
 *
 * Packages: git, python3, vim, nodejs, imagemagick and what they need, without Recommends, chosen by apt for a root that has nothing.
 * gtpkg: one process `gtpkg install` in a new home that has the index already, from one `gtpkg seed` on loopback; it ends when all is durable.
 * Beside it: `apt-get download` from nginx on loopback with an index of its own, then `dpkg --unpack` of the same files into an empty root, which
 * syncs by itself. preinst scripts are taken out of the .debs (their data member stays as it is): in an empty root there is nothing that could
 * run them. Pre-Depends are not waited for (--force-depends).
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { bytesOf, installSet } from './debs.js';
import { median } from './measure.js';
import { Bench, cpuOf, mb, usage, type Usage } from './processes.js';
import { publishedHome } from './published.js';
import { tools } from './tools.js';
import { withoutPreinst } from './unscripted.js';

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, bytes: { type: 'boolean' }, runs: { type: 'string', default: '3' } },
});
const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Run {
  readonly wall: number;
  /** of the client; of client and server together */
  readonly cpu: number;
  readonly cpuBoth: number;
  readonly peak: number;
}

const { files, debs } = await installSet();
const debBytes = await bytesOf(files);
const published = await publishedHome(files, say);
const coreBytes = published.releases.reduce((sum, each) => sum + each.size, 0);
if (published.releases.length !== debs.length)
  throw new Error(`${published.releases.length} of ${debs.length} packages are published`);

/** The apt side: a folder that nginx serves, and settings of apt that look nowhere else. */
async function aptSide(bench: Bench): Promise<(into: string) => Promise<Run>> {
  const plain = await withoutPreinst(files);
  const box = await tools(['nginx-light']);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const site = bench.path('site');
  await mkdir(site, { recursive: true });
  const paragraphs = await Promise.all(
    files.map(async (file) => {
      const path = join(plain, basename(file));
      const bytes = await readFile(path);
      const control = execFileSync('dpkg-deb', ['-f', path]).toString();
      const digest = createHash('sha256').update(bytes).digest('hex');
      return `${control}Filename: ./debs/${basename(file)}\nSize: ${bytes.length}\nSHA256: ${digest}\n`;
    }),
  );
  await writeFile(join(site, 'Packages'), paragraphs.join('\n'));
  execFileSync('ln', ['-s', plain, join(site, 'debs')]);
  const conf = `daemon off; pid ${bench.path('nginx.pid')}; error_log ${bench.path('nginx.log')}; user root; worker_processes 1;
events {} http { access_log off; sendfile on;
  client_body_temp_path ${bench.path('t1')}; proxy_temp_path ${bench.path('t2')}; fastcgi_temp_path ${bench.path('t3')};
  uwsgi_temp_path ${bench.path('t4')}; scgi_temp_path ${bench.path('t5')};
  server { listen 127.0.0.1:${port}; location / { root ${site}; } } }`;
  await writeFile(bench.path('nginx.conf'), conf);
  const args = ['-c', bench.path('nginx.conf'), '-e', bench.path('nginx.log')];
  const nginx = await bench.start({ file: box.path('nginx'), args, env: box.env }, { line: false });
  const apt = bench.path('apt');
  for (const each of ['lists/partial', 'archives/partial', 'empty', 'dpkg'])
    await mkdir(join(apt, each), { recursive: true });
  await writeFile(join(apt, 'status'), '');
  await writeFile(join(apt, 'sources.list'), `deb [trusted=yes] http://127.0.0.1:${port} ./\n`);
  const set = Object.entries({
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'archives'),
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': join(apt, 'empty'),
    'APT::Sandbox::User': 'root',
    'Acquire::http::Proxy': 'DIRECT',
  }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const ready = Date.now() + 10_000;
  for (;;) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/Packages`)).arrayBuffer();
      break;
    } catch (error) {
      if (Date.now() > ready) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await usage({ file: 'apt-get', args: ['update', '-qq', ...set] });
  return async (into) => {
    const folder = join(into, 'debs');
    const root = join(into, 'root');
    await mkdir(folder, { recursive: true });
    for (const each of ['info', 'updates', 'triggers'])
      await mkdir(join(root, 'var/lib/dpkg', each), { recursive: true });
    for (const each of ['status', 'available']) await writeFile(join(root, 'var/lib/dpkg', each), '');
    const before = cpuOf(nginx.pid);
    const download = await usage({
      file: 'apt-get',
      args: ['download', '-qq', ...set, ...debs.map(({ name, version }) => `${name}=${version}`)],
      cwd: folder,
    });
    const served = cpuOf(nginx.pid) - before;
    const paths = debs.map(({ file }) => join(folder, file));
    const flags = [`--root=${root}`, '--force-depends', '--no-triggers'];
    const unpack = await usage({ file: 'dpkg', args: [...flags, '--unpack', ...paths] });
    say(`  apt-get download ${download.wall.toFixed(2)} s, dpkg --unpack ${unpack.wall.toFixed(2)} s`);
    const cpu = download.cpu + unpack.cpu;
    return {
      wall: download.wall + unpack.wall,
      cpu,
      cpuBoth: cpu + served,
      peak: Math.max(download.peak, unpack.peak),
    };
  };
}

/** The gtpkg side; `wire` is what the client received. */
async function gtpkgSide(bench: Bench): Promise<(into: string) => Promise<Run & { wire: number }>> {
  await bench.startDht();
  const seeder = await bench.startSeeder(published.home);
  return async (into) => {
    const home = join(into, 'home');
    const run = (...args: string[]): Promise<Usage> => usage(bench.gtpkg(home, ...args, '--json'));
    await run('source', 'add', published.introduction);
    const before = cpuOf(seeder);
    const sent = async (): Promise<number> =>
      (JSON.parse((await usage(bench.gtpkg(published.home, 'status', '--json'))).stdout) as { sent: number })
        .sent;
    const first = await sent();
    const names = debs.map(({ name }) => name);
    const result = await run(
      'install',
      ...names,
      '--no-recommends',
      '--no-scripts',
      '--yes',
      '--root',
      join(into, 'root'),
    );
    return {
      wall: result.wall,
      cpu: result.cpu,
      cpuBoth: result.cpu + cpuOf(seeder) - before,
      peak: result.peak,
      wire: (await sent()) - first,
    };
  };
}

function middle(runs: readonly Run[]): Run {
  const of = (key: keyof Run): number => median(runs.map((run) => run[key]));
  return { wall: of('wall'), cpu: of('cpu'), cpuBoth: of('cpuBoth'), peak: of('peak') };
}

const bench = await Bench.open();
try {
  const bytes = { packages: debs.length, debs: debBytes, cores: coreBytes, ratio: coreBytes / debBytes };
  const result: Record<string, unknown> = { bench: 'cold-install', node: process.version, bytes };
  const table = [
    `${debs.length} packages   .deb files ${mb(debBytes)} MB   release cores ${mb(coreBytes)} MB   ratio ${bytes.ratio.toFixed(3)}`,
  ];
  if (options.bytes !== true) {
    const sides = { apt: await aptSide(bench), gtpkg: await gtpkgSide(bench) };
    const apt: Run[] = [];
    const gtpkg: (Run & { wire: number })[] = [];
    for (let i = 0; i < Number(options.runs); i++) {
      // each in a new folder, and the disk at rest before it; all are removed at the end: ext4 makes files slowly where some were just removed
      for (const [name, side] of Object.entries(sides)) {
        const into = await mkdtemp(bench.path(`${name}-`));
        execFileSync('sync');
        const run = await side(into);
        say(
          `${name} ${run.wall.toFixed(2)} s, CPU ${run.cpu.toFixed(2)} s, with the server ${run.cpuBoth.toFixed(2)} s, ${mb(run.peak)} MB`,
        );
        if (name === 'apt') apt.push(run);
        else gtpkg.push(run as Run & { wire: number });
      }
    }
    const ratio = (key: keyof Run): number =>
      median(gtpkg.map((run, i) => run[key] / (apt[i]?.[key] ?? NaN)));
    const time = {
      apt: middle(apt),
      gtpkg: middle(gtpkg),
      ratio: ratio('wall'),
      cpuRatio: ratio('cpu'),
      runs: apt.length,
    };
    const wire = median(gtpkg.map((run) => run.wire));
    Object.assign(result, { time, wire: { bytes: wire, ratio: wire / debBytes } });
    const line = (name: string, run: Run): string =>
      `${name.padEnd(26)} ${run.wall.toFixed(2).padStart(6)} s   CPU ${run.cpu.toFixed(2).padStart(6)} s   with server ${run.cpuBoth.toFixed(2).padStart(6)} s   peak ${mb(run.peak).padStart(6)} MB`;
    table.push(
      `on the wire, all that the seeder sent: ${mb(wire)} MB   ratio ${(wire / debBytes).toFixed(3)}`,
      line('apt-get + dpkg --unpack', time.apt),
      line('gtpkg install', time.gtpkg),
      `ratio ${time.ratio.toFixed(2)} (must be <= 0.7, aim 0.4)   CPU ${time.cpuRatio.toFixed(2)}   medians of ${apt.length} pairs`,
    );
  }
  if (options.json !== true) process.stdout.write(`${table.join('\n')}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await bench.close();
}

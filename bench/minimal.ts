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
import { createHash } from 'node:crypto';
import { copyFile, lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { EXPECTED_DIFFERENCES, mergedUsr, minimalDebs, type MinimalDeb } from '../fixtures/minimal-system.js';
import { cache, cached } from './debs.js';
import { median } from './measure.js';
import { Bench, mb, usage, type Program, type Usage } from './processes.js';
import { publishedHome } from './published.js';
import { tools } from './tools.js';

const run = promisify(execFile);
const OUTPUT = { maxBuffer: 64 * 1024 * 1024 };

/** An archive that debootstrap can use: Packages, Release, the files. */
async function mirror(folder: string, debs: readonly MinimalDeb[]): Promise<string> {
  const lists = join(folder, 'dists/bookworm/main/binary-amd64');
  await mkdir(lists, { recursive: true });
  await mkdir(join(folder, 'pool'), { recursive: true });
  let text = '';
  for (const { file } of debs) {
    const name = `pool/${basename(file).replaceAll('%3a', '_')}`;
    const bytes = await readFile(file);
    await copyFile(file, join(folder, name));
    const { stdout } = await run('dpkg-deb', ['-f', file], OUTPUT);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    text += `${stdout.trimEnd()}\nFilename: ${name}\nSize: ${bytes.length}\nSHA256: ${sha256}\n\n`;
  }
  await writeFile(join(lists, 'Packages'), text);
  const sum = createHash('sha256').update(text).digest('hex');
  const head = 'Origin: bench\nSuite: stable\nCodename: bookworm\nArchitectures: amd64\nComponents: main\n';
  const size = Buffer.byteLength(text);
  const date = new Date().toUTCString().replace('GMT', 'UTC');
  await writeFile(
    join(folder, 'dists/bookworm/Release'),
    `${head}Date: ${date}\nSHA256:\n ${sum} ${size} main/binary-amd64/Packages\n`,
  );
  return folder;
}

/** Path → what is there. */
async function listing(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const visit = async (at: string, shown: string): Promise<void> => {
    for (const name of await readdir(at)) {
      const [path, text] = [join(at, name), `${shown}/${name}`];
      const stats = await lstat(path);
      const who = `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid}`;
      if (stats.isSymbolicLink()) found.set(text, `link ${await readlink(path)}`);
      else if (stats.isDirectory()) {
        found.set(text, `directory ${who}`);
        await visit(path, text);
      } else if (stats.isFile())
        found.set(
          text,
          `file ${who} ${createHash('sha256')
            .update(await readFile(path))
            .digest('hex')}`,
        );
      else found.set(text, 'node');
    }
  };
  await visit(folder, '');
  return found;
}

async function compareFiles(ours: string, theirs: string): Promise<boolean> {
  const [a, b] = [await listing(ours), await listing(theirs)];
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path));
  const known = new Map<string, number>();
  const unknown: string[] = [];
  for (const path of paths) {
    const why = EXPECTED_DIFFERENCES.find((each) => each.path.test(path))?.why;
    if (why === undefined) unknown.push(`${path}: ${a.get(path) ?? 'absent'} | ${b.get(path) ?? 'absent'}`);
    else known.set(why, (known.get(why) ?? 0) + 1);
  }
  console.log(`\n${a.size} paths by gtpkg, ${b.size} by debootstrap; different:`);
  for (const [why, count] of known) console.log(`  ${String(count).padStart(4)}  ${why}`);
  for (const line of unknown) console.log(`  NOT EXPECTED  ${line}`);
  return unknown.length === 0;
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
const others = await tools(['debootstrap', 'mmdebstrap']);
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
    debootstrap: async () => {
      const target = await fresh('by-debootstrap');
      const program: Program = {
        file: 'sh',
        args: [
          others.path('debootstrap'),
          '--no-check-gpg',
          '--variant=minbase',
          `--include=${names.join(',')}`,
          'bookworm',
          target,
          `file://${archive}`,
        ],
        env: { ...others.env, DEBOOTSTRAP_DIR: join(others.folder, 'usr/share/debootstrap') },
      };
      const used = await usage(program);
      for (const mounted of ['proc', 'sys'])
        await run('umount', [join(target, mounted)]).catch(() => undefined);
      return used;
    },
    mmdebstrap: async () =>
      usage({
        file: 'perl',
        args: [
          others.path('mmdebstrap'),
          '--variant=minbase',
          '--mode=root',
          '--skip=check/qemu,check/chroot',
          // usr-is-merged, which debootstrap takes too, insists on it
          `--hook-dir=${join(others.folder, 'usr/share/mmdebstrap/hooks/merged-usr')}`,
          `--include=${names.join(',')}`,
          'bookworm',
          await fresh('by-mmdebstrap'),
          `deb [trusted=yes] copy://${archive} bookworm main`,
        ],
        env: others.env,
      }),
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
  const base = results.get('debootstrap') ?? [];
  console.log(`\n${names.length} packages, ${values.runs} rounds, medians\n`);
  console.log('                       s   CPU s   peak MB   × debootstrap');
  for (const [name, used] of results) {
    const ratio = median(used.map(({ wall }, i) => wall / (base[i]?.wall ?? NaN)));
    const column = (value: string, width: number): string => value.padStart(width);
    const [wall, cpu, peak] = [used.map((u) => u.wall), used.map((u) => u.cpu), used.map((u) => u.peak)].map(
      median,
    );
    console.log(
      `${name.padEnd(16)}${column((wall ?? 0).toFixed(2), 8)}${column((cpu ?? 0).toFixed(2), 8)}${column(mb(peak ?? 0), 10)}${column(ratio.toFixed(2), 16)}`,
    );
  }
} finally {
  await bench.close();
}

/**
 * A whole Debian system through gtpkg: its .debs imported, published and seeded by one home, installed by another into an empty
 * directory with all maintainer scripts. Its files must be debootstrap's; then the system itself is asked: its shell, perl, dpkg and apt.
 * The times of gtpkg, debootstrap and mmdebstrap are printed, never judged: other tests run meanwhile. bench/minimal.ts measures them.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync, type ExecFileException } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { fetchDebs, wouldFetch } from '../../fixtures/debs.js';
import {
  compareSystems,
  mergedUsr,
  minimalDebs,
  reasonsText,
  type MinimalDeb,
} from '../../fixtures/minimal-system.js';
import * as makers from '../../fixtures/system-makers.js';
import { toolsIn, unpackTools } from '../../fixtures/tools.js';
import { listing, type Listing } from '../../fixtures/tree.js';
import { noDebian } from './debian.js';
import { World } from './harness.js';
import * as installer from '../installer/helpers.js';

const run = promisify(execFile);
// of what takes half a minute on an idle machine
const MAKER_MS = 150_000;

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'only root can make a system';
  for (const tool of ['unshare', 'nsenter', 'chroot'])
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined) return `${tool} is not here`;
  return noDebian();
}

const field = (name: string): string => `$\{${name}}`;

/** Names that a system's dpkg has as installed. */
function installed(root: string): string[] {
  const status = fs.readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8').split('\n\n');
  return status
    .filter((paragraph) => paragraph.includes('\nStatus: install ok installed\n'))
    .flatMap((paragraph) => /^Package: (.*)$/m.exec(paragraph)?.[1] ?? [])
    .sort();
}

describe('a minimal Debian system', { skip: reason(), timeout: 590_000 }, () => {
  let world: World;
  let debs: readonly MinimalDeb[];
  let cache: string;
  // as gtpkg left it, before anything ran in it
  let made: Listing;
  const seconds = new Map<string, number>();
  const root = (): string => world.path('system');
  const inside = (...command: string[]): string =>
    execFileSync('chroot', [root(), ...command], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const gtpkg = (...words: string[]): Promise<Record<string, unknown>> =>
    world.json([...words, '--root', root()], { home: 'client' });
  const timed = async <T>(name: string, once: () => Promise<T>): Promise<T> => {
    await run('sync');
    const started = performance.now();
    const result = await once();
    seconds.set(name, (performance.now() - started) / 1000);
    return result;
  };

  let prepared: Promise<Omit<makers.Made, 'target'>> | undefined;
  const prepare = async (): Promise<Omit<makers.Made, 'target'>> => {
    const wanted = await wouldFetch(makers.MAKERS, { bare: false });
    const folder = world.path('tools');
    fs.mkdirSync(folder);
    await unpackTools(await fetchDebs(wanted, cache), folder);
    const archive = await makers.mirror(world.path('mirror'), debs);
    return { tools: await toolsIn(folder), archive, names: debs.map(({ name }) => name) };
  };
  // what it started ends with it, even when it is killed
  const alone = (file: string, ...args: readonly string[]): [string, string[]] => [
    'unshare',
    ['--pid', '--fork', '--kill-child', '--mount-proc', file, ...args],
  ];
  /** Makes the system with another tool. Gives its folder, or why that cannot be done here. @throws Error when the tool fails */
  const makeBy = async (name: (typeof makers.MAKERS)[number]): Promise<{ root?: string; why?: string }> => {
    const target = world.path(`by-${name}`);
    let means: Omit<makers.Made, 'target'>;
    try {
      means = await (prepared ??= prepare());
      // they make device nodes, and use them
      const node = ['sh', '-c', 'mknod "$0" c 1 3 && echo > "$0"', world.path(`node-${name}`)] as const;
      await run(...alone(...node));
    } catch (error) {
      return { why: `${name} cannot be had or cannot run here: ${(error as Error).message}` };
    }
    const maker = makers[name]({ ...means, target });
    const env = { ...maker.env, LC_ALL: 'C' };
    const options = { env, timeout: MAKER_MS, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const;
    try {
      await timed(name, () => run(...alone(maker.file, ...maker.args), options));
      return { root: target };
    } catch (error) {
      const { killed, stdout = '', stderr = '', message } = error as Partial<ExecFileException>;
      if (killed === true) return { why: `${name} took more than ${MAKER_MS / 1000} s` };
      const said = `${stdout.slice(-300)}${stderr.slice(-500)}`.trim();
      throw new Error(`${name} failed: ${said === '' ? message : said}`, { cause: error });
    }
  };

  before(async () => {
    world = await World.make();
    cache = process.env['GTPKG_TEST_CACHE'] ?? world.path('debs');
    debs = await minimalDebs(cache);
    await mergedUsr(world.path('merged-usr'));
    const publisher = { home: 'publisher' };
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'Deb', '--email', 'deb@example.org'],
      publisher,
    );
    const { introduction } = await world.json<{ introduction: string }>(
      ['index', 'create', 'debian', '--key', fingerprint, '--suite', 'stable'],
      publisher,
    );
    const files = [world.path('merged-usr'), ...debs.map(({ file }) => file)];
    await world.json(['publish', ...files, '--index', 'debian', '--compression', '1'], publisher);
    const { address } = await world.seed('publisher');
    await world.json(['peer', 'add', address], { home: 'client' });
    await world.json(['source', 'add', introduction, '--name', 'debian'], { home: 'client' });
  });
  after(() => world?.end());

  test('all of it is one transaction into an empty directory, scripts run; dpkg and apt find nothing wrong', async (t) => {
    fs.mkdirSync(root());
    const names = ['merged-usr', ...debs.map(({ name }) => name)];
    const change = await timed('gtpkg', () => gtpkg('install', ...names));
    made = await listing(root());
    t.diagnostic(`${names.length} packages, ${made.size} paths`);
    assert.ok(names.length >= 80, `${names.length} packages`);
    assert.deepEqual(change['scriptsNotRun'], []);
    assert.equal(change['transaction'], 1);
    assert.equal(inside('dpkg', '--audit'), '');
    assert.equal(inside('dpkg', '--verify'), '');
    inside('apt-get', 'check');
    assert.equal((await gtpkg('verify'))['ok'], true);
    const said = inside('dpkg-query', '-W', '-f', `${field('Package')} ${field('Status')}\n`)
      .trim()
      .split('\n')
      .sort();
    assert.deepEqual(said, names.map((name) => `${name} install ok installed`).sort());
  });

  test('its files are those that debootstrap makes of the same .debs, except for a written list', async (t) => {
    const by = await makeBy('debootstrap');
    if (by.root === undefined) return t.skip(by.why);
    assert.deepEqual(
      installed(by.root),
      installed(root()).filter((name) => name !== 'merged-usr'),
    );
    const theirs = await listing(by.root);
    const compared = compareSystems(made, theirs);
    t.diagnostic(`${made.size} paths by gtpkg, ${theirs.size} by debootstrap; different, with the reason:`);
    for (const line of reasonsText(compared)) t.diagnostic(line);
    assert.deepEqual(compared.unexpected, []);
    assert.ok(theirs.size > 5000, 'a whole system was compared');
  });

  test('mmdebstrap makes a system of the same .debs; the times beside each other', async (t) => {
    const by = await makeBy('mmdebstrap');
    const base = seconds.get('debootstrap');
    for (const [name, took] of seconds)
      t.diagnostic(
        `${name.padEnd(12)}${took.toFixed(1).padStart(6)} s${base === undefined ? '' : `${(took / base).toFixed(2).padStart(7)} × debootstrap`}${name === 'gtpkg' ? ', fetching included' : ''}`,
      );
    if (by.root === undefined) return t.skip(by.why);
    assert.deepEqual(
      installed(by.root),
      installed(root()).filter((name) => name !== 'merged-usr'),
    );
  });

  test('bash, perl, apt and dpkg run in it; a user can be added', () => {
    assert.match(inside('bash', '-c', 'echo $BASH_VERSION; type awk pager which'), /^\d+\./);
    assert.equal(inside('perl', '-e', 'print 6*7'), '42');
    assert.match(inside('apt-get', '--version'), /^apt \d/);
    assert.match(inside('dpkg', '--version'), /^Debian 'dpkg'/);
    inside('useradd', '--create-home', 'ada');
    assert.match(inside('id', 'ada'), /^uid=1000\(ada\)/);
    assert.ok(fs.existsSync(join(root(), 'home/ada/.bashrc')));
    inside('userdel', '--remove', 'ada');
  });

  test('what dpkg-deb unpacks is there, unchanged; scripts took nothing of it away', async () => {
    const judge = world.path('judge');
    // the judge unpacks over the same links
    fs.mkdirSync(judge);
    execFileSync('cp', ['-a', `${world.path('merged-usr', 'data')}/.`, judge]);
    const pipe = 'dpkg-deb --fsys-tarfile "$1" | tar -xpf - --keep-directory-symlink -C "$2"';
    for (const { file } of debs) execFileSync('sh', ['-c', pipe, 'sh', file, judge]);
    const expected = await listing(judge);
    fs.rmSync(judge, { recursive: true });
    const changed = [...expected].flatMap(([path, what]) => (made.get(path) === what ? [] : path)).sort();
    // base-files' postinst makes links to /run of them
    assert.deepEqual(changed, ['/var/lock', '/var/run']);
    for (const path of [
      '/etc/passwd',
      '/etc/shadow',
      '/etc/ld.so.cache',
      '/etc/alternatives/awk',
      '/usr/bin/awk',
      '/etc/shells',
    ])
      assert.ok(made.has(path), `${path} was made by a script`);
  });

  test('purge of a package runs its scripts, and dpkg knows', async () => {
    await gtpkg('remove', '--purge', 'tzdata');
    assert.equal(spawnSync('chroot', [root(), 'dpkg', '-s', 'tzdata'], { stdio: 'ignore' }).status, 1);
    assert.equal(fs.existsSync(join(root(), 'etc/timezone')), false);
    assert.equal(inside('dpkg', '--audit'), '');
  });

  test("dpkg-trigger of the system's own, and its trigger of ldconfig", async () => {
    const scripts = { how: 'inside' } as const;
    const cache = (): number => fs.statSync(join(root(), 'etc/ld.so.cache')).ino;
    const files = { 'usr/lib/gtpkg-test.so.1': 'no library' };
    const ways = {
      triggers: 'activate-noawait ldconfig\n',
      postinst: '#!/bin/sh\ndpkg-trigger --no-await ldconfig\n',
    };
    for (const [way, text] of Object.entries(ways)) {
      const before = cache();
      await installer.run(
        root(),
        [installer.install({ name: 'trigger-test', files, scripts: { [way]: text } })],
        { scripts },
      );
      assert.notEqual(cache(), before, `made anew because of ${way}`);
      await installer.run(root(), [installer.remove('trigger-test', true)], { scripts });
    }
    assert.equal(inside('dpkg', '--audit'), '');
    assert.equal(fs.readFileSync(join(root(), 'var/lib/dpkg/triggers/Unincorp'), 'utf8'), '');
  });
});

/**
 * A whole Debian system through gtpkg: its .debs imported, published and seeded by one home, installed by another into an empty
 * directory with all maintainer scripts. Then the system itself is asked: its shell, perl, dpkg and apt.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mergedUsr, minimalDebs, type MinimalDeb } from '../../fixtures/minimal-system.js';
import { isOurs, listing, noDebian } from './debian.js';
import { World } from './harness.js';
import * as installer from '../installer/helpers.js';

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'only root can make a system';
  for (const tool of ['unshare', 'nsenter', 'chroot'])
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined) return `${tool} is not here`;
  return noDebian();
}

const field = (name: string): string => `$\{${name}}`;

describe('a minimal Debian system', { skip: reason(), timeout: 480_000 }, () => {
  let world: World;
  let debs: readonly MinimalDeb[];
  const root = (): string => world.path('system');
  const inside = (...command: string[]): string =>
    execFileSync('chroot', [root(), ...command], {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const gtpkg = (...words: string[]): Promise<Record<string, unknown>> =>
    world.json([...words, '--root', root()], { home: 'client' });

  before(async () => {
    world = await World.make();
    debs = await minimalDebs(process.env['GTPKG_TEST_CACHE'] ?? world.path('debs'));
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
    const started = process.hrtime.bigint();
    const names = ['merged-usr', ...debs.map(({ name }) => name)];
    const change = await gtpkg('install', ...names);
    t.diagnostic(
      `${names.length} packages in ${Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000} s, fetching included; beside debootstrap's and mmdebstrap's time: node dist/bench/minimal.js`,
    );
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
    const [actual, expected] = [await listing(root(), isOurs), await listing(judge)];
    fs.rmSync(judge, { recursive: true });
    const changed = [...expected].flatMap(([path, what]) => (actual.get(path) === what ? [] : path)).sort();
    // base-files' postinst makes links to /run of them
    assert.deepEqual(changed, ['/var/lock', '/var/run']);
    for (const made of [
      '/etc/passwd',
      '/etc/shadow',
      '/etc/ld.so.cache',
      '/etc/alternatives/awk',
      '/usr/bin/awk',
      '/etc/shells',
    ])
      assert.ok(actual.has(made), `${made} was made by a script`);
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

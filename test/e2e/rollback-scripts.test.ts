/**
 * The way back with maintainer scripts, in a root with a shell of its own: packages whose four scripts write down what they were called with. Real processes; the calls are
 * those that dpkg makes for the same (deb-prerm(5), a downgrade is an upgrade to an older version), and what was there comes back. A script that fails on the way back, or a
 * SIGKILL while one runs, leaves the root as it was.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { listing } from '../../fixtures/tree.js';
import { World } from './harness.js';

function reason(): string | false {
  if (process.getuid?.() !== 0) return 'only root can run scripts in a root';
  for (const tool of ['unshare', 'nsenter', 'chroot', 'ldd', 'mkfifo'])
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined) return `${tool} is not here`;
  return libraries() === undefined ? 'the libraries of /bin/sh are not found here' : false;
}

/** What /bin/sh needs to run: full paths. */
function libraries(): string[] | undefined {
  const { stdout, status } = spawnSync('ldd', [fs.realpathSync('/bin/sh')], { encoding: 'utf8' });
  if (status !== 0) return /not a dynamic executable/.test(stdout) ? [] : undefined;
  const found = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
  return found.length > 0 && found.every((path) => fs.existsSync(path)) ? found : undefined;
}

const NAMES = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
type Name = (typeof NAMES)[number];
const home = { home: 'carol' };

describe('rollback with scripts in a root', { skip: reason(), timeout: 240_000 }, () => {
  let world: World;
  const root = (...parts: string[]): string => world.path('carol', 'root', ...parts);
  /** all but what gtpkg keeps of the past, and what this test uses to speak with scripts */
  const tree = async (): Promise<string[]> => {
    const isPast = (path: string): boolean =>
      /^\/var\/lib\/gtpkg(\/(history|log|lock|outcomes).*)?$|^\/(calls|fifo|now|fail)$/.test(path);
    return [...(await listing(root(), isPast))].map(([path, what]) => `${path}: ${what}`).sort();
  };
  /** since the last time */
  const calls = (): string[] => {
    if (!fs.existsSync(root('calls'))) return [];
    const lines = fs.readFileSync(root('calls'), 'utf8').trimEnd().split('\n');
    fs.rmSync(root('calls'));
    return lines.map((line) => line.trimEnd());
  };
  const gtpkg = (...words: string[]): Promise<{ transaction: number }> => world.json(words, home);

  function put(path: string, content: string | Buffer, mode = 0o644): void {
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, content);
    fs.chmodSync(path, mode);
  }

  function write(name: string, version: string, more: { depends?: string } = {}): string {
    const directory = world.path('work', `${name}-${version}`);
    const depends = `Depends: shell${more.depends === undefined ? '' : `, ${more.depends}`}\n`;
    put(
      join(directory, 'control'),
      `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: T <t@example.org>\n${depends}Description: ${name}\n`,
    );
    put(join(directory, 'data/usr/bin', name), `${name} ${version}\n`, 0o755);
    put(join(directory, 'data/usr/share', name, version), `only in ${version}\n`);
    put(join(directory, 'data/etc', `${name}.conf`), `of = ${version}\n`);
    put(join(directory, 'conffiles'), `/etc/${name}.conf\n`);
    for (const script of NAMES) put(join(directory, 'scripts', script), text(name, version, script), 0o755);
    return directory;
  }

  // /fail says which call is to fail; /fifo, where it is, keeps the one that /now is not there for waiting. Builtins only: there is nothing else in the root.
  const text = (name: string, version: string, script: Name): string => `#!/bin/sh
set -e
me="${name} ${version} ${script} $*"
echo "$me" >> /calls
if [ -e /fail ]; then read -r one < /fail; case "$me" in "$one"*) exit 3;; esac; fi
if [ -p /fifo ] && [ ! -e /now ] && [ "${script} $1" = "postinst configure" ]; then : > /now; read -r one < /fifo; fi
exit 0
`;

  before(async () => {
    world = await World.make();
    const shell = world.path('work', 'shell');
    put(join(shell, 'control'), 'Package: shell\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: a shell\n'); // prettier-ignore
    put(join(shell, 'data/bin/sh'), fs.readFileSync('/bin/sh'), 0o755);
    for (const path of libraries() ?? []) put(join(shell, 'data', path), fs.readFileSync(path), 0o755);
    fs.mkdirSync(join(shell, 'data/dev'));
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'Ada', '--email', 'ada@example.org'],
      { home: 'ada' },
    );
    const { introduction } = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', fingerprint],
      { home: 'ada' },
    );
    await world.json(['publish', shell, write('base', '1.0'), write('tool', '1.0', { depends: 'base' }), '--index', 'acme'], { home: 'ada' }); // prettier-ignore
    const seeder = await world.seed('ada');
    await world.json(['source', 'add', introduction.replace('#', `?peer=${seeder.address}#`), '--name', 'acme'], home); // prettier-ignore
    states[0] = [];
    await gtpkg('install', 'shell');
    states[1] = await tree();
    await gtpkg('install', 'tool');
    states[2] = await tree();
    assert.deepEqual(calls(), [
      'base 1.0 preinst install',
      'tool 1.0 preinst install',
      'base 1.0 postinst configure',
      'tool 1.0 postinst configure',
    ]);
    await world.json(['publish', write('base', '2.0'), write('tool', '2.0', { depends: 'base (>= 2)' }), '--index', 'acme'], { home: 'ada' }); // prettier-ignore
    await world.json(['update'], home);
    await gtpkg('upgrade');
    states[3] = await tree();
    await world.stop(seeder, 'SIGKILL');
  });
  after(() => world?.end());

  const states: string[][] = [];
  const upgraded = (from: string, to: string): string[] => [
    `base ${from} prerm upgrade ${to}`,
    `base ${to} preinst upgrade ${from} ${to}`,
    `tool ${from} prerm upgrade ${to}`,
    `tool ${to} preinst upgrade ${from} ${to}`,
    `base ${from} postrm upgrade ${to}`,
    `tool ${from} postrm upgrade ${to}`,
    `base ${to} postinst configure ${from}`,
    `tool ${to} postinst configure ${from}`,
  ];

  test('upgrade, rollback, and forward again: the calls of upgrade and downgrade; files as they were', async () => {
    assert.deepEqual(calls(), upgraded('1.0', '2.0'));
    await gtpkg('rollback', '--offline');
    assert.deepEqual(calls(), upgraded('2.0', '1.0'));
    assert.deepEqual(await tree(), states[2]);
    await gtpkg('rollback', '3', '--offline');
    assert.deepEqual(calls(), upgraded('1.0', '2.0'));
    assert.deepEqual(await tree(), states[3]);
    assert.equal((await world.run(['verify'], home)).status, 0);
  });

  test('one transaction is undone: the same calls', async () => {
    await gtpkg('history', 'undo', '3', '--offline');
    assert.deepEqual(calls(), upgraded('2.0', '1.0'));
    assert.deepEqual(await tree(), states[2]);
    await gtpkg('rollback', '3', '--offline');
    assert.deepEqual(calls(), upgraded('1.0', '2.0'));
  });

  test('removed and purged packages come back: with the version that left conffiles, or as new', async () => {
    await gtpkg('remove', 'tool');
    assert.deepEqual(calls(), ['tool 2.0 prerm remove', 'tool 2.0 postrm remove']);
    await gtpkg('rollback', '--offline');
    assert.deepEqual(calls(), ['tool 2.0 preinst install 2.0 2.0', 'tool 2.0 postinst configure 2.0']);
    assert.deepEqual(await tree(), states[3]);
    await gtpkg('remove', '--purge', 'tool', 'base');
    assert.deepEqual(calls().sort(), [
      'base 2.0 postrm purge', 'base 2.0 postrm remove', 'base 2.0 prerm remove',
      'tool 2.0 postrm purge', 'tool 2.0 postrm remove', 'tool 2.0 prerm remove',
    ]); // prettier-ignore
    assert.deepEqual(await tree(), states[1]);
    const { transaction } = await gtpkg('rollback', '--offline');
    assert.deepEqual(calls(), [
      'base 2.0 preinst install',
      'tool 2.0 preinst install',
      'base 2.0 postinst configure',
      'tool 2.0 postinst configure',
    ]);
    assert.deepEqual(await tree(), states[3]);
    // what that brought goes again; nobody asked that postrm purge is called, so the conffiles stay
    await gtpkg('history', 'undo', String(transaction), '--offline');
    assert.deepEqual(calls().sort(), [
      'base 2.0 postrm remove', 'base 2.0 prerm remove', 'tool 2.0 postrm remove', 'tool 2.0 prerm remove',
    ]); // prettier-ignore
    assert.ok(fs.existsSync(root('etc/tool.conf')));
    await gtpkg('rollback', '--offline');
    assert.deepEqual(await tree(), states[3]);
    calls();
  });

  test('a rollback whose script fails is taken back whole, whichever script it is', async () => {
    for (const [failing, ends] of [
      ['tool 1.0 preinst upgrade', 'base 2.0 postinst abort-upgrade 1.0'],
      ['tool 1.0 postinst configure', 'base 2.0 postinst abort-upgrade 1.0'],
    ] as const) {
      fs.writeFileSync(root('fail'), `${failing}\n`);
      const failed = await world.fails(['rollback', '2', '--offline'], home);
      fs.rmSync(root('fail'));
      assert.equal(failed.code, 'SCRIPT_FAILED', failing);
      assert.match(failed.hint, /back in the state before/);
      const made = calls();
      assert.ok(
        made.some((line) => line.startsWith(failing)),
        made.join('\n'),
      );
      assert.ok(made.includes('tool 2.0 postinst abort-upgrade 1.0'), made.join('\n'));
      assert.ok(made.includes('tool 1.0 postrm abort-upgrade 2.0 1.0'), made.join('\n'));
      assert.equal(made.at(-1), ends, made.join('\n'));
      assert.deepEqual(await tree(), states[3], failing);
    }
    // an old prerm or postrm that fails is helped by the one that comes: deb-prerm(5)
    fs.writeFileSync(root('fail'), 'tool 2.0 prerm upgrade\n');
    await gtpkg('rollback', '2', '--offline');
    fs.rmSync(root('fail'));
    assert.ok(calls().includes('tool 1.0 prerm failed-upgrade 2.0 1.0'));
    assert.deepEqual(await tree(), states[2]);
    await gtpkg('rollback', '3', '--offline');
    calls();
    assert.equal((await world.run(['verify'], home)).status, 0);
  });

  test('a rollback that is killed while a script runs: the next command takes it back, and it can be done then', async () => {
    execFileSync('mkfifo', [root('fifo')]);
    const child = world.spawn(['rollback', '2', '--offline', '--json'], home);
    for (let waited = 0; !fs.existsSync(root('now')); waited++) {
      assert.ok(child.exitCode === null && waited < 1500, 'the script never ran');
      await sleep(20);
    }
    assert.notDeepEqual(await tree(), states[3]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const recovered = await world.json<{ recovered: boolean }>(['recover'], home);
    assert.equal(recovered.recovered, true);
    fs.rmSync(root('fifo'));
    fs.rmSync(root('now'));
    const made = calls();
    const at = made.indexOf('base 1.0 postinst configure 2.0');
    assert.ok(at > 0, made.join('\n'));
    assert.deepEqual(made.slice(at + 1), [
      'base 1.0 prerm upgrade 2.0',
      'tool 2.0 preinst abort-upgrade 1.0',
      'base 2.0 preinst abort-upgrade 1.0',
      'tool 1.0 postrm abort-upgrade 2.0 1.0',
      'tool 2.0 postinst abort-upgrade 1.0',
      'base 1.0 postrm abort-upgrade 2.0 1.0',
      'base 2.0 postinst abort-upgrade 1.0',
    ]);
    assert.deepEqual(await tree(), states[3]);
    const { undone } = await world.json<{ undone: { command: string }[] }>(['history'], home);
    assert.match(undone[0]?.command ?? '', /rollback 2 --offline/);
    await gtpkg('rollback', '2', '--offline');
    assert.deepEqual(calls(), upgraded('2.0', '1.0'));
    assert.deepEqual(await tree(), states[2]);
    assert.equal((await world.run(['verify'], home)).status, 0);
  });
});

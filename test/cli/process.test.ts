/** gtpkg as a process, in an empty home: what newcomers and scripts type first. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { BIN, World, type Finished } from '../e2e/harness.js';

let world: World;
before(async () => {
  world = await World.make();
});
after(() => world.end());

const run = (line: string, options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Finished> =>
  world.run(line === '' ? [] : line.split(' '), { home: 'none', ...options });

describe('wrong words', { concurrency: 2 }, () => {
  for (const [line, message, next] of [
    ['intsall', '"intsall" is not a gtpkg command', 'Did you mean gtpkg install?'],
    ['help intsall', '"intsall" is not a gtpkg command', 'Did you mean gtpkg install?'],
    ['key lst', '"key lst" is not a gtpkg command', 'Did you mean gtpkg key list?'],
    ['uninstall hello', '"uninstall" is not a gtpkg command', 'Did you mean gtpkg remove?'],
    ['undo', '"undo" is not a gtpkg command', 'Did you mean gtpkg history undo?'],
    ['reinstall hello', '"reinstall" is not a gtpkg command', 'Did you mean gtpkg verify --repair?'],
    ['install ./hello.deb', '"./hello.deb" is a file, not the name of a package', /gtpkg publish FILE/],
    ['install hello.deb', '"hello.deb" is a file, not the name of a package', /gtpkg publish FILE/],
    ['xyzzy', '"xyzzy" is not a gtpkg command', 'gtpkg help shows all commands.'],
    ['show', 'PKG is missing', 'gtpkg show PKG[=VERSION]   (more: gtpkg show --help)'],
    ['install', 'no package is named', /^gtpkg install PKG/],
    ['list extra', '"extra" is one word too many', /^gtpkg list \[--installed/],
    ['list --bogus', 'there is no flag --bogus', /^gtpkg list/],
    ['install hello --dry-rnu', 'there is no flag --dry-rnu', 'Did you mean --dry-run?'],
    ['list --bootstrap nonsense', undefined, /HOST:PORT/],
    ['--bogus list', 'there is no flag --bogus', 'gtpkg help shows all commands.'],
  ] as const) {
    test(`gtpkg ${line}`, async () => {
      // a standard input that is open and silent must not be waited for
      const { status, stdout, stderr } = await run(line, { input: '' });
      assert.equal(status, 2);
      assert.equal(stdout, '');
      const [first, second, ...rest] = stderr.split('\n');
      assert.match(first ?? '', /^error\[[A-Z_]+\]: /);
      if (message !== undefined) assert.equal(first, `error[USAGE]: ${message}`);
      const told = (second ?? '').replace(/^ {2}next: /, '');
      if (typeof next === 'string') assert.equal(told, next);
      else assert.match(told, next);
      assert.deepEqual(rest, ['']);
    });
  }

  test('with --json a document, wherever the flag stands', async () => {
    for (const line of ['intsall --json', '--json intsall', 'show --json', '--json']) {
      const { status, stdout, stderr } = await run(line);
      assert.equal(status, 2);
      assert.equal(stderr, '');
      const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
      assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'data']);
      assert.equal(error['code'], 'USAGE');
    }
  });
});

describe('help', { concurrency: 2 }, () => {
  test('gtpkg alone shows all commands, on standard output', async () => {
    const { status, stdout, stderr } = await run('');
    assert.deepEqual([status, stderr], [0, '']);
    for (const word of ['source', 'install', 'publish', 'seed', 'START'])
      assert.match(stdout, new RegExp(`^(  )?${word}\\b`, 'm'));
    assert.equal((await run('--help')).stdout, stdout);
  });

  test('of a command: usage, examples, flags, and the same three ways', async () => {
    const { status, stdout, stderr } = await run('help package sign');
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /USAGE\n {2}\$ gtpkg package sign NAME VERSION/);
    assert.match(stdout, /EXAMPLES\n {2}\$ gtpkg package sign/);
    assert.ok(stdout.indexOf('GLOBAL FLAGS') > stdout.indexOf('EXAMPLES'));
    assert.equal((await run('package sign --help')).stdout, stdout);
    assert.equal((await run('package sign hello -h')).stdout, stdout);
  });

  test('of a topic', async () => {
    const { status, stdout } = await run('key');
    assert.equal(status, 0);
    assert.match(stdout, /key generate/);
  });

  test('completion says how', async () => {
    const { status, stdout } = await run('autocomplete bash', {
      env: { HOME: world.path('ac'), XDG_CACHE_HOME: world.path('ac', 'cache') },
    });
    assert.equal(status, 0);
    assert.match(stdout, /gtpkg autocomplete script bash/);
  });
});

describe('an empty home', { concurrency: 2 }, () => {
  for (const [line, text] of [
    ['list', /^Nothing is installed in .*none\/root\.$/],
    ['list --upgradable', /^Everything is as new as/],
    ['list --all', /^No source offers anything: gtpkg source add/],
    ['history', /^Nothing has been done to this root yet\.$/],
    ['recover', /^Nothing is half done in .*none\/root\.$/],
    ['verify', /^Nothing is installed in/],
    ['upgrade', /^Nothing to do: nothing was ever installed in .*none\/root\.$/],
    ['autoremove --dry-run', /^Nothing to do: nothing was ever installed in/],
    ['search editor', /^There is no index to search: gtpkg source add/],
    ['source list', /^No sources yet: gtpkg source add/],
    ['key list', /^No keys yet: gtpkg key generate/],
    ['update', /^No sources yet/],
  ] as const) {
    test(`gtpkg ${line} answers, and makes nothing`, async () => {
      const { status, stdout, stderr } = await run(line);
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout.trimEnd(), text);
      assert.ok(!existsSync(world.path('none')));
    });
  }

  test('what is not there is not found, and nothing is made', async () => {
    for (const line of [
      'install hello',
      'remove hello',
      'show hello',
      'files hello',
      'hold hello',
      'verify hello',
      'owns /x',
    ]) {
      const { status, code } = await world.fails(line.split(' '), { home: 'none' });
      assert.equal(status, 3, `${line}: ${code}`);
      assert.ok(!existsSync(world.path('none')), line);
    }
  });

  test('global flags may stand before the command', async () => {
    const root = world.path('elsewhere');
    const { stdout } = await world.run(['--root', root, '-y', '--offline', 'list', '--json'], {
      home: 'none',
    });
    assert.equal((JSON.parse(stdout) as { root: string }).root, root);
    const { status, stderr } = await run('--root list');
    assert.deepEqual([status, stderr.split('\n')[0]], [2, 'error[USAGE]: no command is named']);
  });
});

describe('outputs that fail', () => {
  async function to(
    stdout: number | 'pipe',
    args: string[],
  ): Promise<{ status: number | null; stderr: string }> {
    const child = spawn(process.execPath, [BIN, ...args], {
      env: { PATH: process.env['PATH'], GTPKG_HOME: world.path('none') },
      stdio: ['ignore', stdout, 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout?.destroy();
    await once(child, 'close');
    return { status: child.exitCode, stderr };
  }

  test('a reader that went away is no failure', async () => {
    assert.deepEqual(await to('pipe', ['list']), { status: 0, stderr: '' });
    assert.deepEqual(await to('pipe', ['--help']), { status: 0, stderr: '' });
  });

  test('a full disk is one', { skip: !existsSync('/dev/full') && 'there is no /dev/full' }, async () => {
    const { status, stderr } = await to(openSync('/dev/full', 'w'), ['list']);
    assert.equal(status, 7);
    assert.match(stderr, /^error\[NO_SPACE\]: standard output: no space is left\n {2}next: /);
  });
});

test('a node that cannot listen ends', async () => {
  const started = Date.now();
  const { status, stderr } = await run('dht --host nowhere.invalid --port 0');
  assert.equal(status, 2);
  assert.match(stderr, /^error\[BAD_ADDRESS\]/);
  assert.ok(Date.now() - started < 10_000);
});

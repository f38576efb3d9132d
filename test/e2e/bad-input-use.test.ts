/**
 * Bad requests and bad places: what does not exist, what cannot be, nobody to ask, disks that are full or read-only. Each ends with its
 * status and a next step, in time, and the root stays as it was.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Finished, RunOptions } from './harness.js';
import { Mounts, noMounts } from './mounts.js';
import { homeState, program, refuses, rootState, Scene, unmoved } from './scene.js';

/** A UDP port of loopback on which nobody listens. */
async function closedPort(): Promise<string> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return `127.0.0.1:${port}`;
}

/** How a person is told: on standard error, with the next step; nothing on standard output. */
function saysIt({ status, stdout, stderr }: Finished, expected: { status: number; code: string }): void {
  assert.equal(status, expected.status, stderr);
  assert.equal(stdout, '');
  const lines = stderr.trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('error['));
  assert.match(lines[at] ?? '', new RegExp(`^error\\[${expected.code}\\]: \\S.{8,}`), stderr);
  assert.match(lines[at + 1] ?? '', /^ {2}next: \S.{8,}/, stderr);
  assert.equal(lines.filter((line) => line.startsWith('error[')).length, 1, stderr);
}

/** How a program is told: one JSON document on standard output and nothing of it elsewhere. */
function saysJson({ status, stdout, stderr }: Finished, expected: { status: number; code: string }): void {
  assert.equal(status, expected.status, stderr);
  assert.equal(stdout.trimEnd().split('\n').length, 1);
  const { error, ...more } = JSON.parse(stdout) as {
    error: { code: string; message: string; hint: string; data: unknown };
  };
  assert.deepEqual(more, {});
  assert.equal(error.code, expected.code);
  assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'data']);
  assert.ok(!stderr.includes('error['), stderr);
}

describe('bad requests and bad places', { timeout: 580_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.make([
      program('tool'),
      program('gizmo'),
      program('gizmo', { version: '1.1' }),
      program('needs-ghost', { depends: 'ghost (>= 2)' }),
      program('needs-newer', { depends: 'tool (>= 9)' }),
      program('big', { lines: 200_000 }),
      program('never-held'),
    ]);
    await scene.world.json(['update'], scene.client);
  });
  after(() => scene?.end());

  describe('what does not exist', () => {
    const missing: readonly (readonly [args: string[], code: string, status: number, hint: RegExp])[] = [
      [['install', 'tol'], 'PACKAGE_NOT_FOUND', 3, /did you mean.*tool/i],
      [['install', 'tool', 'helo'], 'PACKAGE_NOT_FOUND', 3, /did you mean.*hello/i],
      [['install', 'tool=7.7'], 'VERSION_NOT_FOUND', 3, /1\.0/],
      [['install', 'tool/nosuch'], 'VERSION_NOT_FOUND', 3, /1\.0|stable/],
      [['show', 'tol'], 'PACKAGE_NOT_FOUND', 3, /did you mean.*tool/i],
      [['remove', 'hello', 'nosuch'], 'NOT_INSTALLED', 3, /list/],
      [['upgrade', 'tool'], 'NOT_INSTALLED', 3, /list/],
      [['verify', 'tool'], 'NOT_INSTALLED', 3, /list/],
      [['owns', '/no/such/file'], 'FILE_NOT_FOUND', 3, /path/],
      [['update', 'nosuch'], 'SOURCE_NOT_FOUND', 3, /acme/],
      [['clone', 'tool@nosuch', 'there'], 'SOURCE_NOT_FOUND', 3, /acme/],
      [['publish', '.', '--index', 'nosuch'], 'INDEX_NOT_FOUND', 3, /index create/],
      [['key', 'export', '0000000000000000'], 'KEY_NOT_FOUND', 3, /key/],
    ];
    for (const [args, code, status, hint] of missing) {
      test(`gtpkg ${args.join(' ')}`, async () => {
        const error = await scene.refused(args, { code, status });
        assert.match(error.hint, hint);
      });
    }
  });

  describe('what is no command line', () => {
    const wrong: readonly (readonly [args: string[], code: string, hint: RegExp])[] = [
      [['instal', 'tool'], 'USAGE', /did you mean gtpkg install/i],
      [['index', 'creat', 'x'], 'USAGE', /did you mean gtpkg index create/i],
      [['install', 'tool', '--ofline'], 'USAGE', /did you mean --offline/i],
      [['install'], 'USAGE', /--help/],
      [['install', 'Not A Name'], 'BAD_NAME', /./],
      [['install', 'tool=1 0'], 'BAD_VERSION', /./],
      [['install', '--timeout', 'soon', 'tool'], 'USAGE', /./],
      [['list', '--bootstrap', 'nonsense'], 'BAD_ADDRESS', /HOST:PORT/],
      [['peer', 'add', 'nonsense'], 'BAD_ADDRESS', /KEY@HOST:PORT/],
      [['index', 'show', '../evil'], 'BAD_NAME', /./],
      [['source', 'remove', '../evil'], 'BAD_NAME', /./],
      [['source', 'add', 'gtpkg://x#y'], 'BAD_INTRODUCTION', /gtpkg:\/\//],
    ];
    for (const [args, code, hint] of wrong) {
      test(`gtpkg ${args.join(' ')}`, async () => {
        const error = await scene.refused(args, { code, status: 2 });
        assert.match(error.hint, hint);
      });
    }

    test('people are told on standard error, programs on standard output', async () => {
      const { world, client } = scene;
      for (const [args, expected] of [
        [['install', 'tol'], { code: 'PACKAGE_NOT_FOUND', status: 3 }],
        [['instal', 'tool'], { code: 'USAGE', status: 2 }],
        [['install', '--nonsense'], { code: 'USAGE', status: 2 }],
        [['install', 'needs-ghost'], { code: 'NO_SOLUTION', status: 4 }],
      ] as const) {
        saysIt(await world.run([...args, '--root', scene.root], client), expected);
        saysJson(await world.run([...args, '--root', scene.root, '--json'], client), expected);
      }
    });
  });

  describe('what cannot be', () => {
    test('a dependency that nobody offers: both names are told', async () => {
      const { message, data } = await scene.refused(['install', 'needs-ghost'], {
        code: 'NO_SOLUTION',
        status: 4,
      });
      assert.match(message, /needs-ghost/);
      assert.match(message, /ghost \(>= 2\)/);
      assert.ok(data['explanation'] !== undefined);
    });

    test('a dependency that is offered too old: both names are told', async () => {
      const { message } = await scene.refused(['install', 'needs-newer'], { code: 'NO_SOLUTION', status: 4 });
      assert.match(message, /needs-newer/);
      assert.match(message, /tool \(>= 9\)/);
      assert.match(message, /1\.0/);
    });

    test('one that can be and one that cannot: neither is installed', async () => {
      await scene.refused(['install', 'tool', 'needs-ghost'], { code: 'NO_SOLUTION', status: 4 });
    });

    test('two versions of one package', async () => {
      await scene.refused(['install', 'gizmo=1.0', 'gizmo=1.1'], {
        code: ['NO_SOLUTION', 'USAGE'],
        status: 4,
      });
    });
  });

  describe('nobody to ask', () => {
    const TIMEOUT = 2;
    /** the time-out, and what a process needs on a busy machine */
    const PATIENCE = (TIMEOUT + 12) * 1000;

    const inTime = async (args: string[], env: NodeJS.ProcessEnv, limit = PATIENCE): Promise<void> => {
      const started = performance.now();
      await scene.refused(
        [...args, '--timeout', String(TIMEOUT)],
        { code: ['NO_PEER', 'OFFLINE', 'BLOCKS_MISSING', 'TIMEOUT'], status: 6 },
        { env },
      );
      const took = performance.now() - started;
      assert.ok(took < limit, `gtpkg ${args.join(' ')} took ${took} ms`);
    };

    test('a closed port as the only way into the network, and the known peers gone', async () => {
      const env = { GTPKG_BOOTSTRAP: await closedPort() };
      await scene.unseeded(async () => {
        await inTime(['update'], env);
        await inTime(['install', 'never-held'], env);
      });
    });

    test('a DHT that answers, and nobody in it', async () => {
      await scene.unseeded(async () => {
        await inTime(['update'], {});
        await inTime(['install', 'never-held'], {});
      });
    });

    test('a node that takes everything and says nothing', async () => {
      const hole = createSocket('udp4');
      hole.bind(0, '127.0.0.1');
      await once(hole, 'listening');
      try {
        const env = { GTPKG_BOOTSTRAP: `127.0.0.1:${hole.address().port}` };
        await scene.unseeded(async () => {
          await inTime(['update'], env);
          await inTime(['install', 'never-held'], env);
        });
      } finally {
        hole.close();
        await once(hole, 'close');
      }
    });

    test('a source that nobody can be reached for is kept, and says so', async () => {
      const { world } = scene;
      const options: RunOptions = { home: 'lonely', env: { GTPKG_BOOTSTRAP: await closedPort() } };
      const line = scene.introduction;
      const added = await world.json<{ update: { error: { code: string } } }>(
        ['source', 'add', line, '--name', 'acme', '--timeout', '2'],
        options,
      );
      assert.equal(added.update.error.code, 'NO_PEER');
      await refuses(world, ['install', 'tool', '--timeout', '2'], options, {
        code: ['PACKAGE_NOT_FOUND', 'INDEX_NOT_FOUND'],
        status: 3,
      });
      // with a network again, what was kept is enough
      await world.json(['update'], { home: 'lonely' });
      await world.json(['install', 'tool', '--root', world.path('lonely-root')], { home: 'lonely' });
    });

    test('--offline ends at once for what is not held, and works for what is', async () => {
      const { world, client } = scene;
      const started = performance.now();
      await scene.refused(['install', 'never-held', '--offline', '--timeout', '60'], {
        code: 'OFFLINE',
        status: 6,
      });
      assert.ok(performance.now() - started < 15_000);
      await world.json(['download', 'gizmo'], client);
      await world.json(['install', 'gizmo', '--offline', '--root', scene.root], client);
      await world.json(['remove', '--purge', 'gizmo', '--root', scene.root], client);
    });
  });

  describe('disks', { skip: noMounts() }, () => {
    const scope: Mounts[] = [];
    const mounts = async (script: string, ...args: string[]): Promise<Mounts> => {
      const made = await Mounts.make(script, args);
      scope.push(made);
      return made;
    };
    after(async () => {
      for (const each of scope) await each.end();
    });

    test('a root on a full disk: nothing of the package is there, and once there is space it installs', async () => {
      const { world, client } = scene;
      const root = world.path('small');
      await mkdir(root);
      const place = await mounts('mount -t tmpfs -o size=1m,mode=755 none "$1"', root);
      const inside = { ...client, through: place.through };
      await world.json(['install', 'tool', '--root', root], inside);
      const before = await rootState(place.seen(root));
      await refuses(world, ['install', 'big', '--root', root], inside, { code: 'NO_SPACE', status: 7 });
      unmoved(await rootState(place.seen(root)), before);
      saysIt(await world.run(['install', 'big', '--root', root], inside), { code: 'NO_SPACE', status: 7 });
      unmoved(await rootState(place.seen(root)), before);
      place.sh('mount -o remount,size=64m "$1"', [root]);
      await world.json(['install', 'big', '--root', root], inside);
      assert.equal((await world.json<{ ok: boolean }>(['verify', '--root', root], inside)).ok, true);
    });

    test('a root whose disk is full to the last byte can still be listed, and removed from', async () => {
      const { world, client } = scene;
      const root = world.path('brimful');
      await mkdir(root);
      const place = await mounts('mount -t tmpfs -o size=8m,mode=755 none "$1"', root);
      const inside = { ...client, through: place.through };
      await world.json(['install', 'big', '--root', root], inside);
      place.sh('cat /dev/zero > "$1/filler" 2>/dev/null || true', [root]);
      const before = await rootState(place.seen(root));
      await refuses(world, ['install', 'tool', '--root', root], inside, { code: 'NO_SPACE', status: 7 });
      unmoved(await rootState(place.seen(root)), before);
      const { packages } = await world.json<{ packages: unknown[] }>(['list', '--root', root], inside);
      assert.equal(packages.length, 1);
      place.sh('rm "$1/filler"', [root]);
      await world.json(['remove', '--purge', 'big', '--root', root], inside);
    });

    test('a read-only root', async () => {
      const { world, client } = scene;
      const place = await mounts('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', scene.root);
      const inside = { through: place.through };
      for (const args of [['install', 'tool'], ['remove', 'hello'], ['hold', 'hello'], ['recover']])
        await scene.refused(args, { code: 'READ_ONLY', status: 7 }, inside);
      // what only reads goes on
      for (const args of [['list'], ['verify'], ['install', 'tool', '--dry-run']])
        await world.json([...args, '--root', scene.root], { ...client, ...inside });
    });

    test('a root that cannot even be made', async () => {
      const { world, client } = scene;
      const parent = world.path('fixed');
      await mkdir(parent);
      const place = await mounts('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', parent);
      const options = { ...client, through: place.through };
      await refuses(world, ['install', 'tool', '--root', `${parent}/root`], options, {
        code: 'READ_ONLY',
        status: 7,
      });
      await writeFile(world.path('a-file'), 'not a directory');
      await refuses(world, ['install', 'tool', '--root', world.path('a-file')], client, {
        code: ['ROOT_OBSTRUCTED', 'FILE_NOT_FOUND'],
        status: 7,
      });
      assert.equal(await readFile(world.path('a-file'), 'utf8'), 'not a directory');
    });

    test('a read-only home', async () => {
      const { world, client } = scene;
      const home = world.path('client');
      const place = await mounts('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', home);
      const inside = { through: place.through };
      for (const args of [
        ['update'],
        ['install', 'tool'],
        ['source', 'remove', 'acme'],
        [
          'source',
          'add',
          scene.introduction.replace(/^gtpkg:\/\/(.)/, (_, first) => `gtpkg://${first === 'y' ? 'b' : 'y'}`),
        ],
        ['key', 'generate', '--name', 'N', '--email', 'n@example.org'],
      ])
        await scene.refused(args, { code: 'READ_ONLY', status: 7 }, inside);
      for (const args of [
        ['list', '--all'],
        ['source', 'list'],
        ['key', 'list'],
      ])
        await world.json([...args, '--root', scene.root], { ...client, ...inside });
    });

    test('a home on a full disk: refused, nothing lost, and it goes on once there is space', async () => {
      const { world } = scene;
      const home = world.path('full');
      await mkdir(home);
      const place = await mounts('mount -t tmpfs -o size=48m,mode=755 none "$1"', home);
      const inside = { home: 'full', through: place.through };
      await world.json(['source', 'add', scene.introduction, '--name', 'acme'], inside);
      await world.json(['install', 'tool', '--root', scene.world.path('full-root')], inside);
      place.sh('cat /dev/zero > "$1/filler" 2>/dev/null || true', [home]);
      const trusted = await homeState(place.seen(home));
      const installed = await rootState(world.path('full-root'));
      await refuses(world, ['install', 'big', '--root', world.path('full-root')], inside, {
        code: 'NO_SPACE',
        status: 7,
      });
      await refuses(world, ['key', 'generate', '--name', 'N', '--email', 'n@example.org'], inside, {
        code: 'NO_SPACE',
        status: 7,
      });
      unmoved(await homeState(place.seen(home)), trusted);
      unmoved(await rootState(world.path('full-root')), installed);
      place.sh('rm "$1/filler"', [home]);
      await world.json(['install', 'big', '--root', world.path('full-root')], inside);
    });
  });

  test('after all of that the client says what it said', async () => {
    assert.deepEqual(await scene.installed(), ['hello 1.0']);
    assert.equal(
      (await scene.world.json<{ ok: boolean }>(['verify', '--root', scene.root], scene.client)).ok,
      true,
    );
  });
});

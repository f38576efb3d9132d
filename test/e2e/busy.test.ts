/**
 * Several gtpkg at once: on one home, with a seeder and without, and on one root. What cannot go on says so with status 8; what goes on
 * leaves everything whole.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { openRoot, readHistory, readStatus, verifyRoot } from '../../installer/index.js';
import { openDepot } from '../../replication/index.js';
import type { Finished } from './harness.js';
import { program, refuses, Scene } from './scene.js';

const NAMES = ['alpha', 'beta', 'gamma', 'delta'];

describe('several at once', { timeout: 580_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.make(NAMES.map((name) => program(name, { lines: 2_000 })));
  });
  after(() => scene?.end());

  const installed = (root: string): string[] =>
    [...readStatus(root).values()].map((each) => each.name).sort();

  /** The root is whole: what it lists is there as signed, its history is in order, and nothing half done is left. */
  const whole = async (root: string): Promise<void> => {
    for await (const { path, kind } of verifyRoot(root)) assert.fail(`${path}: ${kind}`);
    const ids = readHistory(root).map((each) => Number(each.id));
    assert.deepEqual(
      [...new Set(ids)].sort((a, b) => a - b),
      ids,
    );
    assert.ok(!existsSync(`${root}/var/lib/gtpkg/journal`));
    assert.deepEqual(await readdir(`${root}/var/lib/gtpkg/staging`), []);
  };

  /** Ended well, or said that somebody else is at work; nothing in between. */
  const doneOrBusy = ({ status, stdout, stderr }: Finished): boolean => {
    if (status === 0) return true;
    assert.equal(status, 8, stdout + stderr);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } };
    assert.ok(['HOME_BUSY', 'ROOT_BUSY'].includes(error.code), error.code);
    assert.ok(error.hint.length > 10);
    return false;
  };

  const together = async (homes: readonly string[], args: (i: number) => string[]): Promise<boolean[]> => {
    const ends = await Promise.all(homes.map((home, i) => scene.world.run([...args(i), '--json'], { home })));
    return ends.map(doneOrBusy);
  };

  describe('a home that another process holds', () => {
    test('is busy for those who need its store, and for nobody else', async () => {
      const { world, client } = scene;
      const depot = await openDepot({
        home: world.path('client'),
        bootstrap: [],
        offline: true,
        mode: 'own',
      });
      try {
        for (const args of [['install', 'alpha'], ['update'], ['download', 'alpha'], ['status'], ['seed']])
          await scene.refused(args, { code: 'HOME_BUSY', status: 8 });
        for (const args of [['list', '--all'], ['show', 'alpha'], ['verify']])
          await world.json([...args, '--root', scene.root], client);
      } finally {
        await depot.close();
      }
      await scene.install('alpha');
      await world.json(['remove', '--purge', 'alpha', '--root', scene.root], client);
    });
  });

  describe('a home whose seeder runs', () => {
    test('serves the other commands of the home', async () => {
      const { world, client } = scene;
      const seeder = await world.seed('client');
      const status = await world.json<{ seeding: boolean; address: string }>(['status'], client);
      assert.equal(status.seeding, true);
      assert.equal(status.address, seeder.address);
      await scene.publish(program('alpha', { version: '1.1' }));
      await world.json(['update'], client);
      await world.json(['install', 'alpha', 'beta', '--root', scene.root], client);
      assert.deepEqual(await scene.installed(), ['alpha 1.1', 'beta 1.0', 'hello 1.0']);
      // publishing into an index of one's own, while seeding
      const mail = ['--name', 'C', '--email', 'c@example.org'];
      const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], client);
      const made = await world.json<{ introduction: string }>(
        ['index', 'create', 'own', '--key', fingerprint],
        client,
      );
      const directory = await writeProgram(world.path('work'), program('own-tool'));
      await world.json(['publish', directory, '--index', 'own', '--compression', '1'], client);
      await world.json(['index', 'add', 'own', 'alpha@acme'], client);
      // another machine finds all of it without the seeder being started again
      await world.json(['source', 'add', made.introduction, '--name', 'own'], { home: 'other' });
      await world.json(['install', 'own-tool', 'alpha', '--root', world.path('other-root')], {
        home: 'other',
      });
      await world.json(['remove', '--purge', 'alpha', 'beta', '--root', scene.root], client);

      // a second seeder of the same home is refused, and the first goes on
      await refuses(world, ['seed'], client, { code: 'HOME_BUSY', status: 8 });
      assert.equal((await world.json<{ seeding: boolean }>(['status'], client)).seeding, true);
      assert.equal(await world.stop(seeder), 0);
      assert.equal((await world.json<{ seeding: boolean }>(['status'], client)).seeding, false);
    });

    test('a seeder that was killed leaves a home that works', async () => {
      const { world, client } = scene;
      await world.stop(await world.seed('client'), 'SIGKILL');
      assert.equal((await world.json<{ seeding: boolean }>(['status'], client)).seeding, false);
      await scene.install('gamma');
      await world.json(['remove', '--purge', 'gamma', '--root', scene.root], client);
      await world.stop(await world.seed('client'));
    });

    test('many commands at once through one seeder', async () => {
      const { world, client } = scene;
      const seeder = await world.seed('client');
      const roots = NAMES.map((name) => world.path(`root-${name}`));
      const ends = await together(
        NAMES.map(() => 'client'),
        (i) => ['install', NAMES[i] ?? '', '--root', roots[i] ?? ''],
      );
      assert.deepEqual(ends, [true, true, true, true], 'each has a root of its own, and none has to wait');
      for (const [i, root] of roots.entries()) assert.deepEqual(installed(root), [NAMES[i]]);
      assert.equal(await world.stop(seeder), 0);
      await world.json(['list'], client);
    });
  });

  describe('one root', () => {
    test('is busy while another process changes it, and names that process', async () => {
      const root = await openRoot(scene.root, { lock: 'exclusive', report: () => undefined });
      try {
        for (const args of [
          ['install', 'alpha'],
          ['remove', 'hello'],
          ['hold', 'hello'],
        ]) {
          const { data, hint } = await scene.refused(args, { code: 'ROOT_BUSY', status: 8 });
          assert.equal(data['pid'], process.pid);
          assert.match(hint, /wait/i);
        }
        for (const args of [['list'], ['install', 'alpha', '--dry-run']])
          await scene.world.json([...args, '--root', scene.root], scene.client);
      } finally {
        root.close();
      }
      await scene.install('alpha');
      await scene.world.json(['remove', '--purge', 'alpha', '--root', scene.root], scene.client);
    });

    test('two homes install different packages into it at once', async () => {
      const { world } = scene;
      for (const home of ['one', 'two'])
        await world.json(['source', 'add', scene.introduction, '--name', 'acme'], { home });
      const root = world.path('shared');
      const did = await together(['one', 'two'], (i) => ['install', NAMES[i] ?? '', '--root', root]);
      assert.ok(did.includes(true), 'one of them at least goes on');
      const expected = ['alpha', 'beta'].filter((_, i) => did[i]);
      assert.deepEqual(installed(root), expected);
      await whole(root);
      // whoever was refused can do it now
      await world.json(['install', 'alpha', 'beta', '--root', root], { home: 'one' });
      assert.deepEqual(installed(root), ['alpha', 'beta']);
    });

    test('install and remove of the same package at once', async () => {
      const { world } = scene;
      const root = world.path('shared');
      const words = [
        ['remove', '--purge', 'alpha'],
        ['install', 'gamma'],
        ['remove', '--purge', 'beta'],
      ];
      const did = await together(['one', 'two', 'client'], (i) => [...(words[i] ?? []), '--root', root]);
      const expected = [did[0] ? '' : 'alpha', did[2] ? '' : 'beta', did[1] ? 'gamma' : ''].filter(
        (name) => name !== '',
      );
      assert.deepEqual(installed(root), expected);
      await whole(root);
    });
  });

  describe('one home, and nobody seeds it', () => {
    test('two installs at once: each is done or refused, and the root is whole', async () => {
      const { world } = scene;
      const root = world.path('both');
      const did = await together(['client', 'client'], (i) => ['install', NAMES[i] ?? '', '--root', root]);
      assert.ok(did.includes(true));
      assert.deepEqual(
        installed(root),
        ['alpha', 'beta'].filter((_, i) => did[i]),
      );
      await whole(root);
    });

    test('two publish at once: the index lists what was said to be published, in an unbroken line', async () => {
      const { world } = scene;
      const home = 'maker';
      const { fingerprint } = await world.json<{ fingerprint: string }>(
        ['key', 'generate', '--name', 'M', '--email', 'm@example.org'],
        { home },
      );
      await world.json(['index', 'create', 'made', '--key', fingerprint], { home });
      const paths = await Promise.all(
        ['left', 'right', 'middle'].map((name) => writeProgram(world.path('work'), program(name))),
      );
      const did = await together([home, home, home], (i) => [
        'publish',
        paths[i] ?? '',
        '--index',
        'made',
        '--compression',
        '1',
      ]);
      assert.ok(did.includes(true));
      const listed = async (): Promise<string[]> => {
        const { entries } = await world.json<{ entries: { name: string }[] }>(['index', 'list', 'made'], {
          home,
        });
        return entries.map((each) => each.name).sort();
      };
      assert.deepEqual(await listed(), ['left', 'right', 'middle'].filter((_, i) => did[i]).sort());
      const { log } = await world.json<{ log: { sequence: number; signers: string[] }[] }>(
        ['index', 'log', 'made'],
        { home },
      );
      assert.deepEqual(
        log.map((each) => each.sequence),
        log.map((_, i) => log.length - i),
      );
      assert.ok(log.every((each) => each.signers.includes(fingerprint)));
      // what was refused can be done again, and what was done changes nothing
      for (const path of paths)
        await world.json(['publish', path, '--index', 'made', '--compression', '1'], { home });
      assert.deepEqual(await listed(), ['left', 'middle', 'right']);
    });
  });
});

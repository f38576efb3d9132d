/**
 * A fork that outlives its upstream: the same release cores under new keys, and nothing fetched twice.
 */
import assert from 'node:assert/strict';
import { readFile, rm, stat } from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { download, noDebian } from './debian.js';
import { World, type Running } from './harness.js';

const debian = noDebian();

async function folderSize(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await stat(`${entry.parentPath}/${entry.name}`)).size;
  }
  return sum;
}

describe('a fork of a whole distribution', { timeout: 300_000 }, () => {
  let world: World;
  let upstream: Running;
  let forkSeed: Running;
  let introduction: string;
  let fork: string;
  const names =
    debian === false ? ['hello', 'tree', 'nano'] : ['hello', 'tree', 'nano'].map((name) => `my-${name}`);
  const changed = names[0] ?? '';

  before(async () => {
    world = await World.make();
    await world.startDht();
    const key = (
      await world.json<{ fingerprint: string }>(
        ['key', 'generate', '--name', 'Up', '--email', 'up@example.org'],
        { home: 'upstream' },
      )
    ).fingerprint;
    introduction = (
      await world.json<{ introduction: string }>(['index', 'create', 'up', '--key', key], {
        home: 'upstream',
      })
    ).introduction;
    const paths =
      debian === false
        ? await download(world.path('debs'), names)
        : await Promise.all(
            names.map((name) =>
              writeProgram(world.path('work'), {
                name,
                version: '1.0',
                summary: 'a program',
                script: '#!/bin/sh\necho 1.0\n',
                lines: 30_000,
              }),
            ),
          );
    await world.json(['publish', ...paths, '--index', 'up', '--compression', '6'], { home: 'upstream' });
    upstream = await world.start(['seed'], { home: 'upstream' });
    for (const home of ['forker', 'mover']) {
      await world.json(['source', 'add', introduction, '--name', 'up'], { home });
      await world.json(['install', '--no-deps', ...names, '--root', world.path(`${home}-root`)], { home });
    }
  });
  after(() => world?.end());

  test('forking takes one key and one command, and copies no package', async () => {
    const key = (
      await world.json<{ fingerprint: string }>(
        ['key', 'generate', '--name', 'Fork', '--email', 'fork@example.org'],
        { home: 'forker' },
      )
    ).fingerprint;
    const before = await folderSize(world.path('forker', 'store'));
    const made = await world.json<{ introduction: string; sequence: number }>(
      ['index', 'fork', 'up', 'down', '--key', key],
      { home: 'forker' },
    );
    fork = made.introduction;
    assert.ok(fork.includes(key));
    assert.notEqual(fork.split('#')[0], introduction.split('#')[0]);
    const packages = (
      await world.json<{ packages: { core: string }[] }>(['show', changed], { home: 'forker' })
    ).packages;
    assert.ok((packages[0]?.core ?? '').length > 0);
    const grown =
      (await folderSize(world.path('forker', 'indexes', 'down'))) +
      Math.max(0, (await folderSize(world.path('forker', 'store'))) - before);
    assert.ok(grown < 2_000_000, `the fork took ${grown} bytes`);
    const { entries } = await world.json<{ entries: { name: string }[] }>(['index', 'list', 'down'], {
      home: 'forker',
    });
    assert.deepEqual([...new Set(entries.map((each) => each.name))].sort(), [...names].sort());
    const details = await world.json<{ forkedFrom: string | null }>(['index', 'show', 'down'], {
      home: 'forker',
    });
    assert.ok(details.forkedFrom?.startsWith('gtpkg://'));
  });

  test('the fork changes one package of its own', async () => {
    const directory = await writeProgram(world.path('work'), {
      name: changed,
      version: '9:99.0',
      summary: 'the fork has its own',
      script: '#!/bin/sh\necho forked\n',
      lines: 5_000,
    });
    const { changed: did } = await world.json<{ changed: boolean }>(
      ['publish', directory, '--index', 'down'],
      { home: 'forker' },
    );
    assert.equal(did, true);
    forkSeed = await world.start(['seed'], { home: 'forker' });
  });

  test('with upstream and its keys gone for good, a new machine installs everything from the fork', async () => {
    await world.stop(upstream, 'SIGKILL');
    await rm(world.path('upstream'), { recursive: true, force: true });
    await world.json(['source', 'add', fork, '--name', 'down'], { home: 'fresh' });
    await world.json(['install', '--no-deps', ...names, '--root', world.path('fresh-root')], {
      home: 'fresh',
    });
    const { packages } = await world.json<{ packages: { name: string; version: string }[] }>(
      ['list', '--root', world.path('fresh-root')],
      { home: 'fresh' },
    );
    assert.equal(packages.find((each) => each.name === changed)?.version, '9:99.0');
    assert.match(await readFile(world.path('fresh-root', 'usr/bin', changed), 'utf8'), /forked/);
    assert.equal(
      (await world.json<{ ok: boolean }>(['verify', '--root', world.path('fresh-root')], { home: 'fresh' }))
        .ok,
      true,
    );
  });

  test('a machine that had the packages moves over and fetches only the changed one', async () => {
    const sent = async (): Promise<number> =>
      (await world.json<{ sent: number }>(['status'], { home: 'forker' })).sent;
    await world.json(['source', 'add', fork, '--name', 'down'], { home: 'mover' });
    const root = ['--root', world.path('mover-root')];
    const plan = await world.json<{ downloadSize: number; steps: { name: string }[] }>(
      ['upgrade', '--no-deps', '--dry-run', ...root],
      { home: 'mover' },
    );
    assert.deepEqual(
      plan.steps.map((step) => step.name),
      [changed],
    );
    const before = await sent();
    await world.json(['upgrade', '--no-deps', ...root], { home: 'mover' });
    const wire = (await sent()) - before;
    // the changed package, and what a connection costs: handshakes, announcements of what is held
    assert.ok(wire >= plan.downloadSize, `the package came over the wire (${wire} bytes)`);
    assert.ok(wire < plan.downloadSize + 100_000, `${wire} bytes for a package of ${plan.downloadSize}`);
    // reinstalling the others from the fork alone needs no network at all
    await world.json(['source', 'remove', 'up'], { home: 'mover' });
    await world.json(['install', '--no-deps', ...names, '--offline', '--root', world.path('mover-second')], {
      home: 'mover',
    });
  });

  test('publishing into the fork goes on', async () => {
    const directory = await writeProgram(world.path('work'), {
      name: 'brand-new',
      version: '1.0',
      summary: 'only in the fork',
      script: '#!/bin/sh\necho new\n',
    });
    await world.json(['publish', directory, '--index', 'down'], { home: 'forker' });
    await world.json(['update'], { home: 'fresh' });
    await world.json(['install', 'brand-new', '--root', world.path('fresh-root')], { home: 'fresh' });
    const { log } = await world.json<{ log: { sequence: number; anchor: boolean }[] }>(
      ['index', 'log', 'down'],
      { home: 'fresh' },
    );
    assert.equal(log.filter((each) => each.anchor).length, 1);
    assert.equal(forkSeed.child.exitCode, null);
  });
});

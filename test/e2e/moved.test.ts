/**
 * The home that kept an index is gone, and the key of its index core with it. A root who has a copy moves it; everybody who followed the old
 * core is led on by peers, also who comes late with the old introduction.
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { World, type Running } from './harness.js';

describe('a lost index core', { timeout: 180_000 }, () => {
  let world: World;
  let introduction: string;
  let moved: Running;

  const sequence = async (home: string): Promise<number | null> => {
    const { updates } = await world.json<{ updates: { sequence: number | null }[] }>(['update'], { home });
    return updates[0]?.sequence ?? null;
  };
  const core = async (home: string): Promise<string> =>
    /gtpkg:\/\/([a-z0-9]{52})/.exec(
      await readFile(world.path(home, 'sources', 'acme', 'source.json'), 'utf8'),
    )?.[1] ?? '';
  const publish = async (home: string, version: string): Promise<void> => {
    const program = { name: 'tool', version, summary: 'a tool', script: '#!/bin/sh\n', lines: 1 };
    await world.json(['publish', await writeProgram(world.path('work'), program), '--index', 'acme'], {
      home,
    });
  };

  before(async () => {
    world = await World.make();
    await world.startDht();
    const words = ['key', 'generate', '--name', 'ada', '--email', 'ada@example.org'];
    const key = (await world.json<{ fingerprint: string }>(words, { home: 'ada' })).fingerprint;
    const made = await world.json<{ introduction: string }>(['index', 'create', 'acme', '--key', key], {
      home: 'ada',
    });
    introduction = made.introduction;
    await publish('ada', '1.0');
    const first = await world.start(['seed'], { home: 'ada' });
    for (const home of ['bob', 'carol', 'rescue'])
      await world.json(['source', 'add', introduction, '--name', 'acme'], { home });
    const { stdout } = await world.run(['key', 'export', '--secret', key], { home: 'ada' });
    await writeFile(world.path('ada.secret'), stdout);
    await world.start(['seed'], { home: 'bob' });
    await world.stop(first, 'SIGKILL');
    await rm(world.path('ada'), { recursive: true });
  });
  after(() => world?.end());

  test('only a root can move it; then it goes on, on another core', async () => {
    assert.equal((await world.fails(['index', 'move', 'acme'], { home: 'carol' })).code, 'KEY_NOT_FOUND');
    await world.json(['key', 'import', world.path('ada.secret')], { home: 'rescue' });
    const done = await world.json<{ adopted: boolean; sequence: number; from: string; to: string }>(
      ['index', 'move', 'acme'],
      { home: 'rescue' },
    );
    assert.deepEqual([done.adopted, done.sequence, done.from], [true, 3, await core('carol')]);
    assert.notEqual(done.to, done.from);
    await publish('rescue', '2.0');
    moved = await world.start(['seed'], { home: 'rescue' });
  });

  test('who follows the old core is led on, and tells others when the mover is away', async () => {
    const old = await core('carol');
    let now: number | null = null;
    for (let i = 0; i < 20 && now !== 4; i++) now = await sequence('bob');
    assert.equal(now, 4);
    assert.notEqual(await core('bob'), old);
    await world.stop(moved);
    for (let i = 0; i < 20 && now !== null && (await core('carol')) === old; i++)
      now = await sequence('carol').catch(() => 0);
    assert.equal(await core('carol'), await core('bob'));
    assert.equal(await sequence('carol'), 4);
    // a late one, with the introduction of old
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'dave' });
    for (let i = 0; i < 20 && (await core('dave')) === old; i++) await sequence('dave').catch(() => 0);
    assert.equal(await sequence('dave'), 4);
  });
});

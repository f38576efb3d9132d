/**
 * A root signs two states with one number. Who meets both stops, keeps the proof and tells others, who stop without ever having met the
 * second one; the user decides.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { World } from './harness.js';

interface Sources {
  readonly sources: readonly { readonly sequence: number; readonly undecided: boolean }[];
}

describe('equivocation', { timeout: 180_000 }, () => {
  let world: World;
  let evil: string;
  let carol: string;

  before(async () => {
    world = await World.make();
    const words = ['key', 'generate', '--name', 'ada', '--email', 'ada@example.org'];
    const key = (await world.json<{ fingerprint: string }>(words, { home: 'ada' })).fingerprint;
    const made = await world.json<{ introduction: string }>(['index', 'create', 'acme', '--key', key], {
      home: 'ada',
    });
    const { address } = await world.seed('ada');
    const introduction = made.introduction.replace('#', `?peer=${address}#`);
    // another machine with the root key signs number 2, and so does this one
    const { stdout } = await world.run(['key', 'export', '--secret', key], { home: 'ada' });
    await writeFile(world.path('ada.secret'), stdout);
    await world.json(['key', 'import', world.path('ada.secret')], { home: 'evil' });
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'evil' });
    await world.json(['index', 'move', 'acme'], { home: 'evil' });
    const program = { name: 'tool', version: '1.0', summary: 'a tool', script: '#!/bin/sh\n', lines: 1 };
    await world.json(['publish', await writeProgram(world.path('work'), program), '--index', 'acme'], {
      home: 'ada',
    });
    for (const home of ['carol', 'dave'])
      await world.json(['source', 'add', introduction, '--name', 'acme'], { home });
    evil = (await world.seed('evil')).address;
  });
  after(() => world?.end());

  test('who meets both histories stops, and nothing moves', async () => {
    const state = await readFile(world.path('carol', 'sources', 'acme', 'state.json'), 'utf8');
    await world.json(['peer', 'add', evil], { home: 'carol' });
    let met = await world.run(['update', '--json'], { home: 'carol' });
    for (let i = 0; i < 20 && met.status === 0; i++)
      met = await world.run(['update', '--json'], { home: 'carol' });
    assert.match(met.stdout, /INDEX_EQUIVOCATION/);
    assert.equal(met.status, 5);
    assert.equal(await readFile(world.path('carol', 'sources', 'acme', 'state.json'), 'utf8'), state);
    const refused = await world.fails(['install', 'tool'], { home: 'carol' });
    assert.deepEqual([refused.status, refused.code], [5, 'INDEX_EQUIVOCATION']);
    const { sources } = await world.json<Sources>(['source', 'list'], { home: 'carol' });
    assert.deepEqual([sources[0]?.sequence, sources[0]?.undecided], [2, true]);
    assert.match((await world.run(['status'], { home: 'carol' })).stdout, /Standing still: +acme/);
    carol = (await world.seed('carol')).address;
  });

  test('a peer that has the proof tells it; the user decides', async () => {
    await world.json(['peer', 'add', carol], { home: 'dave' });
    let told = await world.run(['update', '--json'], { home: 'dave' });
    for (let i = 0; i < 20 && told.status === 0; i++)
      told = await world.run(['update', '--json'], { home: 'dave' });
    assert.match(told.stdout, /INDEX_EQUIVOCATION/);
    const { histories } = await world.json<{
      histories: { sequence: number; sides: { commit: string; known: boolean; changes: string[] }[] }[];
    }>(['source', 'accept', 'acme'], { home: 'dave' });
    const [two] = histories;
    assert.equal(two?.sequence, 2);
    const mine = two.sides.find(({ known }) => known);
    const theirs = two.sides.find(({ known }) => !known);
    assert.ok(mine !== undefined && mine.changes.some((line) => line.startsWith('add tool 1.0')));
    assert.ok(theirs?.changes.some((line) => line.startsWith('move to ')));
    assert.equal(
      (await world.fails(['source', 'accept', 'acme', '0123456'], { home: 'dave' })).code,
      'USAGE',
    );
    await world.json(['source', 'accept', 'acme', mine.commit.slice(0, 12)], { home: 'dave' });
    await world.json(['update'], { home: 'dave' });
    await world.json(['install', 'tool'], { home: 'dave' });
  });
});

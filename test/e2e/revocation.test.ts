/**
 * A maintainer's key is revoked: what it signed is refused and named where it is installed; what a retired key signed before stays good.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { lacks } from '../git/support.js';
import { World } from './harness.js';

describe('key revoke', { timeout: 180_000 }, () => {
  let world: World;
  let introduction: string;
  const keys: Record<string, string> = {};

  before(async () => {
    world = await World.make();
    for (const name of ['root', 'stolen', 'retired']) {
      const words = ['key', 'generate', '--name', name, '--email', `${name}@example.org`];
      keys[name] = (await world.json<{ fingerprint: string }>(words, { home: 'ada' })).fingerprint;
    }
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', keys['root'] ?? ''],
      { home: 'ada' },
    );
    for (const name of ['stolen', 'retired']) {
      const program = {
        name: `tool-${name}`,
        version: '1.0',
        summary: 'a tool',
        script: '#!/bin/sh\n',
        lines: 1,
      };
      const path = await writeProgram(world.path('work'), program);
      await world.json(['publish', path, '--index', 'acme', '--key', keys[name] ?? ''], { home: 'ada' });
    }
    const { address } = await world.seed('ada');
    introduction = made.introduction.replace('#', `?peer=${address}#`);
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'carol' });
    await world.json(['install', 'tool-stolen', 'tool-retired'], { home: 'carol' });
  });
  after(() => world?.end());

  test('it is asked for, goes into the index, and gpg agrees', { skip: lacks('gpg') }, async () => {
    const asked = await world.fails(['key', 'revoke', keys['stolen'] ?? ''], { home: 'ada' });
    assert.deepEqual([asked.status, asked.code], [2, 'USAGE']);
    const hard = await world.json<{ kind: string; indexes: { sequence: number }[] }>(
      ['key', 'revoke', keys['stolen'] ?? '', '--yes'],
      { home: 'ada' },
    );
    assert.deepEqual([hard.kind, hard.indexes[0]?.sequence], ['hard', 4]);
    const soft = await world.json<{ kind: string }>(
      ['key', 'revoke', keys['retired'] ?? '', '--reason', 'retired', '--yes'],
      { home: 'ada' },
    );
    assert.equal(soft.kind, 'soft');
    const { keys: listed } = await world.json<{
      keys: { fingerprint: string; state: string; secret: boolean }[];
    }>(['key', 'list'], { home: 'ada' });
    for (const name of ['stolen', 'retired']) {
      const key = listed.find(({ fingerprint }) => fingerprint === keys[name]);
      assert.deepEqual([key?.state, key?.secret], ['revoked', true]);
    }
    const gnupg = world.path('gnupg');
    await mkdir(gnupg, { mode: 0o700 });
    const env = { ...process.env, GNUPGHOME: gnupg, LC_ALL: 'C' };
    const { stdout } = await world.run(['key', 'export', keys['stolen'] ?? ''], { home: 'ada' });
    execFileSync('gpg', ['--batch', '--quiet', '--import'], { env, input: stdout, stdio: 'pipe' });
    const shown = execFileSync('gpg', ['--batch', '--with-colons', '--list-keys'], { env }).toString();
    assert.match(shown, /^pub:r:/m);
  });

  test('who has it is told; nobody installs it any more', async () => {
    const { stderr, status } = await world.run(['update'], { home: 'carol' });
    assert.equal(status, 0);
    assert.match(stderr, /tool-stolen 1\.0 is installed.*revoked/);
    assert.doesNotMatch(stderr, /tool-retired/);
    const { packages } = await world.json<{ packages: { name: string; state: string }[] }>(
      ['list', '--installed'],
      { home: 'carol' },
    );
    assert.deepEqual(
      packages.map(({ name, state }) => [name, /signer revoked/.test(state)]),
      [
        ['tool-retired', false],
        ['tool-stolen', true],
      ],
    );
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'dave' });
    const refused = await world.fails(['install', 'tool-stolen'], { home: 'dave' });
    assert.deepEqual([refused.status, refused.code], [5, 'SIGNER_REVOKED']);
    // listed before its signer retired
    await world.json(['install', 'tool-retired'], { home: 'dave' });
  });
});

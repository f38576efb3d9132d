/**
 * A maintainer's key is revoked: what it signed is refused and named where it is installed; what a retired key signed before stays good.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
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

  test(
    'a co-signature is made in a clone, listed, counted by policy, and verified by plain git',
    { skip: lacks('git') || lacks('gpg') },
    async () => {
      const words = ['key', 'generate', '--name', 'bob', '--email', 'bob@example.org'];
      const bob = (await world.json<{ fingerprint: string }>(words, { home: 'bob' })).fingerprint;
      await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'bob' });
      await world.json(['clone', 'tool-retired', world.path('clone')], { home: 'bob' });
      const unknown = await world.fails(['package', 'cosign', world.path('clone', '.git'), '1.0'], {
        home: 'bob',
      });
      assert.equal(unknown.code, 'SIGNER_UNKNOWN', 'the maintainer’s key is not in this home');
      await world
        .run(['key', 'export', keys['retired'] ?? ''], { home: 'ada' })
        .then(({ stdout }) => writeFile(world.path('retired.asc'), stdout));
      await world.json(['key', 'import', world.path('retired.asc')], { home: 'bob' });
      const file = world.path('cosignature');
      await world.json(['package', 'cosign', world.path('clone', '.git'), '1.0', '--out', file], {
        home: 'bob',
      });
      const env = { ...process.env, GNUPGHOME: world.path('bob-gnupg'), LC_ALL: 'C' };
      await mkdir(env.GNUPGHOME, { mode: 0o700 });
      const { stdout } = await world.run(['key', 'export', bob], { home: 'bob' });
      execFileSync('gpg', ['--batch', '--quiet', '--import'], { env, input: stdout, stdio: 'pipe' });
      execFileSync('git', ['-C', world.path('clone'), 'verify-tag', `1.0/all@${bob}`], {
        env,
        stdio: 'pipe',
      });

      const taken = ['package', 'cosign', 'tool-retired', '1.0', '--in', file];
      assert.equal((await world.fails(taken, { home: 'ada' })).code, 'KEY_NOT_FOUND');
      await writeFile(world.path('bob.asc'), stdout);
      await world.json(['key', 'import', world.path('bob.asc')], { home: 'ada' });
      const other = ['package', 'cosign', 'tool-stolen', '1.0', '--in', file];
      assert.equal((await world.fails(other, { home: 'ada' })).code, 'RELEASE_MISMATCH');
      await world.json(taken, { home: 'ada' });
      const repository = world.path('ada', 'packages', 'tool-retired.git');
      const listed = await world.json<{ sequence: number; changed: boolean }>(
        ['publish', repository, '--index', 'acme'],
        { home: 'ada' },
      );
      assert.deepEqual([listed.sequence, listed.changed], [4, true]);
      const again = await world.json<{ changed: boolean }>(['publish', repository, '--index', 'acme'], {
        home: 'ada',
      });
      assert.equal(again.changed, false);

      await world.json(['trust', 'require', 'tool-*', '--cosigners', '1'], { home: 'bob' });
      await world.json(['update'], { home: 'bob' });
      const { cosigners } = JSON.parse(
        await readFile(world.path('bob', 'sources', 'acme', 'cosigners.json'), 'utf8').then((text) =>
          JSON.stringify({ cosigners: Object.values((JSON.parse(text) as { releases: object }).releases) }),
        ),
      ) as { cosigners: string[][] };
      assert.deepEqual(cosigners, [[bob]]);
      await world.json(['install', 'tool-retired'], { home: 'bob' });
      const alone = await world.fails(['install', 'tool-stolen'], { home: 'bob' });
      assert.notEqual(alone.status, 0);
    },
  );

  test('it is asked for, goes into the index, and gpg agrees', { skip: lacks('gpg') }, async () => {
    const asked = await world.fails(['key', 'revoke', keys['stolen'] ?? ''], { home: 'ada' });
    assert.deepEqual([asked.status, asked.code], [2, 'USAGE']);
    const hard = await world.json<{ kind: string; indexes: { sequence: number }[] }>(
      ['key', 'revoke', keys['stolen'] ?? '', '--yes'],
      { home: 'ada' },
    );
    assert.equal(hard.kind, 'hard');
    assert.ok((hard.indexes[0]?.sequence ?? 0) > 3);
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

/**
 * Two of three roots on three machines sign one distribution: over the swarm and by file. Below the threshold nobody sees a change; git and gpg
 * agree with every verdict.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { lacks } from '../git/support.js';
import { World, type Running } from './harness.js';

interface Pending {
  readonly sequence: number;
  readonly commit: string;
  readonly signers: string[];
  readonly missing: string[];
  readonly differences: { readonly name: string; readonly what: string }[] | null;
}

interface SignResult {
  readonly signed: number[];
  readonly published: number;
  readonly pending: Pending[];
  readonly peers: number | null;
}

describe('roots on three machines', { timeout: 240_000 }, () => {
  let world: World;
  let introduction: string;
  let seeder: Running;
  const keys: Record<string, string> = {};

  const generate = async (home: string): Promise<void> => {
    const words = ['key', 'generate', '--name', home, '--email', `${home}@example.org`];
    keys[home] = (await world.json<{ fingerprint: string }>(words, { home })).fingerprint;
    const { stdout } = await world.run(['key', 'export', keys[home] ?? ''], { home });
    await writeFile(world.path(`${home}.asc`), stdout);
  };
  const sequence = async (home: string): Promise<number | null> => {
    const { updates } = await world.json<{ updates: { sequence: number | null }[] }>(['update'], { home });
    return updates[0]?.sequence ?? null;
  };
  const program = (version: string): Promise<string> =>
    writeProgram(world.path('work'), {
      name: 'tool',
      version,
      summary: 'a tool',
      script: '#!/bin/sh\n',
      lines: 1,
    });

  before(async () => {
    world = await World.make();
    await Promise.all(['ada', 'bob', 'eve'].map(generate));
    for (const other of ['bob', 'eve'])
      await world.json(['key', 'import', world.path(`${other}.asc`)], { home: 'ada' });
    const roots = ['ada', 'bob', 'eve'].flatMap((home) => ['--key', keys[home] ?? '']);
    const made = await world.json<{ introduction: string; pending: Pending[] }>(
      ['index', 'create', 'acme', ...roots, '--threshold', '2'],
      { home: 'ada' },
    );
    assert.deepEqual(made.pending[0]?.signers, [keys['ada']]);
    const started = await world.seed('ada');
    seeder = started;
    introduction = made.introduction.replace('#', `?peer=${started.address}#`);
  });
  after(() => world?.end());

  test('the second signature comes over the swarm, and the keeper’s seeder publishes', async () => {
    const added = await world.json<{ update: { sequence: number | null } }>(
      ['source', 'add', introduction, '--name', 'acme'],
      { home: 'bob' },
    );
    assert.equal(added.update.sequence, null, 'nothing is published yet');
    const looked = await world.json<SignResult>(['index', 'sign', 'acme', '--dry-run'], { home: 'bob' });
    assert.equal(looked.pending.length, 1);
    assert.deepEqual(looked.signed, []);
    const signed = await world.json<SignResult>(['index', 'sign', 'acme'], { home: 'bob' });
    assert.deepEqual([signed.signed, signed.peers], [[1], 1]);
    let now: number | null = null;
    for (let i = 0; i < 40 && now !== 1; i++) now = await sequence('bob').catch(() => null);
    assert.equal(now, 1);
    const { published, pending } = await world.json<{ published: boolean; pending: Pending[] }>(
      ['index', 'show', 'acme'],
      { home: 'ada' },
    );
    assert.deepEqual([published, pending], [true, []]);
  });

  test('below the threshold nobody sees it; by file, without any network', async () => {
    await world.json(['source', 'add', introduction, '--name', 'acme'], { home: 'carol' });
    const published = await world.json<{ pending: Pending[] }>(
      ['publish', await program('1.0'), '--index', 'acme'],
      { home: 'ada' },
    );
    assert.deepEqual(published.pending[0]?.missing, [keys['bob'], keys['eve']].sort());
    assert.equal(await sequence('carol'), 1);
    assert.equal(
      (await world.fails(['install', 'tool', '--offline'], { home: 'carol' })).code,
      'PACKAGE_NOT_FOUND',
    );
    assert.equal((await world.fails(['index', 'sign', 'acme'], { home: 'carol' })).code, 'KEY_NOT_FOUND');

    const [out, back] = [world.path('proposal'), world.path('signed')];
    await world.json(['index', 'sign', 'acme', '--out', out, '--offline'], { home: 'ada' });
    await world.json(['source', 'add', introduction.replace(/\?[^#]*/, ''), '--name', 'acme', '--offline'], {
      home: 'eve',
    });
    // who knows nothing of it cannot judge what it stands on
    const blind = await world.fails(['index', 'sign', 'acme', '--in', out, '--offline'], { home: 'eve' });
    assert.equal(blind.status, 5);
    await world.json(['peer', 'add', /peer=([^#]*)/.exec(introduction)?.[1] ?? ''], { home: 'eve' });
    assert.equal(await sequence('eve'), 1);
    const looked = await world.json<SignResult>(
      ['index', 'sign', 'acme', '--in', out, '--offline', '--dry-run'],
      {
        home: 'eve',
      },
    );
    assert.ok(looked.pending[0]?.differences?.some(({ name }) => name.startsWith('tool 1.0')));
    const signed = await world.json<SignResult>(
      ['index', 'sign', 'acme', '--in', out, '--out', back, '--offline'],
      { home: 'eve' },
    );
    assert.deepEqual(signed.signed, [2]);
    const done = await world.json<SignResult>(['index', 'sign', 'acme', '--in', back], { home: 'ada' });
    assert.deepEqual([done.published, done.pending], [1, []]);
    assert.equal(await sequence('carol'), 2);
    await world.json(['install', 'tool'], { home: 'carol' });
  });

  test(
    'roots change; the log says who signed; plain git and gpg agree',
    { skip: lacks('git') || lacks('gpg') },
    async () => {
      const roots = await world.json<{ pending: Pending[] }>(
        ['index', 'roots', 'acme', '--remove', keys['eve'] ?? ''],
        { home: 'ada' },
      );
      assert.equal(roots.pending.length, 1);
      await world.json(['index', 'sign', 'acme'], { home: 'bob' });
      let now: number | null = null;
      for (let i = 0; i < 40 && now !== 3; i++) now = await sequence('carol');
      assert.equal(now, 3);
      const { log } = await world.json<{ log: { sequence: number; commit: string; signers: string[] }[] }>(
        ['index', 'log', 'acme'],
        { home: 'carol' },
      );
      assert.deepEqual(
        log.map(({ sequence: number, signers }) => [number, signers]),
        [
          [3, [keys['ada'], keys['bob']].sort()],
          [2, [keys['ada'], keys['eve']].sort()],
          [1, [keys['ada'], keys['bob']].sort()],
        ],
      );
      const gnupg = world.path('gnupg');
      await mkdir(gnupg, { mode: 0o700 });
      const env = { ...process.env, GNUPGHOME: gnupg, LC_ALL: 'C' };
      for (const home of ['ada', 'bob', 'eve'])
        execFileSync('gpg', ['--batch', '--quiet', '--import', world.path(`${home}.asc`)], {
          env,
          stdio: 'pipe',
        });
      const repository = world.path('carol', 'sources', 'acme', 'index.git');
      const git = (...words: string[]): string =>
        execFileSync('git', ['-C', repository, ...words], {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        }).toString();
      const good = (text: string): string => /VALIDSIG .* ([0-9A-F]{40})$/m.exec(text)?.[1] ?? '';
      for (const { commit, signers } of log) {
        const tags = git('for-each-ref', '--format=%(refname:short)', `refs/tags/cosign/${commit}`)
          .trim()
          .split('\n');
        const raw = (what: string, id: string): string =>
          execFileSync('sh', ['-c', `git -C "$1" ${what} --raw "$2" 2>&1`, 'sh', repository, id], {
            env,
          }).toString();
        const found = [raw('verify-commit', commit), ...tags.map((tag) => raw('verify-tag', tag))].map(good);
        assert.deepEqual(found.sort(), signers);
      }
      const ids = await readFile(world.path('carol', 'sources', 'acme', 'state.json'), 'utf8');
      assert.match(ids, /"sequence": 3/);
      await world.stop(seeder);
    },
  );
});

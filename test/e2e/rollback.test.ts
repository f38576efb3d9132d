/**
 * History, rollback and undo with real processes: what was there comes back byte for byte, from the store alone once the seeder is gone. One release
 * came as a delta and is made again from that and the older one.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listing } from '../../fixtures/tree.js';
import type { ProgressEvent } from '../../model/events.js';
import { World, type Finished } from './harness.js';

interface Way {
  readonly steps: readonly { kind: string; name: string; from: string | null; to: string | null }[];
  readonly marks: readonly { name: string; auto: boolean; held: boolean }[];
  readonly transaction: number | null;
  readonly downloadSize: number;
}

interface Entry {
  readonly id: number;
  readonly command: string;
  readonly purpose: object;
}

interface Pinned {
  readonly name: string;
  readonly action: string;
  readonly from: { readonly version: string } | null;
  readonly via?: object;
  readonly to: { readonly auto: boolean; readonly listed: string } | null;
}

/** docs/formats/events.md: one document on standard output, JSON lines on standard error, a bar that never goes back. */
function checkEvents({ status, stdout, stderr }: Finished): void {
  assert.equal(status, 0, stderr);
  assert.equal((JSON.parse(stdout) as Way).steps.length, 3);
  const lines = stderr.trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line) as ProgressEvent);
  const bar = events.flatMap((event) => ('id' in event && event.id === 'transaction' ? event : []));
  const [first] = bar;
  assert.ok(first?.kind === 'start' && first.unit === 'parts' && (first.total ?? 0) > 0);
  assert.equal(bar.at(-1)?.kind, 'end');
  const steps = bar.slice(1, -1).map((event) => (event.kind === 'advance' ? event : assert.fail(event.kind)));
  let before = 0;
  for (const { done } of steps) {
    assert.ok(done >= before && done <= (first.total ?? 0));
    before = done;
  }
  assert.equal(steps.at(-1)?.note, 'making it durable');
}

const home = { home: 'carol' };

describe('history and rollback', { timeout: 180_000 }, () => {
  let world: World;
  let seeder: Awaited<ReturnType<World['seed']>>;
  const root = (): string => world.path('carol', 'root');
  /** everything but what gtpkg itself keeps of the past */
  const tree = async (): Promise<string[]> => {
    const isPast = (path: string): boolean => /^\/var\/lib\/gtpkg(\/(history|log|lock).*)?$/.test(path);
    return [...(await listing(root(), isPast))].map(([path, what]) => `${path}: ${what}`).sort();
  };

  async function write(
    name: string,
    version: string,
    more: { depends?: string; noise?: Buffer } = {},
  ): Promise<string> {
    const directory = world.path('work', `${name}-${version}`);
    await mkdir(join(directory, 'data', 'usr', 'bin'), { recursive: true });
    await mkdir(join(directory, 'data', 'etc'), { recursive: true });
    const depends = more.depends === undefined ? '' : `Depends: ${more.depends}\n`;
    await writeFile(
      join(directory, 'control'),
      `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: T <t@example.org>\n${depends}Description: the ${name}\n`,
    );
    const program = join(directory, 'data', 'usr', 'bin', name);
    await writeFile(program, `#!/bin/sh\necho ${name} ${version}\n`);
    await chmod(program, 0o755);
    await writeFile(join(directory, 'data', 'etc', `${name}.conf`), `of = ${version}\n`);
    if (more.noise !== undefined)
      await writeFile(join(directory, 'data', 'usr', 'bin', `${name}.data`), more.noise);
    await writeFile(join(directory, 'conffiles'), `/etc/${name}.conf\n`);
    return directory;
  }

  before(async () => {
    world = await World.make();
    const key = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'Ada', '--email', 'ada@example.org'],
      { home: 'ada' },
    );
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', key.fingerprint],
      {
        home: 'ada',
      },
    );
    const first = [
      await write('base', '1.0', { noise }),
      await write('tool', '1.0', { depends: 'base' }),
      await write('game', '1.0'),
    ];
    await world.json(['publish', ...first, '--index', 'acme'], { home: 'ada' });
    seeder = await world.seed('ada');
    const introduction = made.introduction.replace('#', `?peer=${seeder.address}#`);
    await world.json(['source', 'add', introduction, '--name', 'acme'], home);
  });
  after(() => world?.end());

  const states: string[][] = [];
  // so much that an upgrade comes as a delta
  const noise = randomBytes(300_000);

  test('what was there comes back, from the store alone', async () => {
    const nothing = await world.fails(['rollback'], home);
    assert.deepEqual([nothing.status, nothing.code], [3, 'HISTORY_NOT_FOUND']);
    assert.match(nothing.hint, /^A history begins with the first gtpkg install\./);
    await world.json(['install', 'tool', 'game'], home);
    const words = await world.fails(['upgrade', 'tool=1.0'], home);
    assert.deepEqual([words.status, words.code], [2, 'USAGE']);
    assert.match(words.hint, /^Write tool: .*gtpkg install tool=1\.0 takes another\.$/);
    states[1] = await tree();
    await world.json(['hold', 'game'], home);
    states[2] = await tree();
    const second = [
      await write('base', '2.0', { noise: Buffer.concat([noise, Buffer.from('more')]) }),
      await write('tool', '2.0', { depends: 'base (>= 2)' }),
    ];
    await world.json(['publish', ...second, '--index', 'acme'], { home: 'ada' });
    await world.json(['update'], home);
    await world.json(['upgrade'], home);
    states[3] = await tree();
    await world.json(['remove', '--purge', 'tool', 'base'], home);
    states[4] = await tree();
    await world.stop(seeder, 'SIGKILL');

    const dry = await world.json<Way>(['rollback', '--dry-run', '--offline'], home);
    assert.deepEqual(
      dry.steps.map(({ kind, name, to }) => [kind, name, to]),
      [
        ['install', 'base', '2.0'],
        ['install', 'tool', '2.0'],
      ],
    );
    assert.deepEqual([dry.transaction, dry.downloadSize], [null, 0]);
    assert.deepEqual(await tree(), states[4]);
    assert.equal((await world.json<Way>(['rollback', '--offline'], home)).transaction, 5);
    assert.deepEqual(await tree(), states[3]);
    for (const id of [2, 1]) {
      await world.json(['rollback', String(id), '--offline'], home);
      assert.deepEqual(await tree(), states[id], `after transaction ${id}`);
    }
    await world.json(['rollback', '0', '--offline'], home);
    const left = (await tree()).filter((line) => !line.startsWith('/var'));
    assert.deepEqual(left, []);
    const told = await world.run(['rollback', '3', '--offline', '--json'], {
      ...home,
      env: { GTPKG_EVENTS: '1' },
    });
    checkEvents(told);
    assert.deepEqual(await tree(), states[3]);
    const same = await world.run(['rollback', '3', '--offline'], home);
    assert.match(same.stdout, /^Nothing to do: the root is as it was after transaction 3\.$/m);
    assert.equal((await world.run(['verify'], home)).status, 0);
  });

  test('one transaction is taken back, and what came later stays; what stands upon it is told', async () => {
    // now: tool 2.0, base 2.0, game 1.0 held; nobody seeds
    const undone = await world.json<Way>(['history', 'undo', '3', '--offline'], home);
    assert.deepEqual(
      undone.steps.map(({ kind, name, to }) => [kind, name, to]),
      [
        ['downgrade', 'base', '1.0'],
        ['downgrade', 'tool', '1.0'],
      ],
    );
    assert.deepEqual(await tree(), states[2]);
    const unheld = await world.json<Way>(['history', 'undo', '2', '--offline'], home);
    assert.deepEqual(unheld.marks, [{ name: 'game', auto: false, held: false }]);
    assert.deepEqual(await tree(), states[1]);
    const conf = join(root(), 'etc', 'game.conf');
    await writeFile(conf, 'mine\n');
    await world.json(['history', 'undo', '1', '--offline'], home);
    const left = (await tree()).filter((line) => !line.startsWith('/var')).map((line) => line.split(':')[0]);
    assert.deepEqual(left.sort(), ['/etc', '/etc/game.conf']);
    assert.equal(await readFile(conf, 'utf8'), 'mine\n');

    const brought = await world.json<Way>(['install', 'base=1.0', '--offline'], home);
    await world.json(['install', 'tool=1.0', '--offline'], home);
    const stuck = await world.fails(['history', 'undo', String(brought.transaction), '--offline'], home);
    assert.deepEqual([stuck.status, stuck.code], [4, 'NO_SOLUTION']);
    assert.match(stuck.message, /tool 1\.0 depends on base/);
    assert.match(stuck.hint, /Remove tool first/);
    assert.equal((await world.run(['verify'], home)).status, 0);
  });

  test('the history says who, when, what, from which index', async () => {
    const { transactions } = await world.json<{ transactions: readonly Entry[] }>(['history'], home);
    const ids = transactions.map(({ id }) => id);
    assert.deepEqual(
      ids,
      [...ids].sort((a, b) => b - a),
    );
    const of = (id: number): Entry | undefined => transactions.find((each) => each.id === id);
    assert.deepEqual(of(5)?.purpose, { kind: 'rollback', of: 3 });
    assert.deepEqual(of(10)?.purpose, { kind: 'undo', of: 3 });
    assert.equal(of(5)?.command, 'gtpkg rollback --offline --json');
    const upgrade = await world.json<{
      indexCommits: Record<string, string>;
      uid: number;
      changes: Pinned[];
    }>(['history', '3'], home);
    assert.match(upgrade.indexCommits['acme'] ?? '', /^[0-9a-f]{40}$/);
    assert.equal(upgrade.uid, process.getuid?.() ?? null);
    const base = upgrade.changes.find(({ name }) => name === 'base');
    assert.deepEqual([base?.action, base?.from?.version, base?.to?.auto], ['upgrade', '1.0', true]);
    assert.ok(base?.via !== undefined, 'base 2.0 came as a delta');
    assert.match(base?.to?.listed ?? '', /^20\d\d-/);
    const missing = await world.fails(['history', 'show', '99'], home);
    assert.deepEqual([missing.status, missing.code], [3, 'HISTORY_NOT_FOUND']);
  });
});

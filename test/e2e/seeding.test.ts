/**
 * Seeders with a policy, in real processes: whole distributions and chosen packages, a limit that frees the disk, who else has what,
 * what status and Prometheus see of it.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import type { SwarmStatus } from '../../cli/workflows/status.js';
import { BIN, World, type Finished, type Running } from './harness.js';
import { program } from './scene.js';

const HALF = 400_000;
const NAMES = ['ant', 'bee', 'cat', 'dog'];

describe('seeders with a policy', { timeout: 580_000 }, () => {
  let world: World;
  let origin: Running & { address: string };
  let introduction = '';

  const status = (home: string): Promise<SwarmStatus> => world.json<SwarmStatus>(['status'], { home });

  const until = async (home: string, ready: (now: SwarmStatus) => boolean): Promise<SwarmStatus> => {
    let now = await status(home);
    for (const end = performance.now() + 120_000; !ready(now); now = await status(home)) {
      if (performance.now() > end) assert.fail(`waited in vain: ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return now;
  };

  /** A seeder whose last words matter: `end` has them. */
  const told = async (home: string, args: readonly string[]): Promise<{ end: Promise<Finished> }> => {
    const end = world.run(['seed', ...args], { home });
    let over = false;
    void end.then(() => (over = true));
    while (!over && !existsSync(world.path(home, 'daemon.sock')))
      await new Promise((resolve) => setTimeout(resolve, 50));
    return { end };
  };

  const publish = async (...names: [string, string][]): Promise<void> => {
    const paths = await Promise.all(
      names.map(async ([name, version]) => {
        const path = await writeProgram(world.path('work'), program(name, { version }));
        await writeFile(join(path, 'data', 'noise'), randomBytes(HALF)); // does not compress
        return path;
      }),
    );
    await world.json(['publish', ...paths, '--index', 'acme', '--compression', '1'], { home: 'origin' });
  };

  const names = ({ releases }: SwarmStatus): string[] =>
    releases
      .filter((each) => each.held === each.size)
      .map((each) => `${each.name} ${each.version}`)
      .sort();

  const du = (home: string): number =>
    Number(spawnSync('du', ['-sk', world.path(home, 'store')], { encoding: 'utf8' }).stdout.split('\t')[0]) *
    1024;

  before(async () => {
    world = await World.make();
    await world.startDht();
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'A', '--email', 'a@example.org'],
      { home: 'origin' },
    );
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', fingerprint],
      { home: 'origin' },
    );
    introduction = made.introduction;
    await publish(...NAMES.map((name): [string, string] => [name, '1.0']));
    origin = await world.seed('origin');
    for (const home of ['mirror', 'some', 'small'])
      await world.json(['source', 'add', introduction], { home });
  });
  after(() => world?.end());

  test('--all holds everything, --package what it names, and each knows how many have what', async () => {
    const mirror = await world.start(['seed', '--all'], { home: 'mirror' });
    await until('mirror', (now) => names(now).length === 4);
    const some = await world.start(['seed', '--package', 'a*', '--package', 'bee/stable', '--package', 'x'], {
      home: 'some',
    });
    const now = await until('some', (now) => names(now).length === 2);
    assert.deepEqual(names(now), ['ant 1.0', 'bee 1.0']);
    const seen = await until('mirror', ({ releases }) =>
      releases.every((each) => each.seeders === (['ant', 'bee'].includes(each.name) ? 3 : 2)),
    );
    assert.deepEqual(seen.packages, { nobody: 0, one: 0, more: 4 });
    assert.ok(seen.peers.some((peer) => peer.connected && peer.holds >= 4 && peer.transport !== null));
    assert.ok(seen.peers.every((peer) => peer.rateIn >= 0 && peer.received >= 0));
    assert.ok(seen.usage.deltas === 0 && seen.received > 4 * HALF);
    assert.equal(await world.stop(some), 0);
    assert.equal(await world.stop(mirror), 0);
    const without = await status('mirror');
    assert.equal(without.seeding, false);
    assert.equal(without.packages, null);
    assert.deepEqual(names(without).length, 4);
    assert.ok(without.usage.received > 4 * HALF, 'what was moved is remembered');
    const left = await until('origin', ({ packages }) => packages?.one === 4);
    assert.deepEqual(left.oneSeeder, NAMES);
  });

  test('over its limit a seeder frees old versions, then what others have; the disk shrinks', async () => {
    let seeder = await world.start(['seed', '--all'], { home: 'small' });
    await until('small', (now) => names(now).length === 4);
    await publish(['ant', '2.0'], ['bee', '2.0']);
    assert.equal(await world.stop(seeder), 0);
    seeder = await world.start(['seed', '--all'], { home: 'small' });
    await until('small', (now) => names(now).length === 6);
    const before = du('small');
    await world.stop(seeder);

    const limit = ['--limit', '1.8MB'];
    seeder = await world.start(['seed', '--all', ...limit], { home: 'small' });
    const now = await until('small', (now) => now.held <= 1_800_000);
    assert.equal(now.limit, 1_800_000);
    assert.deepEqual(names(now), ['ant 2.0', 'bee 2.0', 'cat 1.0', 'dog 1.0']);
    await until('small', () => du('small') < before - HALF);
    await world.stop(seeder);

    // current ones give way only to a smaller limit, and are not fetched again
    seeder = await world.start(['seed', '--all', '--limit', '1MB'], { home: 'small' });
    const fewer = await until('small', (now) => now.held <= 1_000_000);
    assert.equal(names(fewer).length, 2);
    const client = { home: 'reader' };
    await world.json(['source', 'add', introduction], client);
    await world.json(['install', 'ant', '--root', world.path('root')], client);
    assert.equal(await world.stop(seeder), 0);
  });

  test('the last known copy of a listed release is not freed unless that is asked for, and then it is said', async () => {
    await world.stop(origin);
    const before = await status('mirror');
    const stubborn = await told('mirror', ['--limit', '900kB']);
    await until('mirror', (now) => now.seeding && (now.uptime ?? 0) > 12); // three rounds
    assert.deepEqual(names(await status('mirror')), names(before));
    const { pid } = await status('mirror');
    process.kill(pid ?? 0, 'SIGINT');
    const { status: code, stderr } = await stubborn.end;
    assert.equal(code, 0);
    assert.match(
      stderr,
      /limit of 900 kB is exceeded .* no other seeder is known of \d releases .*--drop-last/,
    );

    const ruthless = await told('mirror', ['--limit', '900kB', '--drop-last-copies']);
    const now = await until('mirror', (now) => now.seeding && now.held <= 900_000);
    process.kill(now.pid ?? 0, 'SIGTERM');
    assert.match((await ruthless.end).stderr, /No other seeder is known of 2 releases that goes? now: /);
    origin = await world.seed('origin');
  });

  test('what an index kept here publishes is never freed', async () => {
    await world.stop(origin);
    const held = names(await status('origin')).length;
    const keeping = await told('origin', ['--limit', '1MB', '--drop-last-copies']);
    const now = await until('origin', (now) => now.seeding && (now.uptime ?? 0) > 8);
    assert.equal(names(now).length, held);
    process.kill(now.pid ?? 0, 'SIGTERM');
    assert.match((await keeping.end).stderr, /exceeded by .*the rest is needed here/);
    origin = await world.seed('origin');
  });

  test('Prometheus reads the figures, and nothing but GET /metrics is answered', async () => {
    const seeder = await world.start(['seed', '--metrics', '127.0.0.1:0', '--limit', '1GB'], {
      home: 'some',
    });
    const url = seeder.first['metrics'] ?? '';
    const answer = await fetch(url);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const text = await answer.text();
    const samples = new Map<string, number>();
    const described = new Set<string>();
    for (const line of text.trimEnd().split('\n')) {
      const [, type] = /^# TYPE ([a-z_]+) (?:gauge|counter)$/.exec(line) ?? [];
      if (type !== undefined) described.add(type);
      if (line.startsWith('#')) continue;
      const [, name = '', labels = '', value] =
        /^([a-z_]+)(\{[a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*\})? (\d+(?:\.\d+)?)$/.exec(line) ?? [];
      assert.ok(described.has(name), line);
      assert.ok(!samples.has(name + labels), `${line} is there twice`);
      samples.set(name + labels, Number(value));
    }
    assert.equal(samples.get('gtpkg_releases_held{whole="yes"}'), 2);
    assert.equal(samples.get('gtpkg_limit_bytes'), 1_000_000_000);
    assert.ok((samples.get('gtpkg_held_bytes') ?? 0) > 2 * HALF);
    assert.equal((await fetch(new URL('/', url))).status, 404);
    assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 405);
    const { hostname, port } = new URL(url);
    const flood = connect(Number(port), hostname);
    flood.on('error', () => undefined);
    flood.write(`GET /metrics HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`);
    flood.resume();
    await new Promise((resolve) => flood.on('close', resolve));
    assert.equal((await fetch(url)).status, 200);
    const error = await world.fails(['seed', '--metrics', `127.0.0.1:${port}`], { home: 'reader' });
    assert.equal(error.code, 'ADDRESS_IN_USE');
    await world.stop(seeder);
  });

  test('a source that was added without a peer takes its name with its first index, under a seeder too', async () => {
    const home = 'late';
    const { source } = await world.json<{ source: { name: string } }>(
      ['source', 'add', introduction, '--offline'],
      { home },
    );
    assert.notEqual(source.name, 'acme');
    const seeder = await world.start(['seed', '--package', 'dog'], { home });
    const now = await until(home, (now) => names(now).length === 1);
    assert.deepEqual(now.topics, ['acme']);
    await world.json(['update', 'acme'], { home });
    assert.equal(await world.stop(seeder), 0);
  });

  test('a second seeder of one home is told who runs', async () => {
    const seeder = await world.seed('some');
    const error = await world.fails(['seed'], { home: 'some' });
    assert.equal(error.code, 'HOME_BUSY');
    assert.equal(error.status, 8);
    assert.equal(error.data['pid'], seeder.child.pid);
    assert.match(error.message, /running on this home already/);
    assert.doesNotMatch(error.hint, /run gtpkg seed/);
    const started = performance.now();
    assert.equal(await world.stop(seeder, 'SIGINT'), 0);
    assert.ok(performance.now() - started < 15_000, '^C ends it in seconds');
  });

  test('status --watch goes on until q, and fits the terminal', async (context) => {
    if (spawnSync('script', ['--version']).error !== undefined) return context.skip('script is not here');
    const seeder = await world.seed('some');
    const words = [process.execPath, BIN, 'status', '--watch'].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['-qefc', `stty rows 14 cols 60; ${words}`, '/dev/null'], {
      env: { ...process.env, GTPKG_HOME: world.path('some'), TERM: 'xterm', NO_COLOR: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const frames = (): string[] => text.split('\x1b[H').slice(1, -1);
    while (frames().length < 3 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 100));
    child.stdin.write('q');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
    for (const frame of frames()) {
      // eslint-disable-next-line no-control-regex
      const lines = frame.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '').split(/\r?\n/);
      assert.ok(lines.length <= 13, `${lines.length} lines`);
      assert.ok(lines.every((line) => line.length < 60));
      assert.match(lines.join('\n'), /Seeding: +yes/);
    }
    const json = spawn(process.execPath, [BIN, 'status', '--watch', '--json'], {
      env: { ...process.env, GTPKG_HOME: world.path('some') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let documents = '';
    json.stdout.on('data', (chunk: Buffer) => (documents += chunk.toString()));
    while (documents.split('\n').length < 3) await new Promise((resolve) => setTimeout(resolve, 100));
    json.kill('SIGINT');
    await once(json, 'close');
    for (const line of documents.trimEnd().split('\n'))
      assert.equal((JSON.parse(line) as SwarmStatus).pid, seeder.child.pid);
    const error = await world.fails(['seed', '--limit', 'much'], { home: 'some' });
    assert.equal(error.code, 'USAGE');
    await world.stop(seeder);
  });
});

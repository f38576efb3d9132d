/**
 * The daemon comes and goes while commands of its home run: they end well, whoever has the store by then, and nothing is left half done.
 * A full disk breaks a running seeder only until there is room again.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import type { SwarmStatus } from '../../cli/workflows/status.js';
import { readStatus, verifyRoot } from '../../installer/index.js';
import { openDepot } from '../../replication/index.js';
import { World, type Finished, type Running } from './harness.js';
import { Mounts, noMounts } from './mounts.js';
import { program } from './scene.js';

const NAMES = ['ant', 'bee', 'cat'];
const SIZE = 500_000;

describe('a daemon that comes and goes', { timeout: 580_000 }, () => {
  let world: World;
  let introduction = '';
  let count = 0;

  before(async () => {
    world = await World.make();
    await world.startDht();
    const home = 'origin';
    const { fingerprint } = await world.json<{ fingerprint: string }>(
      ['key', 'generate', '--name', 'A', '--email', 'a@example.org'],
      { home },
    );
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'acme', '--key', fingerprint],
      { home },
    );
    introduction = made.introduction;
    const paths = await Promise.all(
      NAMES.map(async (name) => {
        const path = await writeProgram(world.path('work'), program(name));
        await writeFile(join(path, 'data', name), randomBytes(SIZE));
        return path;
      }),
    );
    await world.json(['publish', ...paths, '--index', 'acme', '--compression', '1'], { home });
    // slow enough that something can happen while others fetch
    await world.seed(home, ['--up', '300kB/s']);
  });
  after(() => world?.end());

  const whole = async (root: string, names: readonly string[]): Promise<void> => {
    assert.deepEqual([...readStatus(root).values()].map((each) => each.name).sort(), names);
    for await (const { path, kind } of verifyRoot(root)) assert.fail(`${path}: ${kind}`);
  };

  /** An install that has begun to fetch through a daemon of its home. */
  const begun = async (): Promise<{
    home: string;
    root: string;
    daemon: Running;
    end: Promise<Finished>;
  }> => {
    const home = `client${++count}`;
    const root = world.path(`root${count}`);
    await world.json(['source', 'add', introduction], { home });
    const daemon = await world.seed(home);
    const end = world.run(['install', ...NAMES, '--root', root, '--json'], {
      home,
      env: { GTPKG_TIMEOUT: '60' },
    });
    const before = await world.json<SwarmStatus>(['status'], { home });
    for (let now = before; now.received < before.received + 100_000;)
      now = await world.json<SwarmStatus>(['status'], { home });
    return { home, root, daemon, end };
  };

  const wentWell = async ({ root, end }: { root: string; end: Promise<Finished> }): Promise<void> => {
    const { status, stdout, stderr } = await end;
    assert.equal(status, 0, stdout + stderr);
    await whole(root, NAMES);
  };

  test('killed while a command fetches through it: the command goes on by itself', async () => {
    const install = await begun();
    await world.stop(install.daemon, 'SIGKILL');
    await wentWell(install);
  });

  test('stopped, and another one started: the command goes on through that', async () => {
    const install = await begun();
    assert.equal(await world.stop(install.daemon, 'SIGTERM'), 0);
    const again = world.run(['seed', '--json'], { home: install.home });
    await wentWell(install);
    // who came first has the store: the command or the new daemon, which then says so
    const now = await world.json<SwarmStatus>(['status'], { home: install.home });
    if (now.pid !== null) process.kill(now.pid, 'SIGTERM');
    const { status, stdout } = await again;
    if (status !== 0) assert.match(stdout, /"HOME_BUSY"/);
  });

  test('two installs into different roots through it, and it is killed: both end well', async () => {
    const first = await begun();
    const root = world.path('other');
    const end = world.run(['install', 'bee', 'cat', '--root', root, '--json'], {
      home: first.home,
      env: { GTPKG_TIMEOUT: '60' },
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await world.stop(first.daemon, 'SIGKILL');
    const ends = await Promise.all([first.end, end]);
    // without a daemon one of them has the store; the other waits for a while, then says so
    for (const [i, { status, stdout, stderr }] of ends.entries()) {
      if (status === 0) await whole(i === 0 ? first.root : root, i === 0 ? NAMES : ['bee', 'cat']);
      else assert.match(stdout, /"HOME_BUSY"/, stdout + stderr);
    }
    assert.ok(ends.some((each) => each.status === 0));
    for (const [name, place] of [
      ['ant', first.root],
      ['bee', root],
    ] as const)
      await world.json(['install', name, '--root', place], { home: first.home });
  });

  test('started while a command has the store: it says so, and what to do', async () => {
    const home = 'waiting';
    await world.json(['source', 'add', introduction], { home });
    const depot = await openDepot({ home: world.path(home), bootstrap: [], offline: true, mode: 'own' });
    try {
      const error = await world.fails(['seed'], { home });
      assert.equal(error.code, 'HOME_BUSY');
      assert.match(error.hint, /then start gtpkg seed again/);
    } finally {
      await depot.close();
    }
    assert.equal(await world.stop(await world.seed(home)), 0);
  });

  test('a disk that was full: the seeder opens its store again by itself', { skip: noMounts() }, async () => {
    const disk = world.path('disk');
    await mkdir(disk);
    const mounts = await Mounts.make('mount -t tmpfs -o size=300m none "$1"', [disk]);
    const through = { through: mounts.through };
    try {
      const options = { home: 'disk/home', ...through };
      const { fingerprint } = await world.json<{ fingerprint: string }>(
        ['key', 'generate', '--name', 'D', '--email', 'd@example.org'],
        options,
      );
      await world.json(['index', 'create', 'made', '--key', fingerprint], options);
      const daemon = await world.start(['seed'], options);
      const big = await writeProgram(world.path('work'), program('big'));
      await writeFile(join(big, 'data', 'noise'), randomBytes(60_000_000));
      mounts.sh('dd if=/dev/zero of="$1" bs=1M 2>/dev/null || true', [join(disk, 'ballast')]);
      const publish = ['publish', big, '--index', 'made', '--compression', '1', '--json'];
      const full = await world.run(publish, options);
      assert.equal(full.status, 7, full.stdout + full.stderr);
      await rm(mounts.seen(join(disk, 'ballast')));
      for (const end = performance.now() + 60_000; ;) {
        const again = await world.run(publish, options);
        if (again.status === 0) break;
        assert.ok(performance.now() < end, again.stdout + again.stderr);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      const now = await world.json<SwarmStatus>(['status'], options);
      assert.equal(now.pid, daemon.child.pid, 'the same process seeds on');
      assert.equal(await world.stop(daemon), 0);
    } finally {
      await mounts.end();
    }
  });
});

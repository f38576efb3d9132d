/**
 * The memory stick, with real processes: machines that never see a network get everything from a file, and pass it on.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { BIN, World } from './harness.js';
import { Mounts, noMounts } from './mounts.js';
import { program, refuses } from './scene.js';

interface Exported {
  readonly size: number;
  readonly fetched: number;
  readonly distributions: readonly { readonly name: string; readonly sequence: number }[];
  readonly releases: readonly { readonly name: string; readonly version: string; readonly source: string }[];
}
interface Imported {
  readonly taken: number;
  readonly distributions: readonly {
    readonly name: string;
    readonly state: string;
    readonly sequence: number;
    readonly seedable: boolean;
  }[];
  readonly releases: readonly { readonly name: string; readonly version: string; readonly state: string }[];
}

/** Runs a command with no network but a loopback of its own. */
const island = ['unshare', '-n'];
const noIsland =
  spawnSync('unshare', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? false
    : 'this user may not make a network namespace';

describe('a memory stick', { timeout: 400_000 }, () => {
  let world: World;
  let introduction: string;
  let other: string;
  const maker = { home: 'maker' };
  const stick = (name: string): string => world.path(name);
  const names = (of: Pick<Imported, 'releases'>, state: string): string[] =>
    of.releases.filter((each) => each.state === state).map(({ name, version }) => `${name} ${version}`);

  const publish = async (index: string, ...programs: Parameters<typeof program>[]): Promise<void> => {
    const paths = await Promise.all(
      programs.map((each) => writeProgram(world.path('work', index), program(...each))),
    );
    await world.json(['publish', ...paths, '--index', index, '--compression', '1'], maker);
  };

  before(async () => {
    world = await World.make();
    world.bootstrap = '127.0.0.1:9'; // nobody is there
    const mail = ['--name', 'Maker', '--email', 'maker@example.org'];
    const { fingerprint } = await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], maker);
    const create = async (name: string): Promise<string> =>
      (await world.json<{ introduction: string }>(['index', 'create', name, '--key', fingerprint], maker))
        .introduction;
    introduction = await create('acme');
    other = await create('other');
    await publish(
      'acme',
      ['app', { depends: 'library' }],
      ['library', { lines: 90_000 }],
      ['tool', { lines: 1_000 }],
      ['extra', {}],
    );
    await publish('other', ['stranger', {}]);
  });
  after(() => world?.end());

  test('takes a package with all that it needs, from the maker’s home, and the same bytes each time', async () => {
    const exported = await world.json<Exported>(['bundle', 'export', stick('app'), 'app'], maker);
    assert.deepEqual(exported.releases.map(({ name }) => name).sort(), ['app', 'library']);
    assert.deepEqual(
      exported.distributions.map(({ name }) => name),
      ['acme'],
    );
    assert.equal(exported.fetched, 0);
    assert.equal((await stat(stick('app'))).size, exported.size);
    assert.deepEqual(
      (await readdir(world.dir)).filter((name) => name.endsWith('.part')),
      [],
    );
    await world.json(['bundle', 'export', stick('again'), 'app'], maker);
    const bytes = await readFile(stick('app'));
    assert.ok(bytes.equals(await readFile(stick('again'))));
    const piped = spawnSync(
      process.execPath,
      [BIN, 'bundle', 'export', '-', 'app', '--home', world.path('maker'), '--offline'],
      { maxBuffer: 1 << 26 },
    );
    assert.equal(piped.status, 0, piped.stderr.toString());
    assert.ok(bytes.equals(piped.stdout));
    assert.equal(
      (await world.json<Exported>(['bundle', 'export', stick('all'), '--suite', 'stable@acme'], maker))
        .releases.length,
      4,
    );
    const everything = await world.json<Exported>(['bundle', 'export', stick('both')], maker);
    assert.deepEqual(everything.distributions.map(({ name }) => name).sort(), ['acme', 'other']);
    assert.equal(everything.releases.length, 5);
  });

  test('names what it cannot take', async () => {
    const wrong = await refuses(world, ['bundle', 'export', stick('x'), 'librari'], maker, {
      code: 'PACKAGE_NOT_FOUND',
      status: 3,
    });
    assert.equal(wrong.hint, 'Did you mean library?');
    await refuses(world, ['bundle', 'export', stick('x'), '--suite', 'unstable'], maker, {
      code: 'PACKAGE_NOT_FOUND',
      status: 3,
    });
    await refuses(world, ['bundle', 'export', stick('x'), 'app=9'], maker, {
      code: 'VERSION_NOT_FOUND',
      status: 3,
    });
    await refuses(world, ['bundle', 'export', stick('nowhere/x'), 'app'], maker, {
      code: 'FILE_NOT_FOUND',
      status: 3,
    });
    await refuses(
      world,
      ['bundle', 'export', stick('x')],
      { home: 'empty' },
      { code: 'INDEX_NOT_FOUND', status: 3 },
    );
    await writeFile(stick('thesis'), 'years of work');
    await refuses(world, ['bundle', 'export', stick('thesis'), 'app'], maker, {
      code: 'ALREADY_EXISTS',
      status: 2,
    });
    assert.equal(await readFile(stick('thesis'), 'utf8'), 'years of work');
  });

  test('a machine without any network installs from it', { skip: noIsland }, async () => {
    const options = { home: 'island', through: island };
    const took = await world.json<Imported>(
      ['bundle', 'import', stick('app'), '--source', introduction],
      options,
    );
    assert.deepEqual(
      took.distributions.map(({ name, state, seedable }) => [name, state, seedable]),
      [['acme', 'added', true]],
    );
    assert.deepEqual(names(took, 'taken').sort(), ['app 1.0', 'library 1.0']);
    await world.json(['install', 'app', '--root', world.path('island-root')], options);
    const { stdout } = spawnSync(world.path('island-root', 'usr/bin/app'), { encoding: 'utf8' });
    assert.equal(stdout, 'app\n');
    const verified = await world.json<{ ok: boolean }>(
      ['verify', '--root', world.path('island-root')],
      options,
    );
    assert.equal(verified.ok, true);
  });

  test('two sticks merge, and two distributions', async () => {
    const options = { home: 'merger' };
    await world.json(['bundle', 'export', stick('tool'), 'tool'], maker);
    await world.json(['bundle', 'import', stick('app'), '--source', introduction], options);
    const second = await world.json<Imported>(['bundle', 'import', stick('tool')], options);
    assert.deepEqual(
      second.distributions.map(({ state }) => state),
      ['unchanged'],
    );
    assert.deepEqual(names(second, 'taken'), ['tool 1.0']);
    // a stick of two: the one that is known is taken, the other passed over until it is introduced
    const both = await world.json<Imported>(['bundle', 'import', stick('both')], options);
    assert.deepEqual(both.distributions.map(({ name, state }) => `${name} ${state}`).sort(), [
      'acme unchanged',
      'other unknown',
    ]);
    assert.deepEqual(names(both, 'taken'), ['extra 1.0']);
    assert.deepEqual(names(both, 'unlisted'), ['stranger 1.0']);
    const told = await world.json<Imported>(['bundle', 'import', stick('both'), '--source', other], options);
    assert.deepEqual(names(told, 'taken'), ['stranger 1.0']);
    assert.equal(names(told, 'held').length, 4);
    const nothing = await world.json<Imported>(['bundle', 'import', stick('both')], options);
    assert.equal(nothing.taken, 0);
    await world.json(
      ['install', 'app', 'tool', 'stranger', '--offline', '--root', world.path('merged')],
      options,
    );
    // what was merged can be carried on as one
    const on = await world.json<Exported>(['bundle', 'export', stick('merged-stick'), '--offline'], options);
    assert.equal(on.releases.length, 5);
    const dry = await world.json<Imported>(
      ['bundle', 'import', stick('merged-stick'), '--source', introduction, '--source', other, '--dry-run'],
      { home: 'dry' },
    );
    assert.equal(names(dry, 'taken').length, 5);
    const { sources } = await world.json<{ sources: unknown[] }>(['source', 'list'], { home: 'dry' });
    assert.deepEqual(sources, []);
  });

  test('what came from a stick is seeded at once, index included, also when it comes while seeding', async () => {
    const first = { home: 'first' };
    await world.json(['bundle', 'import', stick('app'), '--source', introduction], first);
    const seeder = await world.seed('first');
    await publish('acme', ['tool', { version: '2.0' }]);
    await world.json(['bundle', 'export', stick('newer'), 'tool', 'extra'], maker);
    const through = await world.json<Imported>(['bundle', 'import', stick('newer')], first);
    assert.deepEqual(
      through.distributions.map(({ state, seedable }) => [state, seedable]),
      [['updated', true]],
    );
    assert.deepEqual(names(through, 'taken').sort(), ['extra 1.0', 'tool 2.0']);
    // the seeder gives it on, with no maker in sight
    const third = { home: 'third' };
    await world.json(['peer', 'add', seeder.address], third);
    await world.json(['source', 'add', introduction], third);
    await world.json(['install', 'app', 'tool', '--root', world.path('third-root')], third);
    const { packages } = await world.json<{ packages: { name: string; version: string }[] }>(
      ['list', '--root', world.path('third-root')],
      third,
    );
    assert.deepEqual(packages.map(({ name, version }) => `${name} ${version}`).sort(), [
      'app 1.0',
      'library 1.0',
      'tool 2.0',
    ]);
    // export fetches what is not held, or says what is missing
    const missing = await refuses(
      world,
      ['bundle', 'export', stick('x'), 'extra', 'tool', '--offline'],
      third,
      {
        code: 'OFFLINE',
        status: 6,
      },
    );
    assert.deepEqual(missing.data['packages'], ['extra 1.0']);
    const exported = await world.json<Exported>(
      ['bundle', 'export', stick('fetched'), 'extra', 'tool'],
      third,
    );
    assert.ok(exported.fetched > 0);
    // and the daemon's own home exports through it
    await world.json(['bundle', 'export', stick('through'), 'extra', 'tool'], first);
    assert.ok((await readFile(stick('through'))).equals(await readFile(stick('fetched'))));
    await world.stop(seeder);
    // who was away for that long is brought up to date by the stick
    const late = { home: 'late' };
    await world.json(['bundle', 'import', stick('app'), '--source', introduction], late);
    const caught = await world.json<Imported>(['bundle', 'import', stick('through')], late);
    assert.deepEqual(
      caught.distributions.map(({ state, seedable }) => [state, seedable]),
      [['updated', true]],
    );
  });

  test('a full stick leaves what was there', { skip: noMounts() }, async () => {
    const mounts = await Mounts.make('mkdir -p "$1" && mount -t tmpfs -o size=64k none "$1"', [
      world.path('full'),
    ]);
    try {
      const file = world.path('full', 'stick');
      mounts.sh('cp "$1" "$2"', [stick('tool'), file]);
      const options = { ...maker, through: mounts.through };
      await refuses(world, ['bundle', 'export', file, 'app'], options, { code: 'NO_SPACE', status: 7 });
      assert.deepEqual(await readdir(mounts.seen(world.path('full'))), ['stick']);
      assert.ok((await readFile(mounts.seen(file))).equals(await readFile(stick('tool'))));
    } finally {
      await mounts.end();
    }
  });
});

/**
 * The main job on real Debian packages: what gtpkg installs is, path by path, what dpkg-deb unpacks.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { differences, listing } from '../../fixtures/tree.js';
import { closure, download, isOurs, noDebian, offeredVersions, unpack } from './debian.js';
import { World, type Running } from './harness.js';

const skip = noDebian();
const PLAIN = ['hello', 'tree', 'nano', 'vim-runtime'];
const UPGRADED = ['sudo', 'systemd'];

// A root has gtpkg's own records in it; the directories on the way there are the packages' if they have them.
const onTheWay = new Set(['/var', '/var/lib']);

describe('real Debian packages', { skip, timeout: 480_000 }, () => {
  let world: World;
  let seeder: Running & { address: string };
  let introduction: string;
  let plain: string[];
  let older: string[];
  let newer: string[];
  let jq: string[];
  const root = (): string => world.path('root');
  const client = (): { home: string } => ({ home: 'client' });

  const equalsUnpacked = async (files: string[], name: string): Promise<void> => {
    const judge = world.path(`judge-${name}`);
    await unpack(files, judge);
    const expected = await listing(judge);
    const actual = await listing(
      root(),
      (path) => isOurs(path) || (onTheWay.has(path) && !expected.has(path)),
    );
    assert.deepEqual(differences(actual, expected), []);
    assert.ok(expected.size > 100, `the judge has ${expected.size} paths`);
  };

  before(async () => {
    world = await World.make();
    await world.startDht();
    plain = await download(world.path('debs'), PLAIN);
    const versions = await Promise.all(
      UPGRADED.map(async (name) => ({ name, versions: await offeredVersions(name) })),
    );
    older = await download(
      world.path('debs-older'),
      versions.map(({ name, versions: all }) => `${name}=${all.at(-1)}`),
    );
    newer = await download(
      world.path('debs-newer'),
      versions.map(({ name, versions: all }) => `${name}=${all[0]}`),
    );
    jq = await download(world.path('debs-jq'), await closure('jq'));
    const key = (
      await world.json<{ fingerprint: string }>(
        ['key', 'generate', '--name', 'Deb', '--email', 'deb@example.org'],
        { home: 'publisher' },
      )
    ).fingerprint;
    introduction = (
      await world.json<{ introduction: string }>(
        ['index', 'create', 'debian', '--key', key, '--suite', 'stable'],
        { home: 'publisher' },
      )
    ).introduction;
    await world.json(['publish', ...plain, ...older, ...jq, '--index', 'debian', '--compression', '4'], {
      home: 'publisher',
    });
    seeder = await world.seed('publisher');
    await world.json(['source', 'add', introduction, '--name', 'debian'], client());
  });
  after(() => world?.end());

  test('every package repository is real git: clone, fsck, verify-tag', async () => {
    const gnupg = world.path('gnupg');
    execFileSync('mkdir', ['-m', '700', gnupg]);
    const env = { ...process.env, GNUPGHOME: gnupg };
    try {
      const { keys } = await world.json<{ keys: { fingerprint: string }[] }>(['key', 'list'], {
        home: 'publisher',
      });
      const armored = (await world.run(['key', 'export', keys[0]?.fingerprint ?? ''], { home: 'publisher' }))
        .stdout;
      execFileSync('gpg', ['--batch', '--quiet', '--import'], { env, input: armored });
      for (const name of [...PLAIN, ...UPGRADED, 'jq', 'libc6']) {
        const repository = world.path('publisher', 'packages', `${name}.git`);
        execFileSync('git', ['-C', repository, 'fsck', '--full', '--strict'], { stdio: 'pipe', env });
        const tags = execFileSync('git', ['-C', repository, 'tag'], { encoding: 'utf8' }).trim().split('\n');
        assert.ok(tags[0] !== undefined && tags[0] !== '', `${name} has a tag`);
        for (const tag of tags)
          execFileSync('git', ['-C', repository, 'verify-tag', tag], { stdio: 'pipe', env });
        const clone = world.path('clones', name);
        execFileSync('git', ['clone', '--quiet', repository, clone], { stdio: 'pipe', env });
        assert.equal(execFileSync('git', ['-C', clone, 'status', '--porcelain'], { encoding: 'utf8' }), '');
      }
    } finally {
      execFileSync('gpgconf', ['--homedir', gnupg, '--kill', 'all'], { stdio: 'ignore' });
    }
  });

  test('install gives what dpkg-deb unpacks: set-uid, names with \\, conffiles, thousands of files, an epoch', async () => {
    await world.json(['install', '--no-deps', ...PLAIN, ...UPGRADED, '--root', root()], client());
    await equalsUnpacked([...plain, ...older], 'first');
    const { differences: found } = await world.json<{ differences: unknown[] }>(
      ['verify', '--root', root()],
      client(),
    );
    assert.deepEqual(found, []);
  });

  test('install jq brings its libraries, as apt would', async () => {
    const before = await world.json<{ packages: { name: string }[] }>(['list', '--root', root()], client());
    const { steps } = await world.json<{ steps: { name: string; auto: boolean }[] }>(
      ['install', 'jq', '--root', root()],
      client(),
    );
    const names = new Set(steps.map((step) => step.name));
    for (const name of ['jq', 'libjq1', 'libonig5', 'libc6'])
      assert.ok(names.has(name), `${name} is installed`);
    assert.deepEqual(
      steps.filter((step) => !step.auto).map((step) => step.name),
      ['jq'],
    );
    assert.ok(before.packages.every((each) => !names.has(each.name)));
    await equalsUnpacked([...plain, ...older, ...jq], 'jq');
  });

  test('upgrade gives what dpkg-deb unpacks of the new versions', async () => {
    await world.json(['publish', ...newer, '--index', 'debian', '--compression', '4'], { home: 'publisher' });
    await world.json(['update'], client());
    const { packages } = await world.json<{ packages: { name: string }[] }>(
      ['list', '--upgradable', '--root', root()],
      client(),
    );
    const expected = older
      .map((file, i) => (file.split('/').at(-1) === newer[i]?.split('/').at(-1) ? '' : (UPGRADED[i] ?? '')))
      .filter((name) => name !== '');
    assert.deepEqual(
      packages.map((each) => each.name),
      [...expected].sort(),
    );
    await world.json(['upgrade', '--no-deps', '--root', root()], client());
    await equalsUnpacked([...plain, ...newer, ...jq], 'upgraded');
  });

  test('clone makes a git repository of what peers hold, with every release and its signed tag', async () => {
    const directory = world.path('cloned', 'systemd');
    const { tags } = await world.json<{ tags: string[] }>(['clone', 'systemd@debian', directory], client());
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', directory, ...args], { encoding: 'utf8' });
    git('fsck', '--full', '--strict');
    assert.equal(git('status', '--porcelain'), '');
    assert.deepEqual(git('tag').trim().split('\n').sort(), [...tags].sort());
    const published = world.path('publisher', 'packages', 'systemd.git');
    for (const tag of tags) {
      const original = execFileSync('git', ['-C', published, 'rev-parse', `refs/tags/${tag}`], {
        encoding: 'utf8',
      });
      assert.equal(git('rev-parse', `refs/tags/${tag}`), original, 'the very same tag object');
    }
  });

  test('download --tar writes what plain tar unpacks to the same files', async () => {
    const name = newer[0]?.split('/').at(-1)?.replace('.deb', '.tar') ?? '';
    await world.json(['download', 'sudo', '--tar', world.dir], client());
    const [unpacked, judge] = [world.path('tar-unpacked'), world.path('tar-judge')];
    execFileSync('mkdir', [unpacked]);
    execFileSync('tar', ['-xpf', world.path(name), '-C', unpacked]);
    await unpack(newer.slice(0, 1), judge);
    assert.deepEqual(differences(await listing(unpacked), await listing(judge)), []);
  });

  test('remove --purge leaves nothing of a package', async () => {
    const { packages } = await world.json<{ packages: { name: string }[] }>(
      ['list', '--root', root()],
      client(),
    );
    await world.json(['remove', '--purge', ...packages.map((each) => each.name), '--root', root()], client());
    const left = await listing(root(), (path) => isOurs(path) || onTheWay.has(path));
    assert.deepEqual([...left.keys()], []);
    const { transactions } = await world.json<{ transactions: unknown[] }>(
      ['history', '--root', root()],
      client(),
    );
    assert.equal(transactions.length, 4);
  });

  test('publishing the same packages again changes nothing', async () => {
    const before = await world.json<{ sequence: number }>(['index', 'show', 'debian'], { home: 'publisher' });
    const again = await world.json<{ changed: boolean; sequence: number }>(
      ['publish', ...plain, '--index', 'debian', '--compression', '4'],
      { home: 'publisher' },
    );
    assert.equal(again.changed, false);
    assert.equal(again.sequence, before.sequence);
  });

  test('the last seeder: publisher killed with SIGKILL, a third machine installs from the second', async () => {
    await world.stop(seeder, 'SIGKILL');
    await world.seed('client');
    await world.json(['source', 'add', introduction, '--name', 'debian'], { home: 'third' });
    const third = world.path('third-root');
    await world.json(['install', 'jq', '--root', third], { home: 'third' });
    await world.json(['install', '--no-deps', 'vim-runtime', 'sudo', '--root', third], { home: 'third' });
    assert.match(
      execFileSync('chroot', [third, '/usr/bin/jq', '--version'], { encoding: 'utf8' }),
      /^jq-1\./,
    );
    assert.equal(
      (await world.json<{ ok: boolean }>(['verify', '--root', third], { home: 'third' })).ok,
      true,
    );
  });
});

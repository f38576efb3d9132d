/**
 * Attacks on a memory stick, with real processes and no network: an honest state, the attack, its refusal with its code, and neither trust nor
 * disk has moved. docs/threat-model.md, "Bundle". The file format's own attacks: test/replication/bundle.test.ts.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { writeProgram } from '../../cli/demo/packages.js';
import { livePart } from '../../index-repo/index.js';
import { limits, type CoreRef } from '../../model/index.js';
import { bundleWriter, openBundle, openLogProof, type BundleList } from '../../replication/index.js';
import {
  commitAnyway,
  copyOf,
  indexPlace,
  push,
  replay,
  stranger,
  withDepot,
  type IndexPlace,
} from '../e2e/evil.js';
import { World, type RunOptions } from '../e2e/harness.js';
import { homeState, program, refuses, rootState, unmoved, type Failure, type Refusal } from '../e2e/scene.js';

const DAY = 86_400_000;

describe('attacks on a memory stick', { timeout: 580_000 }, () => {
  let world: World;
  let introduction: string;
  let key: string;
  let place: IndexPlace;
  const carried: CoreRef[] = [];
  const maker = { home: 'maker' };
  const client = { home: 'client' };
  const stick = (name: string): string => world.path(name);
  const root = (): string[] => ['--root', world.path('root')];

  before(async () => {
    world = await World.make();
    world.bootstrap = '127.0.0.1:9'; // nobody is there
    const mail = ['--name', 'Maker', '--email', 'maker@example.org'];
    key = (await world.json<{ fingerprint: string }>(['key', 'generate', ...mail], maker)).fingerprint;
    const create = ['index', 'create', 'acme', '--key', key];
    introduction = (await world.json<{ introduction: string }>(create, maker)).introduction;
    const publish = async (...versions: readonly string[]): Promise<void> => {
      const paths = await Promise.all(
        versions.map((each) => {
          const [name = '', version = ''] = each.split('=');
          return writeProgram(world.path('work'), program(name, { version, lines: 60_000 }));
        }),
      );
      await world.json(['publish', ...paths, '--index', 'acme', '--compression', '1'], maker);
    };
    await publish('hello=1.0', 'tree=1.0');
    await world.json(['bundle', 'export', stick('old'), '--suite', 'stable'], maker);
    await publish('hello=1.1');
    await world.json(['bundle', 'export', stick('new'), '--suite', 'stable'], maker);
    place = await indexPlace(world.path('maker'), 'acme');
    for (const name of ['old', 'new']) {
      const bundle = await openBundle(stick(name));
      carried.push(...[...bundle.cores.values()].map(({ ref }) => ref));
      await bundle.close();
    }
    // the client knows the newer state, has one of its packages, and has never seen the others
    const only = ['bundle', 'export', stick('small'), 'hello', '--no-deps'];
    await world.json(only, maker);
    await world.json(['bundle', 'import', stick('small'), '--source', introduction], client);
    await world.json(['install', 'hello', ...root(), '--offline'], client);
  });
  after(() => world?.end());

  /** Bytes that a home holds of each release on any stick. */
  const held = async (home: string): Promise<number[]> => {
    if (!existsSync(world.path(home))) return [];
    return withDepot(world.path(home), (depot) => depot.held(carried));
  };

  /** What the client trusts, what it has installed, and what it holds. */
  const state = async (): Promise<string[]> => [
    ...(await homeState(world.path('client'))),
    ...(await rootState(world.path('root'))),
    ...(await held('client')).map((bytes, i) => `holds ${bytes} of ${carried[i]?.key}`),
  ];

  const refused = async (
    args: readonly string[],
    refusal: Refusal,
    more: Partial<RunOptions> = {},
  ): Promise<Failure> => {
    const before = await state();
    const error = await refuses(world, ['bundle', 'import', ...args], { ...client, ...more }, refusal);
    unmoved(await state(), before);
    return error;
  };

  /** Somebody who has no source yet is refused, and is left with none. */
  const newcomerRefused = async (
    args: readonly string[],
    refusal: Refusal,
    more: Partial<RunOptions> = {},
  ): Promise<Failure> => {
    const home = 'newcomer';
    const error = await refuses(world, ['bundle', 'import', ...args], { home, ...more }, refusal);
    assert.deepEqual(await readdir(world.path(home, 'sources')).catch(() => []), []);
    assert.ok((await held(home)).every((bytes) => bytes === 0));
    return error;
  };

  /** A stick as somebody makes it who holds the transport key and leaves all checks out. */
  const forge = async (
    name: string,
    change: (list: BundleList) => BundleList = (list) => list,
  ): Promise<string> => {
    const honest = await openBundle(stick('new'));
    const { list } = honest;
    await honest.close();
    const chunks: Uint8Array[] = [];
    await withDepot(place.home, async (depot) => {
      const log = await depot.openLog(place.core, { offline: true });
      const { from = 1 } = (await livePart(log)) ?? {};
      await log.close();
      const proof = await depot.readLogProof(place.core, from);
      const read = await openLogProof(proof);
      const live = await livePart({ length: read.length, get: async (number) => read.block(number) });
      const { writeBundle } = await bundleWriter();
      const cores = [...(live?.cores ?? []), ...list.releases.map(({ core }) => core)];
      const write = async (bytes: Uint8Array): Promise<void> => void chunks.push(Buffer.from(bytes));
      await writeBundle(depot, { list: change(list), logs: [proof], cores }, { write });
    });
    await writeFile(stick(name), Buffer.concat(chunks));
    return stick(name);
  };

  test('an older stick than what is known', async () => {
    const error = await refused([stick('old')], { code: 'INDEX_ROLLBACK', status: 5 });
    assert.deepEqual([error.data['sequence'], error.data['known']], [2, 3]);
    await refused([stick('old'), '--dry-run'], { code: 'INDEX_ROLLBACK', status: 5 });
    await refused([stick('old'), '--source', introduction], { code: 'INDEX_ROLLBACK', status: 5 });
    // its releases are named by their content: those that the known index lists can be had, on request
    const taken = await world.json<{ releases: { name: string; version: string; state: string }[] }>(
      ['bundle', 'import', stick('old'), '--releases-only', '--dry-run'],
      client,
    );
    assert.ok(taken.releases.some(({ name, state: is }) => name === 'tree' && is === 'taken'));
  });

  test('a half-copied stick: its index', async () => {
    const bytes = await readFile(stick('new'));
    for (const length of [40, 700, 1_200]) {
      await writeFile(stick('half'), bytes.subarray(0, length));
      await refused([stick('half')], { code: 'BUNDLE_INCOMPLETE', status: 5 });
      const trust = [stick('half'), '--source', introduction];
      await newcomerRefused(trust, { code: 'BUNDLE_INCOMPLETE', status: 5 });
    }
    await writeFile(stick('half'), '');
    await refused([stick('half')], { code: 'BUNDLE_MALFORMED', status: 5 });
  });

  test('a half-copied stick: its releases', async () => {
    const home = 'half-client';
    const bytes = await readFile(stick('new'));
    await writeFile(stick('half'), bytes.subarray(0, bytes.length - 100));
    const error = await refuses(
      world,
      ['bundle', 'import', stick('half'), '--source', introduction],
      { home },
      { code: 'BUNDLE_INCOMPLETE', status: 5 },
    );
    const { releases } = error.data['import'] as {
      releases: { name: string; version: string; state: string }[];
    };
    const lost = releases.filter((each) => each.state !== 'taken');
    assert.equal(lost.length, 1);
    assert.match(error.message, new RegExp(`not whole: ${lost[0]?.name} ${lost[0]?.version}$`));
    // the completed file brings the rest, and only the rest
    const again = await world.json<{ taken: number; releases: { state: string; size: number }[] }>(
      ['bundle', 'import', stick('new')],
      { home },
    );
    const fresh = again.releases.filter((each) => each.state === 'taken');
    assert.equal(fresh.length, 1);
    assert.ok(again.taken > 0 && again.taken <= (fresh[0]?.size ?? 0));
  });

  test('two sticks mixed: an old index before new releases, one file after the other, the middle of another', async () => {
    const [old, fresh] = await Promise.all([readFile(stick('old')), readFile(stick('new'))]);
    await writeFile(stick('mixed'), Buffer.concat([old, fresh]));
    await refused([stick('mixed')], { code: 'INDEX_ROLLBACK', status: 5 });
    const half = Math.floor(Math.min(old.length, fresh.length) / 2);
    await writeFile(stick('mixed'), Buffer.concat([old.subarray(0, half), fresh.subarray(half)]));
    await refused([stick('mixed')], { code: 'INDEX_ROLLBACK', status: 5 });
    const home = 'mixed-client';
    const args = ['bundle', 'import', stick('mixed'), '--source', introduction];
    const error = await refuses(world, args, { home }, { code: 'BUNDLE_INCOMPLETE', status: 5 });
    const { distributions } = error.data['import'] as { distributions: { sequence: number }[] };
    assert.deepEqual(
      distributions.map(({ sequence }) => sequence),
      [2],
    );
    // what could be taken verifies, and the newer stick puts it right
    await world.json(['bundle', 'import', stick('new')], { home });
    for (const name of ['hello', 'tree'])
      await world.json(['install', name, '--offline', '--root', world.path('mixed-root')], { home });
    const verified = await world.json<{ ok: boolean }>(['verify', '--root', world.path('mixed-root')], {
      home,
    });
    assert.equal(verified.ok, true);
  });

  test('a stick that introduces itself', async () => {
    const { code, data } = await newcomerRefused([stick('new')], { code: 'SOURCE_NOT_FOUND', status: 3 });
    assert.equal(code, 'SOURCE_NOT_FOUND');
    assert.equal((data['import'] as { taken: number }).taken, 0);
    // --yes is no answer to whom to trust
    await newcomerRefused([stick('new'), '--yes'], { code: 'SOURCE_NOT_FOUND', status: 3 });
    await newcomerRefused([stick('new'), '--releases-only'], { code: 'SOURCE_NOT_FOUND', status: 3 });
  });

  test('a stick of another introduction', async () => {
    const mallory = await stranger(world.path('mallory-keys'));
    const wrong = introduction.replace(key, mallory.fingerprint);
    await refused([stick('new'), '--source', wrong], { code: 'INTRODUCTION_MISMATCH', status: 5 });
    await newcomerRefused([stick('new'), '--source', wrong], { code: 'INTRODUCTION_MISMATCH', status: 5 });
    const both = `${introduction}+${mallory.fingerprint};k=2`;
    await newcomerRefused([stick('new'), '--source', both], {
      code: ['INTRODUCTION_MISMATCH', 'THRESHOLD_NOT_MET'],
      status: 5,
    });
    const create = ['index', 'create', 'other', '--key', key];
    const other = (await world.json<{ introduction: string }>(create, maker)).introduction;
    await refused([stick('new'), '--source', other], { code: 'SOURCE_NOT_FOUND', status: 3 });
    await newcomerRefused([stick('new'), '--source', 'gtpkg://nonsense'], {
      code: 'BAD_INTRODUCTION',
      status: 2,
    });
  });

  test('an expired stick, and a clock that is behind', async () => {
    const file = world.path('clock.mjs');
    await writeFile(
      file,
      `const ahead = Number(process.env.TEST_CLOCK_AHEAD);
const now = Date.now.bind(Date);
globalThis.Date = class extends Date {
  constructor(...args) { super(...(args.length === 0 ? [now() + ahead] : args)); }
  static now() { return now() + ahead; }
};
`,
    );
    const clock = (ahead: number): Partial<RunOptions> => ({
      env: { NODE_OPTIONS: `--import=${pathToFileURL(file).href}`, TEST_CLOCK_AHEAD: String(ahead) },
    });
    const trust = [stick('new'), '--source', introduction];
    await newcomerRefused(trust, { code: 'INDEX_EXPIRED', status: 5 }, clock(31 * DAY));
    await newcomerRefused(
      trust,
      { code: ['INDEX_FUTURE', 'SIGNATURE_FUTURE'], status: 5 },
      clock(-limits.CLOCK_SKEW - DAY),
    );
    await refused([stick('new')], { code: 'INDEX_EXPIRED', status: 5 }, clock(31 * DAY));
    await refuses(
      world,
      ['bundle', 'export', stick('expired'), 'hello'],
      { ...maker, ...clock(31 * DAY) },
      { code: 'INDEX_EXPIRED', status: 5 },
    );
  });

  test('no file at all: a FIFO, a device, a directory, nothing', async () => {
    spawnSync('mkfifo', [stick('fifo')]);
    await mkdir(stick('directory'), { recursive: true });
    await symlink('/dev/zero', stick('link'));
    for (const name of ['fifo', 'directory', 'link']) {
      await refused([stick(name)], { code: 'USAGE', status: 2 });
      await refuses(world, ['bundle', 'export', stick(name)], maker, { code: 'USAGE', status: 2 });
    }
    await refused([stick('nothing')], { code: 'FILE_NOT_FOUND', status: 3 });
  });

  test('a list that lies: names with escapes, releases that no index lists', async () => {
    const name = '\u001b]0;owned\u0007\u001b[2J';
    const file = await forge('lies', (list) => ({
      distributions: list.distributions.map((each) => ({ ...each, name, introduction: 'gtpkg://x' })),
      releases: list.releases.map((each) => ({ ...each, name, version: name })),
    }));
    const { stdout, stderr } = await world.run(['bundle', 'import', file], { home: 'newcomer' });
    assert.ok(!/\u001b/.test(stdout + stderr), 'an escape reached the terminal');
    const home = 'lied-to';
    const taken = await world.json<{ releases: { name: string; state: string }[] }>(
      ['bundle', 'import', file, '--source', introduction],
      { home },
    );
    // found by their keys all the same, under their true names
    assert.deepEqual([...new Set(taken.releases.map((each) => each.name))].sort(), ['hello', 'tree']);
    const stray = await withDepot(place.home, (depot) =>
      depot.putStaticBytes(Buffer.from('not listed anywhere')),
    );
    const more = await forge('stray', (list) => ({
      ...list,
      releases: [{ name: 'hello', version: '9', architecture: 'all', core: stray }],
    }));
    const left = await world.json<{ taken: number; releases: { state: string }[] }>(
      ['bundle', 'import', more],
      { home },
    );
    assert.deepEqual([left.taken, left.releases.map((each) => each.state)], [0, ['unlisted']]);
  });

  test('a stick signed by a stranger', async () => {
    const mallory = await stranger(world.path('stranger-keys'));
    const evil = await copyOf(place, world.path('evil.git'));
    await commitAnyway(evil, { signers: [mallory] });
    await push(evil);
    const file = await forge('strange');
    await refused([file], { code: 'SIGNER_UNKNOWN', status: 5 });
    await refused([file, '--dry-run'], { code: 'SIGNER_UNKNOWN', status: 5 });
    await newcomerRefused([file, '--source', introduction], { code: 'SIGNER_UNKNOWN', status: 5 });
    // the maker's own machine does not carry it on either
    const error = await refuses(world, ['bundle', 'export', stick('x'), 'hello'], maker, {
      code: 'INDEX_NOT_FOUND',
      status: 3,
    });
    assert.match(error.message, /does not end at the state that is trusted/);
  });

  test('an older stick whose index core is longer', async () => {
    await replay(place, 1);
    await refused([await forge('replayed')], { code: 'INDEX_ROLLBACK', status: 5 });
  });
});

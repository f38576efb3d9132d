/**
 * Bad indexes: introductions that do not fit, commits by strangers, replays, forks in time, clocks. Each is refused with its code, and
 * the client goes on with what it had. The attacks share one index core: what stands on it stays there, and the honest state put after it must
 * be found all the same.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { writeProgram } from '../../cli/demo/packages.js';
import { CLOCK_SKEW } from '../../model/limits.js';
import { systemCode } from '../../model/index.js';
import type { Signer } from '../../trust/index.js';
import {
  commitAnyway,
  copyOf,
  indexPlace,
  push,
  pushAnyway,
  replay,
  signerOf,
  stranger,
  type IndexPlace,
} from './evil.js';
import { program, refuses, Scene } from './scene.js';

const DAY = 86_400_000;

describe('bad indexes', { timeout: 580_000 }, () => {
  let scene: Scene;
  let root: Signer;
  let mallory: Signer;
  /** kept by the publisher, trusted by the client, attacked below */
  let target: IndexPlace;
  let introduction: string;
  /** arguments for node that put a process's clock so many milliseconds ahead */
  let clock: (ahead: number) => NodeJS.ProcessEnv;

  /** number of the state that the client trusts */
  const sequence = async (): Promise<number> => {
    const text = await readFile(scene.world.path('client', 'sources', 'target', 'state.json'), 'utf8');
    return (JSON.parse(text) as { trusted: { sequence: number } }).trusted.sequence;
  };

  /** The index as it stands, in a repository where it can be continued otherwise. */
  let copies = 0;
  const copy = (): Promise<IndexPlace> => copyOf(target, scene.world.path(`copy-${copies++}.git`));

  const refusedUpdate = (code: string): Promise<unknown> =>
    scene.refused(['update', 'target'], { code, status: 5 });

  before(async () => {
    scene = await Scene.make();
    const { world } = scene;
    root = await signerOf(world.path('publisher'), scene.key);
    mallory = await stranger(world.path('mallory-keys'));
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
    clock = (ahead) => ({
      NODE_OPTIONS: `--import=${pathToFileURL(file).href}`,
      TEST_CLOCK_AHEAD: String(ahead),
    });
    const create = ['index', 'create', 'target', '--key', scene.key];
    introduction = (await world.json<{ introduction: string }>(create, scene.publisher)).introduction;
    const directory = await writeProgram(world.path('work'), program('target-tool'));
    await world.json(['publish', directory, '--index', 'target', '--compression', '1'], scene.publisher);
    await world.json(['source', 'add', introduction, '--name', 'target'], scene.client);
    target = await indexPlace(world.path('publisher'), 'target');
  });
  after(() => scene?.end());

  /** source add fails, and the home does not even have a folder for the source. */
  const neverAdded = async (
    line: string,
    refusal: { code: string | string[]; status: number },
    env: NodeJS.ProcessEnv = {},
  ): Promise<void> => {
    const { world } = scene;
    const home = 'newcomer';
    await refuses(world, ['source', 'add', line], { home, env }, refusal);
    const left = await readdir(world.path(home, 'sources')).catch((error: unknown) => {
      assert.equal(systemCode(error), 'ENOENT');
      return [];
    });
    assert.deepEqual(left, [], 'a refused source left something behind');
  };

  test('a wrong fingerprint in the introduction', async () => {
    const line = scene.introduction.replace(scene.key, mallory.fingerprint);
    assert.notEqual(line, scene.introduction);
    await neverAdded(line, { code: 'INTRODUCTION_MISMATCH', status: 5 });
  });

  test('introductions that are none', async () => {
    const core = /gtpkg:\/\/([^#]+)#/.exec(scene.introduction)?.[1] ?? '';
    const lines = [
      'https://example.org/index',
      `gtpkg://${core}`,
      `gtpkg://${core}#${scene.key.slice(1)}`,
      `gtpkg://${core.slice(1)}#${scene.key}`,
      `gtpkg://${core}#${scene.key};k=2`,
      `gtpkg://${core}?peer=nonsense#${scene.key}`,
    ];
    for (const line of lines) await neverAdded(line, { code: 'BAD_INTRODUCTION', status: 2 });
  });

  test('an index commit signed by a stranger', async () => {
    assert.equal(await sequence(), 2);
    const evil = await copy();
    await commitAnyway(evil, { signers: [mallory] });
    await push(evil);
    await refusedUpdate('SIGNER_UNKNOWN');
    assert.equal(await sequence(), 2);
    // what was trusted stays in use; who comes now trusts nothing
    await scene.install('target-tool');
    await neverAdded(introduction, { code: 'SIGNER_UNKNOWN', status: 5 });
  });

  test('rollback: the index core says again what it said before', async () => {
    await replay(target, 1);
    await refusedUpdate('INDEX_ROLLBACK');
    assert.equal(await sequence(), 2);
  });

  test('an honest state after all of that is found', async () => {
    await commitAnyway(target, { signers: [root], keys: [mallory.publicKey] });
    await pushAnyway(target);
    await scene.world.json(['update'], scene.client);
    assert.equal(await sequence(), 3);
  });

  test('equivocation: the root signs two states with one number', async () => {
    const other = await copy();
    await commitAnyway(target, { signers: [root] });
    await pushAnyway(target);
    await scene.world.json(['update', 'target'], scene.client);
    await commitAnyway(other, { signers: [root], now: new Date(Date.now() - 1000) });
    await pushAnyway(other);
    await refusedUpdate('INDEX_EQUIVOCATION');
    const kept = await readdir(scene.world.path('client', 'sources', 'target'));
    assert.ok(kept.includes('state.json.equivocation'), 'the proof is kept');
    assert.equal(await sequence(), 4);
  });

  test('indefinite freeze: what was fresh expires, and nothing is installed from it any more', async () => {
    const { world, publisher, client } = scene;
    const made = await world.json<{ introduction: string }>(
      ['index', 'create', 'frozen', '--key', scene.key, '--valid-for', '1'],
      publisher,
    );
    const directory = await writeProgram(world.path('work'), program('frozen-tool'));
    await world.json(['publish', directory, '--index', 'frozen', '--compression', '1'], publisher);
    await world.json(['source', 'add', made.introduction, '--name', 'frozen'], client);
    const late = { env: clock(DAY + CLOCK_SKEW + 60_000) };
    await scene.refused(['install', 'frozen-tool'], { code: 'INDEX_EXPIRED', status: 5 }, late);
    await scene.refused(['update', 'frozen'], { code: 'INDEX_EXPIRED', status: 5 }, late);
    // within the skew that clocks are allowed it is still good
    await world.json(['install', 'frozen-tool', '--dry-run', '--root', scene.root], {
      ...client,
      env: clock(DAY + 60_000),
    });
    // what is installed can be listed, checked and removed all the same
    await scene.install('frozen-tool');
    await world.json(['verify', '--root', scene.root], { ...client, ...late });
    await world.json(['remove', '--purge', 'frozen-tool', '--root', scene.root], { ...client, ...late });
  });

  test('none of that is listed as a source', async () => {
    const { sources } = await scene.world.json<{ sources: unknown[] }>(['source', 'list'], {
      home: 'newcomer',
    });
    assert.deepEqual(sources, []);
  });

  test('after all of that the honest index still works', async () => {
    await scene.publish(program('hello', { version: '1.1' }));
    await scene.world.json(['update', 'acme'], scene.client);
    await scene.world.json(['upgrade', 'hello', '--root', scene.root], scene.client);
    assert.ok((await scene.installed()).includes('hello 1.1'));
  });
});

/** `verify --repair` with real processes: what comes over the wire, from whom, and what the exit status says. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { program, Scene } from './scene.js';

/** No compressor makes these smaller. */
const BYTES = 8_000_000;

interface Repair {
  readonly ok: boolean;
  readonly fetched: number;
  readonly transaction: number | null;
  readonly repaired: readonly { readonly path: string; readonly kinds: readonly string[] }[];
  readonly differences: readonly { readonly path: string }[];
}

describe('verify --repair', { timeout: 300_000 }, () => {
  let scene: Scene;
  let root: string;
  const small = 'usr/bin/large';
  const at = (path: string): string => join(root, path);
  /** a home that trusts the index and holds no release */
  const bare = { home: 'bare' };
  const sent = async (): Promise<number> =>
    (await scene.world.json<{ sent: number }>(['status'], scene.publisher)).sent;

  before(async () => {
    scene = await Scene.make();
    root = scene.world.path('whole');
    const directory = await writeProgram(scene.world.path('work'), program('large'));
    await mkdir(join(directory, 'data/usr/share/large'), { recursive: true });
    await writeFile(join(directory, 'data/usr/share/large/data'), randomBytes(BYTES));
    await scene.world.json(['publish', directory, '--index', 'acme', '--compression', '1'], scene.publisher);
    await scene.world.json(['update'], scene.client);
    await scene.world.json(['install', 'large', '--root', root], scene.client);
    await scene.world.json(['source', 'add', scene.introduction, '--name', 'acme'], bare);
  });
  after(() => scene?.end());

  test('a small file of a large package costs much less than the package', async () => {
    const good = await readFile(at(small));
    await writeFile(at(small), 'not what was signed');
    const verify = await scene.world.run(['verify', '--root', root], bare);
    assert.equal(verify.status, 5, verify.stdout);
    const dry = await scene.world.run(['verify', '--repair', '--dry-run', '--root', root], bare);
    assert.match(dry.stdout, /usr\/bin\/large: would be put back/);
    assert.equal(await readFile(at(small), 'utf8'), 'not what was signed');
    const first = await sent();
    const done = await scene.world.json<Repair>(['verify', '--repair', '--root', root], bare);
    const wire = (await sent()) - first;
    assert.deepEqual(await readFile(at(small)), good);
    assert.equal(done.ok, true);
    assert.deepEqual(done.repaired, [{ package: 'large', path: small, kinds: ['size'] }]);
    assert.ok(done.fetched > 0 && done.fetched < BYTES / 8, `fetched ${done.fetched}`);
    assert.ok(wire < BYTES / 5, `${wire} bytes on the wire for one file of a package of ${BYTES}`);
    const history = await scene.world.run(['history', '--root', root], bare);
    assert.match(history.stdout, /^2 .*verify --repair/m);
  });

  test('permissions come without a peer; contents that nobody has are an error, and nothing moves', async () => {
    const { mode } = await stat(at(small));
    await chmod(at(small), 0o600);
    const offline = await scene.world.json<Repair>(['verify', '--repair', '--offline', '--root', root], bare);
    assert.deepEqual([offline.ok, offline.fetched], [true, 0]);
    assert.equal((await stat(at(small))).mode, mode);
    await rm(at('usr/share/large/data'));
    const error = await scene.world.fails(['verify', '--repair', '--offline', '--root', root], bare);
    assert.deepEqual([error.code, error.status], ['OFFLINE', 6]);
  });

  test('whoever holds the release repairs from it, without a network', async () => {
    const done = await scene.world.json<Repair>(
      ['verify', '--repair', '--offline', '--root', root],
      scene.client,
    );
    assert.deepEqual([done.ok, done.fetched], [true, 0]);
    assert.equal((await stat(at('usr/share/large/data'))).size, BYTES);
    const again = await scene.world.run(['verify', '--root', root], bare);
    assert.equal(again.status, 0, again.stdout);
  });
});

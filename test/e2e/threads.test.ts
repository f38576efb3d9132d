/**
 * Installs that are large enough to be laid out in threads, and what can go wrong in one: a root is as it was, or as it should be.
 * Laying out in a thread for itself: test/cli/lay-out.test.ts.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeProgram } from '../../cli/demo/packages.js';
import { verifyRoot } from '../../installer/index.js';
import { indexPlace, signerOf } from './evil.js';
import { craft, flipped, list, tampered } from './evil-release.js';
import { Mounts, noMounts } from './mounts.js';
import { program, rootState, Scene, unmoved } from './scene.js';

const NAMES = ['one', 'two', 'three'];
/** of each package: the three are well above what threads are started for */
const BYTES = 6_000_000;

interface Event {
  readonly kind: string;
  readonly id?: string;
  readonly done?: number;
}

describe('installs that threads lay out', { timeout: 300_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.make();
    const paths = await Promise.all(
      NAMES.map(async (name) => {
        const directory = await writeProgram(scene.world.path('work'), program(name));
        const share = join(directory, 'data', 'usr', 'share', name);
        await mkdir(share, { recursive: true });
        await writeFile(join(share, 'large'), randomBytes(BYTES));
        for (let i = 0; i < 60; i++) await writeFile(join(share, String(i)), randomBytes(100));
        return directory;
      }),
    );
    await scene.world.json(['publish', ...paths, '--index', 'acme', '--compression', '1'], scene.publisher);
    const home = scene.world.path('publisher');
    const signer = await signerOf(home, scene.key);
    const honest = await craft(scene.world.path('scratch'), program('rotten'), signer);
    const rotten = await tampered(honest, (parts) => {
      parts.payload = flipped(parts.payload, parts.payload.length - 1);
    });
    await list(await indexPlace(home, 'acme'), [rotten], { signers: [signer] });
    await scene.world.json(['update'], scene.client);
  });
  after(() => scene?.end());

  const whole = async (root: string): Promise<void> => {
    for await (const { path, kind } of verifyRoot(root)) assert.fail(`${path}: ${kind}`);
    assert.deepEqual(await readdir(`${root}/var/lib/gtpkg/staging`), []);
  };

  /** Starts an install, and tells of its events. */
  const start = (
    root: string,
    onEvent: (event: Event, child: ReturnType<Scene['world']['spawn']>) => void,
  ): ReturnType<Scene['world']['spawn']> => {
    const child = scene.world.spawn(['install', ...NAMES, '--root', root, '--json'], {
      ...scene.client,
      env: { GTPKG_EVENTS: '1' },
    });
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{')) onEvent(JSON.parse(line) as Event, child);
    });
    return child;
  };

  test('one release is corrupt in its last byte: nothing of any is placed, and it is named', async () => {
    const error = await scene.refused(['install', ...NAMES, 'rotten'], {
      code: 'PAYLOAD_CORRUPT',
      status: 5,
    });
    assert.match(JSON.stringify(error), /rotten/);
  });

  test('killed while threads write: the next command clears up, and it works', async () => {
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const root = scene.world.path(`root-${signal}`);
      await scene.world.json(['install', 'hello', '--root', root], scene.client);
      const before = await rootState(root);
      const child = start(root, ({ kind, id, done = 0 }, running) => {
        if (kind === 'advance' && id === 'transaction' && done > 0) running.kill(signal);
      });
      await once(child, 'close');
      assert.notEqual(child.exitCode, 0);
      await scene.world.json(['recover', '--root', root], scene.client);
      unmoved(await rootState(root), before);
      await whole(root);
    }
  });

  test('the bar moves while one large file is written; all is there in the end', async () => {
    const root = scene.world.path('root-whole');
    const seen: number[] = [];
    const child = start(root, ({ kind, id, done = 0 }) => {
      if (kind === 'advance' && id === 'transaction') seen.push(done);
    });
    await once(child, 'close');
    assert.equal(child.exitCode, 0);
    assert.ok(new Set(seen).size > (3 * BYTES) / 2_000_000, seen.join(' '));
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    await whole(root);
  });

  test('no room for another file while threads write: NO_SPACE, nothing changed', async (t) => {
    const why = noMounts();
    if (why !== false) return t.skip(why);
    const root = scene.world.path('root-small');
    await mkdir(root);
    // room for all bytes, which is asked before, but not for so many files, which is not
    const mounts = await Mounts.make('mount -t tmpfs -o size=64m,nr_inodes=120 none "$1"', [root]);
    try {
      const error = await scene.world.fails(['install', ...NAMES, '--root', root], {
        ...scene.client,
        through: mounts.through,
      });
      assert.equal(error.code, 'NO_SPACE', JSON.stringify(error));
      assert.equal(error.status, 7);
      assert.ok(!existsSync(mounts.seen(join(root, 'usr'))));
      assert.deepEqual(await readdir(mounts.seen(join(root, 'var/lib/gtpkg/staging'))), []);
    } finally {
      await mounts.end();
    }
  });
});

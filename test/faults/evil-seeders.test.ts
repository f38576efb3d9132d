/** Seeders in bad faith. No byte of theirs is accepted, and none of them keeps a client from those in good faith. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Evil } from './evil-seeder.js';
import { Scene } from './scene.js';

const MiB = 1024 * 1024;

describe('seeders in bad faith', { timeout: 500_000 }, () => {
  let scene: Scene;
  let good = '';
  let bad = '';

  before(async () => {
    scene = await Scene.make(6 * MiB);
    [good, bad] = [await scene.holder(), await scene.holder()];
  });
  afterEach(() => scene.rest());
  after(() => scene?.end());

  /** How a client that knows only this one seeder ends, and what it holds then: nothing that is not right. */
  async function alone(how: Evil, home: string, ...codes: readonly string[]): Promise<string> {
    const evil = await scene.evil(home, how);
    const client = await scene.home();
    await scene.knows(client, evil);
    const started = performance.now();
    await scene.fails(client, ...codes);
    assert.ok(performance.now() - started < 60_000, 'it ended');
    return client;
  }

  async function rescued(client: string): Promise<void> {
    const seeder = await scene.seed(good);
    await scene.knows(client, seeder);
    await scene.run(client, ['download', 'big']);
    await scene.isWhole(client);
  }

  test('a peer that accepts and never answers: alone an error, beside a good one no harm', async () => {
    await rescued(await alone('silent', bad, 'BLOCKS_MISSING', 'NO_PEER'));
  });

  test('a peer that claims everything and answers nothing', async () => {
    await rescued(await alone('mute', bad, 'BLOCKS_MISSING'));
  });

  test('a peer that stalls each block: it is cut off, a good one beside it serves', async () => {
    await scene.evil(bad, 'stall').then(async (evil) => {
      const seeder = await scene.seed(good);
      const client = await scene.home();
      await scene.knows(client, evil, seeder);
      const started = performance.now();
      await scene.run(client, ['download', 'big']);
      assert.ok(performance.now() - started < 40_000);
      await scene.isWhole(client);
    });
  });

  // what they hold is spoilt for good from here on
  test('corrupt block: only a corrupting peer, then a good one arrives', async () => {
    const client = await alone('corrupt', bad, 'PEER_CORRUPT', 'NO_PEER');
    assert.equal((await scene.refused(client)).length, 1, 'it is remembered');
    const seeder = await scene.seed(good);
    await scene.knows(client, seeder);
    await scene.run(client, ['download', 'big']);
    await scene.isWhole(client);
  });

  test('1 of 4 peers corrupts every block: the download completes, and nobody else is blamed', async () => {
    const evil = await scene.evil(bad, 'corrupt');
    const more = [await scene.holder(), await scene.holder()];
    const seeders = await Promise.all([good, ...more].map((home) => scene.seed(home)));
    const client = await scene.home();
    await scene.knows(client, evil, ...seeders);
    await scene.run(client, ['download', 'big']);
    await scene.isWhole(client);
    for (const key of await scene.refused(client)) assert.ok(evil.address.startsWith(key));
  });

  test('right block of another core', async () => {
    const other = await scene.holder();
    await rescued(await alone('other', other, 'PEER_CORRUPT', 'NO_PEER', 'BLOCKS_MISSING'));
  });
});

/** Seeders that die: killed mid-block, or the last one gone in the middle of a download. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';
import { encodeCoreKey } from '../../model/index.js';
import { Scene } from './scene.js';

const MiB = 1024 * 1024;
const PAYLOAD = 16 * MiB;

describe('seeders that die', { timeout: 400_000 }, () => {
  let scene: Scene;
  let [one, two] = ['', ''];

  before(async () => {
    scene = await Scene.make(PAYLOAD);
    one = await scene.holder();
    two = await scene.holder();
  });
  afterEach(() => scene.rest());
  after(() => scene?.end());

  test('seeder killed mid-block: another one completes', async () => {
    const [first, second] = [await scene.seed(one, 3 * MiB), await scene.seed(two, 3 * MiB)];
    const client = await scene.home();
    await scene.knows(client, first, second);
    const download = scene.download(client);
    assert.ok(await download.fetched(4 * MiB), download.output);
    const had = download.done;
    await first.kill();
    assert.equal(await download.ended, 0, download.output);
    assert.ok(had < PAYLOAD, 'it was in the middle');
    const sent = await second.sent();
    console.log(
      `${had} bytes when one was killed, ${sent} bytes from the other, ${PAYLOAD} bytes of payload`,
    );
    assert.ok(sent < PAYLOAD - had / 2 + 2 * MiB, `${sent} bytes`);
    await scene.isWhole(client);
  });

  test('last seeder leaves mid-download: the error names what is missing and when it was last to be had; later it resumes', async () => {
    const first = await scene.seed(one, 3 * MiB);
    const client = await scene.home();
    await scene.knows(client, first);
    const download = scene.download(client);
    assert.ok(await download.fetched(4 * MiB), download.output);
    await first.kill();
    assert.equal(await download.ended, 6, download.output);
    const { error } = JSON.parse(download.output) as {
      error: { code: string; message: string; hint: string; data: Record<string, unknown> };
    };
    assert.equal(error.code, 'BLOCKS_MISSING');
    assert.match(error.message, /big 1\.0/);
    assert.match(error.hint, /last connected at 20/);
    const seen = Date.parse(String(error.data['lastSeen']));
    assert.ok(Math.abs(Date.now() - seen) < 120_000);
    const { blocks } = error.data as { blocks: number };
    assert.ok(blocks > 0 && blocks < PAYLOAD / (MiB / 2));

    // nobody came back: the same is said, of the same moment
    const again = await scene.fails(client, 'NO_PEER', 'BLOCKS_MISSING');
    assert.equal(again.data['lastSeen'], error.data['lastSeen']);

    const second = await scene.seed(two);
    await scene.knows(client, second);
    await scene.run(client, ['download', 'big']);
    const sent = await second.sent();
    const missing = blocks * (MiB / 2);
    assert.ok(sent < missing + MiB, `${sent} bytes for ${missing} that were missing`);
    await scene.isWhole(client);
  });

  test('stale peer list: twenty dead addresses delay nothing much', async () => {
    const client = await scene.home();
    const peers = Array.from({ length: 20 }, (_, i) => ({
      key: encodeCoreKey(randomBytes(32)),
      address: `127.0.0.1:${20_000 + i}`,
      origin: 'seen',
      seen: new Date(0).toISOString(),
    }));
    const stale = (list: readonly object[]): Promise<void> =>
      writeFile(
        scene.world.path(client, 'peers.json'),
        JSON.stringify({ format: 'gtpkg-peers 1', peers: list }),
      );
    await stale(peers);
    const error = await scene.fails(client, 'NO_PEER');
    assert.equal(error.status, 6);
    assert.match(error.message, /none of 20 known peers answers/);
    const good = await scene.seed(two);
    const [key, address] = good.address.split('@');
    await stale([...peers, { key, address, origin: 'seen', seen: new Date().toISOString() }]);
    const started = performance.now();
    await scene.run(client, ['download', 'big']);
    assert.ok(performance.now() - started < 30_000);
    await scene.isWhole(client);
  });
});

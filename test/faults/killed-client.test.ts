/** A client that is killed again and again: what it holds is never fetched twice, and the store is whole each time. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { limits } from '../../model/index.js';
import { Scene } from './scene.js';

const MiB = 1024 * 1024;
const PAYLOAD = 24 * MiB;
const KILLS = 20;
/** Bytes that may be under way when a process dies: what it had asked for, and what it had not written yet. */
const UNDER_WAY = MiB;

describe('a client that is killed', { timeout: 500_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.make(PAYLOAD);
  });
  afterEach(() => scene.rest());
  after(() => scene?.end());

  test(`killed ${KILLS} times during one download: it resumes where it was`, async () => {
    const client = await scene.home();
    const seeder = await scene.seed('publisher', 3 * MiB);
    await scene.knows(client, seeder);
    let kills = 0;
    const held: number[] = [];
    while (kills < KILLS) {
      const download = scene.download(client);
      // at first no byte, then a block: killed at the start, in the middle, while it writes
      if (!(await download.fetched(kills % 3 === 0 ? 0 : limits.RELEASE_CHUNK))) {
        assert.equal(await download.ended, 0, download.output);
        break;
      }
      await download.kill();
      if (download.done > 0) held.push(download.done);
      kills++;
    }
    await scene.run(client, ['download', 'big']);
    await scene.isWhole(client);
    for (const [i, bytes] of held.entries())
      assert.ok(bytes + UNDER_WAY >= (held[i - 1] ?? 0), `what was held is held: ${held.join(' ')}`);
    const sent = await seeder.sent();
    console.log(
      `${kills} kills, ${PAYLOAD} bytes of payload, ${sent} bytes sent: ${Math.round((sent - PAYLOAD) / Math.max(1, kills))} more a kill`,
    );
    assert.ok(kills >= KILLS / 2, `${kills} kills before it was done`);
    assert.ok(sent <= PAYLOAD * 1.02 + kills * UNDER_WAY, `${sent} bytes sent after ${kills} kills`);
  });
});

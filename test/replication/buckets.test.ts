/**
 * Bucket topics: holders of rare cores are found by those who share no distribution with them.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../model/index.js';
import { bucketOf, Buckets, bucketTopic, type BucketTopic } from '../../replication/buckets.js';
import { collect, World } from './world.js';

const LIMIT = { timeout: 120_000 };
/** frozen: another topic would be another network */
const TOPIC_5 = '66177dfda908fc74a3116f22f50d0211954dbed052d477c7826e1903503eb0ab';
let world: World;

describe('bucket topics', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('a core has one bucket of 64, and a bucket one topic', () => {
    const topics = new Set(Array.from({ length: 64 }, (_, bucket) => bucketTopic(bucket).toString('hex')));
    assert.equal(topics.size, 64);
    assert.equal(bucketTopic(5).toString('hex'), TOPIC_5);
    const buckets = Array.from({ length: 2000 }, () => bucketOf(randomBytes(32)));
    assert.ok(buckets.every((bucket) => bucket >= 0 && bucket < 64) && new Set(buckets).size > 60);
  });

  test(
    'only buckets of which something is held are announced; a few are looked through at once, and left again',
    LIMIT,
    async () => {
      const open = new Map<string, string>();
      let id = 0;
      const join = (topic: Buffer, announce: boolean): BucketTopic => {
        const own = String(id++);
        open.set(own, `${announce ? 'announce' : 'look'} ${topic.toString('hex')}`);
        return {
          settled: () => Promise.resolve(),
          refresh: () => Promise.resolve(),
          close: () => Promise.resolve(void open.delete(own)),
        };
      };
      const held = [Buffer.alloc(32, 0), Buffer.alloc(32, 0), Buffer.alloc(32, 255)];
      const buckets = new Buckets({
        join,
        answering: () => true,
        rare: () => Promise.resolve(held),
        serves: true,
      });
      for (let i = 0; i < 200 && buckets.announced.length < 2; i++) await sleep(50);
      assert.deepEqual(buckets.announced, [0, 63]);
      buckets.look(Array.from({ length: 64 }, (_, bucket) => Buffer.alloc(32, bucket << 2)));
      const looks = (): number => [...open.values()].filter((each) => each.startsWith('look')).length;
      assert.equal(looks(), limits.MAX_BUCKETS_LOOKED);
      buckets.rest();
      assert.equal(looks(), 0);
      await buckets.close();
      buckets.look(held);
      assert.equal(looks(), 0);
    },
  );

  test('a rare core is found where no common topic leads', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const bytes = randomBytes(2 * limits.RELEASE_CHUNK);
    // somebody of another distribution has it
    const holder = await world.depot('holder', { bootstrap, server: true });
    const ref = await holder.putStaticBytes(bytes);
    // ours has one peer, who does not
    const peer = await world.depot('peer', { bootstrap, server: true });
    const ours = await peer.createLog('main');
    await (await peer.openLog(ours)).append([Buffer.from('x')]);
    await peer.join([ours]);
    const client = await world.depot('client', { bootstrap, timeout: 30_000 });
    await client.join([ours]);
    const log = await client.openLog(ours);
    assert.equal((await log.refresh()).peers, 1);
    await client.fetch([ref], { timeout: 60_000 });
    assert.ok(bytes.equals(await collect(client.source(ref).read(0, bytes.length))));
    const { peers } = await client.status();
    assert.ok(peers.some((each) => each.key === holder.publicKey && each.connected));
  });
});

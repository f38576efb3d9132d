/// <reference path="../../replication/holepunch.d.ts" />
/**
 * What a store holds, who else says so, what goes when it is too much, and that the disk really gets it back.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { limits, type CoreKey, type CoreRef } from '../../model/index.js';
import { planEviction, readUsage, recordSaved, type Depot, type Evictable } from '../../replication/index.js';
import { Claims } from '../../replication/claims.js';
import { hello } from '../../replication/hello.js';
import { holdsAsk, holdsNews } from '../../replication/holds.js';
import { Meter } from '../../replication/meter.js';
import { TALK_PROTOCOL } from '../../replication/talk.js';
import { strangePeer } from './evil.js';
import { until, World } from './world.js';

const LIMIT = { timeout: 120_000 };
const CHUNK = limits.RELEASE_CHUNK;
let world: World;

const put = (depot: Depot, size: number): Promise<CoreRef> => depot.putStaticBytes(randomBytes(size));
const seeders = async (depot: Depot, ref: CoreRef): Promise<number> =>
  (await depot.seeders([ref.key]))[0] ?? -1;

describe('holdings', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('are read from the store, with sizes, after a restart too', LIMIT, async () => {
    const depot = await world.depot('own', { offline: true });
    const refs = await Promise.all([1, CHUNK, 3 * CHUNK + 5].map((size) => put(depot, size)));
    const rows = async (from: Depot): Promise<unknown> =>
      (await from.holdings()).map(({ key, byteLength, held }) => [key, byteLength, held]).sort();
    const expected = refs.map(({ key, byteLength }) => [key, byteLength, byteLength]).sort();
    assert.deepEqual(await rows(depot), expected);
    const late = await put(depot, 7);
    assert.equal((await depot.holdings()).length, 4);
    assert.ok((await depot.holdings()).every((each) => Math.abs(each.used - Date.now()) < 2 * 3_600_000));
    await depot.createLog('not a release');
    const status = await depot.status();
    assert.equal(
      status.heldBytes,
      refs.reduce((sum, ref) => sum + ref.byteLength, 7),
    );
    assert.ok(status.diskBytes > status.heldBytes);
    await depot.close();
    const again = await world.depot('own', { offline: true });
    assert.deepEqual(await rows(again), [...expected, [late.key, 7, 7]].sort());
    assert.ok(
      (await again.holdings()).every((each) => each.used > 0),
      'when they were used is remembered',
    );
    await again.close();
  });

  test('what is freed is gone, may be fetched again, and the disk shrinks', LIMIT, async () => {
    const depot = await world.depot('full', { offline: true });
    const refs: CoreRef[] = [];
    for (let i = 0; i < 24; i++) refs.push(await put(depot, 4 * CHUNK));
    const full = await depot.reclaim(0);
    const total = refs.length * 4 * CHUNK;
    assert.ok(full >= total);
    const gone = refs.filter((_, i) => i % 4 !== 0);
    assert.equal(await depot.free(gone.map((ref) => ref.key)), (total / 4) * 3);
    assert.deepEqual(
      await depot.held(refs),
      refs.map((ref, i) => (i % 4 === 0 ? ref.byteLength : 0)),
    );
    const left = await depot.reclaim(0);
    assert.ok(full - left > (total / 4) * 3 - 500_000, `${full} bytes on disk before, ${left} after`);
    assert.equal((await depot.status()).heldBytes, total / 4);
    assert.equal(await depot.free(gone.map((ref) => ref.key)), 0, 'twice is once');
    await depot.close();
    const again = await world.depot('full', { offline: true });
    assert.equal((await again.holdings()).length, refs.length / 4);
    await again.close();
  });

  test('peers that serve tell each other what they hold whole, and what no longer', LIMIT, async () => {
    const one = await world.seeder('one');
    const both = await put(one.depot, 10);
    const alone = await put(one.depot, 11);
    const two = await world.seeder('two');
    await two.depot.addPeers([one.peer]);
    await until(async () => (await seeders(two.depot, alone)) === 1);
    assert.equal(await seeders(one.depot, alone), 0, 'nobody else has it');
    await two.depot.fetch([both]);
    await until(async () => (await seeders(one.depot, both)) === 1);
    assert.equal((await one.depot.status()).peers.find((peer) => peer.connected)?.holds, 1);
    await two.depot.free([both.key]);
    await until(async () => (await seeders(one.depot, both)) === 0);
    const client = await world.depot('client');
    await client.addPeers([one.peer]);
    await client.fetch([alone]);
    assert.equal(await seeders(client, alone), 0, 'a command does not ask');
    assert.equal(await seeders(one.depot, alone), 0, 'nor does it count as a seeder');
    await two.depot.close();
    await until(async () => (await one.depot.status()).peers.every((peer) => peer.holds === 0));
  });

  test('a peer that claims everything moves a count, and no more of them than fit', LIMIT, async () => {
    const { default: Protomux } = await import('protomux');
    let salts = 0;
    const peer = await strangePeer(world, (connection) => {
      const channel = Protomux.from(connection).createChannel({
        protocol: TALK_PROTOCOL,
        messages: Array.from({ length: limits.TALK_KINDS }, (_, id) => ({
          onmessage: () => (salts += Number(id === holdsAsk.id)),
        })),
      });
      channel?.open();
      channel?.messages[hello.id]?.send(hello.encode({ version: 1, stays: false, port: 0 }));
      for (let message = 0; message < 34; message++) {
        const numbers = Array.from({ length: 4096 }, (_, i) => message * 4096 + i);
        channel?.messages[holdsNews.id]?.send(holdsNews.encode({ held: true, numbers }));
      }
    });
    const { depot } = await world.seeder('credulous');
    const mine = await put(depot, 5);
    await depot.addPeers([peer]);
    await until(async () => ((await depot.status()).peers[0]?.holds ?? 0) === limits.MAX_HOLDS);
    assert.equal(salts, 1);
    assert.equal(await seeders(depot, mine), 0);
    await depot.close();
  });

  test('claims are a set, whatever the order of changes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 200 }), (changes) => {
        const claims = new Claims();
        const model = new Set<number>();
        for (const [number, held] of changes) {
          claims.change([number], held);
          if (held) model.add(number);
          else model.delete(number);
          if (number % 7 === 0) assert.equal(claims.has(number), held);
        }
        assert.equal(claims.size, model.size);
        for (let number = 0; number <= 50; number++) assert.equal(claims.has(number), model.has(number));
      }),
    );
  });

  test('a malformed list of holdings is refused', () => {
    for (const bytes of [[], [2], [1, 0], [0, 1, 2, 3, 4, 5, 6, 7]])
      assert.throws(() => holdsNews.decode(Buffer.from(bytes)));
    assert.throws(() => holdsAsk.decode(Buffer.alloc(15)));
    const news = { held: false, numbers: [0, 1, 2 ** 48 - 1] };
    assert.deepEqual(holdsNews.decode(Buffer.from(holdsNews.encode(news))), news);
  });
});

describe('eviction', () => {
  const held = (key: string, more: Partial<Evictable> = {}): Evictable => ({
    key: key as CoreKey,
    held: 10,
    rank: 'current',
    seeders: 1,
    used: 0,
    ...more,
  });
  const keys = (some: readonly Evictable[]): string => some.map((each) => each.key).join('');

  test('takes what nobody lists, then old versions, then what many have, then what nobody wanted for long', () => {
    const all = [
      held('g', { used: 2 }),
      held('f', { used: 1 }),
      held('e', { seeders: 5 }),
      held('d', { rank: 'superseded', seeders: 1 }),
      held('c', { rank: 'superseded', seeders: 3 }),
      held('b', { rank: 'unlisted', seeders: 0 }),
      held('a', { rank: 'unlisted', seeders: 2 }),
    ];
    assert.equal(keys(planEviction(all, { bytes: 70, lastCopies: false }).free), 'abcdefg');
    assert.equal(keys(planEviction(all, { bytes: 21, lastCopies: false }).free), 'abc');
    assert.equal(keys(planEviction(all, { bytes: 0, lastCopies: false }).free), '');
  });

  test('spares the last known copy of what an index lists, and says so', () => {
    const all = [
      held('a', { rank: 'superseded', seeders: 0 }),
      held('b', { seeders: 0 }),
      held('c', { rank: 'unlisted', seeders: 0 }),
      held('d', { seeders: 1 }),
    ];
    const plan = planEviction(all, { bytes: 35, lastCopies: false });
    assert.equal(keys(plan.free), 'cd');
    assert.equal(keys(plan.last), 'c', 'it goes, and is named');
    assert.equal(keys(plan.spared), 'ab');
    assert.equal(plan.short, 15);
    const ruthless = planEviction(all, { bytes: 40, lastCopies: true });
    assert.equal(ruthless.short, 0);
    assert.equal(keys(ruthless.last), 'cab');
  });

  test('never frees a listed last copy unasked, nor more than one core too much', () => {
    const arbitrary = fc.record({
      key: fc.uuid(),
      held: fc.nat(100),
      rank: fc.constantFrom('unlisted', 'superseded', 'current'),
      seeders: fc.nat(2),
      used: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(arbitrary), fc.nat(1000), (some, bytes) => {
        const plan = planEviction(some as unknown as Evictable[], { bytes, lastCopies: false });
        assert.ok(plan.free.every((each) => each.rank === 'unlisted' || each.seeders > 0));
        const freed = plan.free.reduce((sum, each) => sum + each.held, 0);
        assert.ok(freed - (plan.free.at(-1)?.held ?? 0) <= bytes);
        assert.equal(plan.short, Math.max(0, bytes - freed));
      }),
    );
  });
});

describe('figures', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('usage is added up over processes, survives rubbish, and does not grow for ever', async () => {
    const home = world.path('home');
    assert.deepEqual(await readUsage(home), { deltas: 0, received: 0, sent: 0 });
    await Promise.all(Array.from({ length: 20 }, () => recordSaved(home, { deltas: 5, sent: 1 })));
    await recordSaved(home, { received: 7.4, deltas: -3, sent: Number.NaN });
    const path = world.path('home/usage.log');
    await appendFile(path, 'deltas many\n\0\n');
    assert.deepEqual(await readUsage(home), { deltas: 100, received: 7, sent: 20 });
    await appendFile(path, 'received 1\n'.repeat(10_000));
    assert.deepEqual(await readUsage(home), { deltas: 100, received: 10_007, sent: 20 });
    assert.ok((await readFile(path)).length < 100);
    assert.deepEqual(await readUsage(home), { deltas: 100, received: 10_007, sent: 20 });
    await writeFile(world.path('file'), '');
    await recordSaved(world.path('file/below'), { deltas: 1 }); // nowhere to write: no failure
  });

  test('rates are of the last seconds, and of what is still there', () => {
    const meter = new Meter<string>();
    for (let second = 0; second <= 20; second++)
      meter.sample(
        [['a', { bytesIn: second < 10 ? second * 100 : 1000, bytesOut: second * 50 }]],
        second * 1000,
      );
    assert.deepEqual(meter.rates('a'), { rateIn: 0, rateOut: 50 });
    assert.deepEqual(meter.rates('b'), { rateIn: 0, rateOut: 0 });
    meter.sample([], 21_000);
    assert.deepEqual(meter.rates('a'), { rateIn: 0, rateOut: 0 });
  });
});

/// <reference path="../../replication/holepunch.d.ts" />
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import crypto from 'hypercore-crypto';
import HyperDHT from 'hyperdht';
import { decodeCoreKey, encodeCoreKey, limits, type GtpkgError } from '../../model/index.js';
import { mutePeer, strangePeer, whole, within } from './evil.js';
import { code, collect, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
const LIMIT = { timeout: 120_000 };
let world: World;

describe('peers that fail and die', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('a peer that claims everything and answers nothing costs only itself', LIMIT, async () => {
    const bytes = randomBytes(5 * CHUNK);
    const mute = await mutePeer(world, 'mute', bytes);
    const ref = await (await world.depot('mute-ref', { offline: true })).putStaticBytes(bytes);
    const alone = await world.depot('mute-alone', { timeout: 3000 });
    await alone.addPeers([mute]);
    const started = performance.now();
    await assert.rejects(alone.fetch([ref]), code('BLOCKS_MISSING'));
    within(15_000, started);

    const good = await whole(world, 'mute-good', bytes);
    const client = await world.depot('mute-client');
    await client.addPeers([mute, good.peer]);
    const again = performance.now();
    await client.fetch([ref]);
    within(15_000, again);
  });

  test('a peer that accepts the connection and speaks nothing', LIMIT, async () => {
    const silent = await strangePeer(world, () => undefined);
    const ref = await (await world.depot('silent-ref', { offline: true })).putStaticBytes(randomBytes(9));
    const client = await world.depot('silent-client', { timeout: 2000 });
    await client.addPeers([silent]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('BLOCKS_MISSING'));
    const log = await client.openLog(encodeCoreKey(randomBytes(32)));
    const { silence, ...rest } = await log.refresh();
    assert.deepEqual(rest, { length: 0, peers: 0 });
    assert.equal(silence?.reason, 'nobody-serves');
    await assert.rejects(log.get(0), code('BLOCKS_MISSING'));
    within(15_000, started);
  });

  test('a thousand connections: no more than the bound are kept', LIMIT, async () => {
    const { depot, peer } = await world.seeder('crowded');
    const dht = new HyperDHT({ bootstrap: [], host: '127.0.0.1', port: [0, 0] });
    world.atEnd(() => dht.destroy());
    const crowd = Array.from({ length: limits.MAX_CONNECTIONS + 20 }, () =>
      dht
        .connect(decodeCoreKey(peer.key), { keyPair: crypto.keyPair(), relayAddresses: [peer] })
        .on('error', () => undefined),
    );
    const connected = async (): Promise<number> =>
      (await depot.status()).peers.filter((each) => each.connected).length;
    for (let i = 0; i < 100 && (await connected()) < limits.MAX_CONNECTIONS; i++) await sleep(100);
    await sleep(1500); // the rest has its try
    assert.equal(await connected(), limits.MAX_CONNECTIONS);
    for (const connection of crowd) connection.destroy();
    for (let i = 0; i < 50 && (await connected()) > 0; i++) await sleep(100);
    assert.equal(await connected(), 0);
  });

  test('nobody there: wrong address, dead bootstrap node, no network wanted', LIMIT, async () => {
    const ref = await (await world.depot('nobody-ref', { offline: true })).putStaticBytes(randomBytes(9));
    const nobody = { key: encodeCoreKey(randomBytes(32)), host: '127.0.0.1', port: 1 };
    const stale = await world.depot('nobody-stale', { timeout: 2000 });
    await stale.addPeers([nobody]);
    let started = performance.now();
    await assert.rejects(stale.fetch([ref]), code('NO_PEER'));
    within(15_000, started);

    const lost = await world.depot('nobody-lost', {
      timeout: 2000,
      bootstrap: [{ host: '127.0.0.1', port: 1 }],
      server: true,
    });
    await lost.join([nobody.key]);
    started = performance.now();
    await assert.rejects(lost.fetch([ref]), (error) => {
      assert.ok(code('NO_PEER')(error));
      const { data } = error as GtpkgError;
      assert.deepEqual([data['dht'], data['reason']], ['silent', 'dht-silent']);
      return true;
    });
    await assert.rejects((await lost.openLog(nobody.key)).get(0), code('NO_PEER'));
    await lost.close();
    within(15_000, started);

    // by default that is a matter of seconds, whatever the time-out
    const hasty = await world.depot('nobody-hasty', { timeout: limits.TIMEOUT.idle });
    await hasty.addPeers([nobody]);
    started = performance.now();
    const { silence } = await (await hasty.openLog(nobody.key)).refresh();
    assert.equal(silence?.reason, 'peers-silent');
    within(2 * limits.TIMEOUT.silence, started);

    const offline = await world.depot('nobody-offline', { offline: true });
    await offline.join([nobody.key]);
    started = performance.now();
    await assert.rejects(offline.fetch([ref]), code('OFFLINE'));
    await assert.rejects((await offline.openLog(nobody.key)).get(0), code('OFFLINE'));
    within(5000, started);

    const signal = AbortSignal.timeout(300);
    started = performance.now();
    await assert.rejects(stale.fetch([ref], { signal, timeout: 30_000 }), code('TIMEOUT'));
    within(5000, started);
  });

  test('seeder killed in the middle, another goes on: no block is fetched twice', LIMIT, async () => {
    const bytes = randomBytes(96 * CHUNK);
    const path = await world.file('big', bytes);
    const first = await world.process('killed-first', { listen: { host: '127.0.0.1', port: 0 } });
    const second = await world.process('killed-second', { listen: { host: '127.0.0.1', port: 0 } });
    const ref = await first.put(path);
    await second.put(path);
    const client = await world.depot('killed-client', { timeout: 20_000 });
    await client.addPeers([await first.peer()]);
    let killed: Promise<void> | undefined;
    let had = 0;
    const next = await second.peer();
    await client.fetch([ref], {
      onProgress: ({ done }) => {
        if (killed !== undefined || done < bytes.length / 4) return;
        had = done;
        killed = first.kill().then(() => client.addPeers([next]));
      },
    });
    await killed;
    assert.ok(had < bytes.length, 'it was killed in the middle');
    assert.ok(bytes.equals(await collect(client.source(ref).read(0, bytes.length))));
    const { bytesIn } = await client.status();
    // what was on its way when the seeder died may come again: one peer's worth of requests
    const slack = (limits.INFLIGHT_BLOCKS[0] + 2) * CHUNK;
    assert.ok(bytesIn < bytes.length * 1.01 + slack, `${bytesIn} bytes for ${bytes.length}`);
  });

  test('client killed again and again: it resumes where it was', LIMIT, async () => {
    const bytes = randomBytes(80 * CHUNK);
    const seeder = await world.process('resume-seeder', { listen: { host: '127.0.0.1', port: 0 } });
    const ref = await seeder.put(await world.file('resume', bytes));
    const peer = await seeder.peer();
    let held = 0;
    for (let round = 0; round < 4; round++) {
      const client = await world.process('resume-client');
      await client.call('addPeers', [peer]);
      client.call('fetch', [ref]).catch(() => undefined);
      for (let i = 0; i < 200; i++) {
        const [now = 0] = await client.call<number[]>('held', [ref]);
        if (now > held) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await client.kill();
      const look = await world.depot('resume-client', { offline: true });
      const [now = 0] = await look.held([ref]);
      await look.close();
      assert.ok(now >= held, 'nothing that was held is lost');
      held = now;
    }
    const client = await world.depot('resume-client');
    await client.fetch([ref]);
    const { bytesIn } = await client.status();
    assert.ok(
      bytesIn < (bytes.length - held) * 1.01 + CHUNK,
      `${bytesIn} bytes for ${bytes.length - held} missing`,
    );
    assert.ok(bytes.equals(await collect(client.source(ref).read(0, bytes.length))));
  });

  test(
    'last seeder leaves in the middle: what came is kept, and the error says what is missing',
    LIMIT,
    async () => {
      const bytes = randomBytes(64 * CHUNK);
      const seeder = await world.process('last-seeder', { listen: { host: '127.0.0.1', port: 0 } });
      const ref = await seeder.put(await world.file('last', bytes));
      const client = await world.depot('last-client', { timeout: 3000 });
      await client.addPeers([await seeder.peer()]);
      let killed: Promise<void> | undefined;
      await assert.rejects(
        client.fetch([ref], { onProgress: ({ done }) => void (done > 0 && (killed ??= seeder.kill())) }),
        (error) => {
          assert.ok(code('BLOCKS_MISSING')(error));
          const { data, hint } = error as GtpkgError;
          assert.ok(Number(data['blocks']) > 0);
          const seen = Date.parse(String(data['lastSeen']));
          assert.ok(seen <= Date.now() && seen > Date.now() - 120_000, String(data['lastSeen']));
          assert.match(hint ?? '', /last connected at 2/);
          return true;
        },
      );
      const [held = 0] = await client.held([ref]);
      assert.ok(held > 0 && held < bytes.length);
      // another process of the same home still knows when that was
      await client.close();
      const later = await world.depot('last-client', { timeout: 1500 });
      await assert.rejects(later.fetch([ref]), (error) => {
        assert.ok(code('NO_PEER')(error));
        assert.ok(Date.parse(String((error as GtpkgError).data['lastSeen'])) > 0);
        return true;
      });
    },
  );
});

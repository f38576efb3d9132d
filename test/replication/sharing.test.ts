/// <reference path="../../replication/holepunch.d.ts" />
/**
 * Several who want the same: what the seeder sends, who gets what from whom, and those who ask too much.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import crypto from 'hypercore-crypto';
import { decodeCoreKey, limits } from '../../model/index.js';
import { secureStreams } from '../../replication/secure.js';
import { openStore } from '../../replication/store.js';
import { dialTcp } from '../../replication/tcp.js';
import { until, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
const LIMIT = { timeout: 120_000 };
let world: World;

describe('many clients, one seeder', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test(
    'four clients at once: the seeder sends little more than one copy, each client receives little more than one',
    LIMIT,
    async () => {
      const bytes = randomBytes(32 * CHUNK);
      const { depot: seeder, peer } = await world.seeder('capped', { upRate: 4 * 1024 * 1024 });
      const ref = await seeder.putStaticBytes(bytes);
      const key = await seeder.createLog('main');
      await seeder.join([key]);
      const clients = await Promise.all([0, 1, 2, 3].map((at) => world.process(`client-${at}`)));
      await Promise.all(
        clients.map(async (client) => {
          await client.call('join', [key]);
          await client.call('addPeers', [peer]);
          await client.call('fetch', [ref], { timeout: 60_000 });
        }),
      );
      const { bytesOut } = await seeder.status();
      assert.ok(
        bytesOut < 2 * bytes.length,
        `the seeder sent ${(bytesOut / bytes.length).toFixed(2)} copies`,
      );
      for (const client of clients) {
        const { bytesIn } = await client.call<{ bytesIn: number }>('status');
        assert.ok(bytesIn < 1.5 * bytes.length, `a client got ${(bytesIn / bytes.length).toFixed(2)} copies`);
      }
    },
  );

  test('who downloads for long is found on the DHT by others, and gives what it has', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const bytes = randomBytes(20 * CHUNK);
    const { depot: seeder, peer } = await world.seeder('far', { bootstrap, server: false });
    const ref = await seeder.putStaticBytes(bytes);
    const key = await seeder.createLog('main');
    const first = await world.depot('downloading', { bootstrap, downRate: 1024 * 1024, timeout: 30_000 });
    await first.join([key]);
    await first.addPeers([peer]);
    const whole = first.fetch([ref]);
    await new Promise((resolve) => setTimeout(resolve, 3500));
    const second = await world.depot('finding', { bootstrap });
    await second.join([key]);
    await until(async () =>
      (await second.status()).peers.some((each) => each.connected && each.key === first.publicKey),
    );
    const some = second.fetch([ref], { timeout: 20_000 });
    await until(async () => ((await second.held([ref]))[0] ?? 0) > 0);
    await Promise.all([whole, some]);
  });

  test('peer floods requests: cut off, and others are served', LIMIT, async () => {
    const bytes = randomBytes(4 * CHUNK);
    const { depot: seeder, peer } = await world.seeder('flooded', { upRate: 256 * 1024 });
    const ref = await seeder.putStaticBytes(bytes);
    const store = await openStore(world.path('flooder'));
    world.atEnd(() => store.close());
    const core = store.get({ key: decodeCoreKey(ref.key) });
    await core.ready();
    const connection = await dialTcp(peer, decodeCoreKey(peer.key), {
      keyPair: crypto.keyPair(),
      secure: secureStreams({ up: undefined, down: undefined }),
      signal: new AbortController().signal,
    });
    assert.ok(connection);
    let closed = false;
    connection.on('close', () => (closed = true));
    store.replicate(connection);
    core.on('peer-add', (each) => {
      const { wireRequest } = each as unknown as { wireRequest: { send(request: object): void } };
      for (let id = 1000; id < 1000 + 2 * limits.MAX_REQUESTS; id++) {
        const block = { index: id % 4, nodes: 0 };
        wireRequest.send({
          id,
          fork: 0,
          block,
          hash: null,
          seek: null,
          upgrade: null,
          manifest: false,
          priority: 0,
        });
      }
    });
    await until(() => closed);
    const client = await world.depot('patient', { timeout: 30_000 });
    await client.addPeers([peer]);
    await client.fetch([ref]);
  });
});

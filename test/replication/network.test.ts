import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { limits, parseCoreKey, type CoreRef } from '../../model/index.js';
import { openDepot, startBootstrap, type FetchProgress } from '../../replication/index.js';
import { code, collect, listening, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
const LIMIT = { timeout: 120_000 };
let world: World;

describe('peers find each other and share', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('direct dial: no DHT anywhere', LIMIT, async () => {
    const seeder = await world.process('direct-seeder', { listen: { host: '127.0.0.1', port: 0 } });
    const bytes = randomBytes(3 * CHUNK + 5);
    const ref = await seeder.put(await world.file('direct', bytes));
    const client = await world.depot('direct-client');
    await client.addPeers([await seeder.peer()]);
    const seen: FetchProgress[] = [];
    await client.fetch([ref, ref], { onProgress: (progress) => seen.push(progress) });
    assert.ok(bytes.equals(await collect(client.source(ref).read(0, bytes.length))));
    assert.deepEqual(seen.at(-1)?.done, bytes.length);
    assert.equal(seen.at(-1)?.total, bytes.length);
    const status = await client.status();
    assert.equal(status.dht, 'none');
    assert.equal(status.peers.length, 1);
    assert.ok((status.peers[0]?.bytesIn ?? 0) > bytes.length);
    // the peer is remembered: the next command needs no address
    await client.close();
    const next = await world.depot('direct-client');
    assert.equal((await next.peers())[0]?.origin, 'user');
    const more = await seeder.put(await world.file('more', randomBytes(CHUNK)));
    await next.fetch([more]);
    await seeder.kill();
  });

  test('a DHT of one `gtpkg dht` process is enough for two strangers to meet', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const seeder = await world.process('dht-seeder', { bootstrap, server: true });
    const ref = await seeder.put(await world.file('dht', randomBytes(2 * CHUNK)));
    const key = parseCoreKey(await seeder.call('createLog', 'main'));
    await seeder.call('append', key, ['first']);
    await seeder.call('join', [key]);
    const client = await world.process('dht-client', { bootstrap });
    await client.call('join', [key]);
    await client.call('fetch', [ref]);
    assert.deepEqual(await client.call('held', [ref]), [ref.byteLength]);
    const third = await world.depot('dht-third', { bootstrap, server: true });
    await third.join([key]);
    const log = await third.openLog(key);
    assert.deepEqual({ ...(await log.refresh()), peers: 1 }, { length: 1, peers: 1 });
    assert.equal((await log.get(0)).toString(), 'first');
    assert.equal((await third.status()).dht, 'answering');
  });

  test('a node with a DHT and a listening address serves both ways', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const both = await world.process('both', { bootstrap, listen: { host: '127.0.0.1', port: 0 } });
    const key = parseCoreKey(await both.call('createLog', 'main'));
    await both.call('append', key, ['x']);
    await both.call('join', [key]);
    const byDht = await world.depot('both-dht', { bootstrap });
    await byDht.join([key]);
    const byDial = await world.depot('both-dial');
    await byDial.addPeers([await both.peer()]);
    for (const depot of [byDht, byDial]) {
      const log = await depot.openLog(key);
      assert.equal((await log.refresh()).length, 1);
      assert.equal((await log.get(0)).toString(), 'x');
    }
  });

  test('200 small cores at once', LIMIT, async () => {
    const { depot: seeder, peer } = await world.seeder('many-seeder');
    const refs: CoreRef[] = [];
    for (let i = 0; i < 200; i++) refs.push(await seeder.putStaticBytes(randomBytes(1 + i * 97)));
    const client = await world.depot('many-client');
    await client.addPeers([peer]);
    await client.fetch(refs);
    assert.deepEqual(
      await client.held(refs),
      refs.map((ref) => ref.byteLength),
    );
  });

  test('a partial holder serves what it has; two halves make a whole', LIMIT, async () => {
    const bytes = randomBytes(8 * CHUNK);
    const full = await world.depot('half-source', { offline: true });
    const ref = await full.putStaticBytes(bytes);
    const { openStore } = await import('../../replication/store.js');
    const { decodeCoreKey } = await import('../../model/index.js');
    const peers = [];
    for (const [name, from] of [
      ['half-low', 4],
      ['half-high', 0],
    ] as const) {
      const holder = await world.depot(name, { offline: true });
      await holder.putStaticBytes(bytes);
      await holder.close();
      const store = await openStore(world.path(name));
      const core = store.get({ key: decodeCoreKey(ref.key) }) as unknown as {
        ready(): Promise<void>;
        clear(a: number, b: number): Promise<void>;
        close(): Promise<void>;
      };
      await core.ready();
      await core.clear(from, from + 4);
      await core.close();
      await store.close();
      const { depot, peer } = await world.seeder(name);
      assert.deepEqual(await depot.held([ref]), [4 * CHUNK]);
      peers.push(peer);
    }
    const one = await world.depot('half-one', { timeout: 1500 });
    await one.addPeers(peers.slice(0, 1));
    await assert.rejects(one.fetch([ref]), (error) => {
      assert.ok(code('BLOCKS_MISSING')(error));
      assert.deepEqual((error as { data: { missing: unknown } }).data.missing, [
        { core: ref.key, blocks: [[4, 8]], count: 4 },
      ]);
      return true;
    });
    assert.deepEqual(await one.held([ref]), [4 * CHUNK]);
    await one.addPeers(peers.slice(1));
    await one.fetch([ref]);
    assert.ok(bytes.equals(await collect(one.source(ref).read(0, bytes.length))));
  });

  test('a core published while somebody waits for it arrives', LIMIT, async () => {
    const { depot: seeder, peer } = await world.seeder('late-seeder');
    const bytes = randomBytes(CHUNK + 1);
    const ref = await (await world.depot('late-source', { offline: true })).putStaticBytes(bytes);
    const client = await world.depot('late-client', { timeout: 20_000 });
    await client.addPeers([peer]);
    const waiting = client.fetch([ref]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await seeder.putStaticBytes(bytes);
    await waiting;
  });

  test('a seeder that comes late is found: by DHT and by address', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const bytes = randomBytes(CHUNK);
    const first = await world.depot('tardy-seeder', { offline: true });
    const ref = await first.putStaticBytes(bytes);
    const key = await first.createLog('main');
    await first.close();
    const byDht = await world.depot('tardy-dht', { bootstrap, timeout: 20_000 });
    await byDht.join([key]);
    const waiting = byDht.fetch([ref]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const seeder = await world.depot('tardy-seeder', { bootstrap, listen: { host: '127.0.0.1', port: 0 } });
    await seeder.join([key]);
    await waiting;
    const { host, port } = listening(await seeder.status());
    await seeder.close();

    const byDial = await world.depot('tardy-dial', { timeout: 40_000 }); // who waits longer gets more
    await byDial.addPeers([{ key: seeder.publicKey, host, port }]);
    const dialling = byDial.fetch([ref]);
    await new Promise((resolve) => setTimeout(resolve, 6000));
    await world.depot('tardy-seeder', { listen: { host, port } });
    await dialling;
  });

  test('a log grows: appended blocks are seen by those who ask and by those who follow', LIMIT, async () => {
    const { depot: writer, peer } = await world.seeder('log-writer');
    const key = await writer.createLog('main');
    const log = await writer.openLog(key);
    await log.append([Buffer.from('a')]);
    const reader = await world.depot('log-reader');
    await reader.addPeers([peer]);
    const copy = await reader.openLog(key);
    assert.equal(copy.writable, false);
    assert.deepEqual(await copy.refresh(), { length: 1, peers: 1 });
    await log.append([Buffer.from('b'), Buffer.from('c')]);
    assert.deepEqual(await copy.refresh(), { length: 3, peers: 1 });
    assert.equal((await copy.get(2)).toString(), 'c');
    await assert.rejects(copy.append([Buffer.from('no')]), code('PERMISSION'));
    await assert.rejects(copy.get(9, { timeout: 700 }), code('BLOCKS_MISSING'));

    // a serving node that joined holds new blocks without being asked, and passes them on when the writer is gone
    const { depot: mirror, peer: mirrorPeer } = await world.seeder('log-mirror');
    await mirror.addPeers([peer]);
    await mirror.join([key]);
    await log.append([Buffer.from('d')]);
    const mirrored = await mirror.openLog(key, { offline: true });
    for (let i = 0; i < 100 && mirrored.length < 4; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await writer.close();
    assert.equal((await mirrored.get(0)).toString() + (await mirrored.get(3)).toString(), 'ad');
    const late = await world.depot('log-late');
    await late.addPeers([mirrorPeer]);
    const lateLog = await late.openLog(key);
    assert.equal((await lateLog.refresh()).length, 4);
    assert.equal((await lateLog.get(3)).toString(), 'd');
    // without anybody to ask, what is known is the answer
    const alone = await world.depot('log-alone', { timeout: 1000 });
    const { silence, ...nothing } = await (await alone.openLog(key)).refresh();
    assert.deepEqual(nothing, { length: 0, peers: 0 });
    assert.equal(silence?.reason, 'nobody-known');
  });

  test('addresses that cannot be listened on are refused at once', LIMIT, async () => {
    const { peer } = await world.seeder('listener');
    await assert.rejects(
      openDepot({ home: world.path('second'), bootstrap: [], listen: { host: peer.host, port: peer.port } }),
      code('ADDRESS_IN_USE'),
    );
    await assert.rejects(
      openDepot({ home: world.path('second'), bootstrap: [], listen: { host: '192.0.2.1', port: 0 } }),
      code('BAD_ADDRESS'),
    );
    await assert.rejects(
      openDepot({ home: world.path('second'), bootstrap: [], listen: { host: '::1', port: 0 } }),
      code('BAD_ADDRESS'),
    );
    for (const host of ['224.0.0.1', '255.255.255.255', '127.255.255.255', 'no-such-host.invalid'])
      await assert.rejects(startBootstrap({ host }), code('BAD_ADDRESS'), host);
    const node = await startBootstrap();
    await assert.rejects(startBootstrap(node.address), code('ADDRESS_IN_USE'));
    await node.close();
    const depot = await world.depot('second', { listen: { host: 'localhost', port: 0 } });
    assert.equal(listening(await depot.status()).host, '127.0.0.1');
  });
});

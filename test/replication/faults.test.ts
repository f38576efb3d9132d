/// <reference path="../../replication/holepunch.d.ts" />
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type Hypercore from 'hypercore';
import type { Connection } from 'hypercore';
import crypto from 'hypercore-crypto';
import HyperDHT from 'hyperdht';
import {
  decodeCoreKey,
  encodeCoreKey,
  limits,
  type CoreRef,
  type GtpkgError,
  type PeerAddress,
} from '../../model/index.js';
import { openStore } from '../../replication/store.js';
import { code, collect, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
const LIMIT = { timeout: 60_000 };
let world: World;

describe('peers that fail, lie and die', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  /** A seeder that holds `bytes` under their key, some of its stored blocks changed: it serves them in good faith. */
  async function corruptSeeder(
    name: string,
    bytes: Uint8Array,
    blocks: readonly number[],
  ): Promise<PeerAddress> {
    const holder = await world.depot(name, { offline: true });
    const ref = await holder.putStaticBytes(bytes);
    await holder.close();
    const store = await openStore(world.path(name));
    const core = store.get({ key: decodeCoreKey(ref.key), active: false });
    await core.ready();
    const { storage } = core.core as unknown as {
      storage: { write(): { putBlock(index: number, value: Uint8Array): void; flush(): Promise<void> } };
    };
    const batch = storage.write();
    for (const index of blocks) {
      const block = Buffer.from(bytes.subarray(index * CHUNK, (index + 1) * CHUNK));
      block[11] = (block[11] ?? 0) ^ 0x40;
      batch.putBlock(index, block);
    }
    await batch.flush();
    await core.close();
    await store.close();
    return (await world.seeder(name)).peer;
  }

  /** A peer of our own making at the other end of real connections. */
  async function strangePeer(onconnection: (connection: Connection) => void): Promise<PeerAddress> {
    const dht = new HyperDHT({
      bootstrap: [],
      host: '127.0.0.1',
      port: [0, 0],
      firewalled: false,
      ephemeral: false,
    });
    const server = (
      dht as unknown as {
        createServer(listener: (connection: Connection) => void): {
          listen(): Promise<unknown>;
          publicKey: Buffer;
        };
      }
    ).createServer((connection) => {
      connection.on('error', () => undefined);
      onconnection(connection);
    });
    await server.listen();
    world.atEnd(() => dht.destroy()); // not by force: its server would go on announcing for minutes
    const address = dht.address();
    assert.ok(address);
    return { key: encodeCoreKey(server.publicKey), host: '127.0.0.1', port: address.port };
  }

  /** A peer that has everything and answers no request. */
  async function mutePeer(name: string, bytes: Uint8Array): Promise<PeerAddress> {
    const holder = await world.depot(name, { offline: true });
    const ref = await holder.putStaticBytes(bytes);
    await holder.close();
    const store = await openStore(world.path(name));
    world.atEnd(() => store.close());
    const core = store.get({ key: decodeCoreKey(ref.key) });
    await core.ready();
    core.on('peer-add', (peer) => Object.assign(peer, { onrequest: () => Promise.resolve() }));
    return strangePeer((connection) => void store.replicate(connection));
  }

  async function whole(name: string, bytes: Uint8Array): Promise<{ ref: CoreRef; peer: PeerAddress }> {
    const { depot, peer } = await world.seeder(name);
    return { ref: await depot.putStaticBytes(bytes), peer };
  }

  function within(milliseconds: number, started: number): void {
    const took = performance.now() - started;
    assert.ok(took < milliseconds, `took ${Math.round(took)} ms`);
  }

  test('corrupt block: a corrupting peer alone is refused, and nothing of it is kept', LIMIT, async () => {
    const bytes = randomBytes(6 * CHUNK);
    const peer = await corruptSeeder('corrupt-alone', bytes, [0, 1, 2, 3, 4, 5]);
    const ref = await (await world.depot('corrupt-ref', { offline: true })).putStaticBytes(bytes);
    const client = await world.depot('corrupt-client', { timeout: 4000 });
    await client.addPeers([peer]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('PEER_CORRUPT'));
    within(9000, started);
    assert.deepEqual(await client.held([ref]), [0]);
    const [status] = (await client.status()).peers;
    assert.ok((status?.badBlocks ?? 0) >= limits.MAX_BAD_BLOCKS);
    assert.equal(status?.refused, true);
    assert.equal(status?.connected, false);
    // it is remembered by the next command, until the user says otherwise
    await client.close();
    const next = await world.depot('corrupt-client', { timeout: 1500 });
    await assert.rejects(next.fetch([ref]), code('NO_PEER'));
    assert.ok((await next.peers())[0]?.refusedUntil);
    // and a good peer completes it
    const good = await whole('corrupt-good', bytes);
    await next.addPeers([good.peer]);
    await next.fetch([ref]);
    assert.ok(bytes.equals(await collect(next.source(ref).read(0, bytes.length))));
    await next.addPeers([peer]);
    const forgiven = async (): Promise<boolean> =>
      (await next.status()).peers.some((each) => each.key === peer.key && each.connected);
    for (let i = 0; i < 50 && !(await forgiven()); i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(await forgiven());
  });

  test(
    'corrupt block: with a good peer the download completes, one corrupt block or all of them',
    LIMIT,
    async () => {
      for (const [name, blocks] of [
        ['one', [2]],
        ['all', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
      ] as const) {
        const bytes = randomBytes(10 * CHUNK);
        const bad = await corruptSeeder(`mixed-bad-${name}`, bytes, blocks);
        const good = await whole(`mixed-good-${name}`, bytes);
        const client = await world.depot(`mixed-client-${name}`);
        await client.addPeers([bad, good.peer]);
        const started = performance.now();
        await client.fetch([good.ref]);
        within(10_000, started);
        assert.ok(bytes.equals(await collect(client.source(good.ref).read(0, bytes.length))));
      }
    },
  );

  test('corrupt block of a single-block core, alone', LIMIT, async () => {
    const bytes = randomBytes(1000);
    const peer = await corruptSeeder('single-bad', bytes, [0]);
    const ref = await (await world.depot('single-ref', { offline: true })).putStaticBytes(bytes);
    const client = await world.depot('single-client', { timeout: 2500 });
    await client.addPeers([peer]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('PEER_CORRUPT'));
    within(6000, started);
    assert.deepEqual(await client.held([ref]), [0]);
  });

  test('a corrupt block of an index core is refused', LIMIT, async () => {
    const writer = await world.depot('badlog', { offline: true });
    const key = await writer.createLog('main');
    const log = await writer.openLog(key);
    await log.append([Buffer.from('honest')]);
    await log.close();
    await writer.close();
    const store = await openStore(world.path('badlog'));
    const core = store.get({ key: decodeCoreKey(key), active: false });
    await core.ready();
    const { storage } = core.core as unknown as {
      storage: { write(): { putBlock(index: number, value: Uint8Array): void; flush(): Promise<void> } };
    };
    const batch = storage.write();
    batch.putBlock(0, Buffer.from('forged'));
    await batch.flush();
    await core.close();
    await store.close();
    const { peer } = await world.seeder('badlog');
    const client = await world.depot('badlog-client', { timeout: 2500 });
    await client.addPeers([peer]);
    const copy = await client.openLog(key);
    await copy.refresh();
    await assert.rejects(copy.get(0), code('PEER_CORRUPT'));
  });

  test('a peer that claims everything and answers nothing costs only itself', LIMIT, async () => {
    const bytes = randomBytes(5 * CHUNK);
    const mute = await mutePeer('mute', bytes);
    const ref = await (await world.depot('mute-ref', { offline: true })).putStaticBytes(bytes);
    const alone = await world.depot('mute-alone', { timeout: 3000 });
    await alone.addPeers([mute]);
    const started = performance.now();
    await assert.rejects(alone.fetch([ref]), code('BLOCKS_MISSING'));
    within(7000, started);

    const good = await whole('mute-good', bytes);
    const client = await world.depot('mute-client');
    await client.addPeers([mute, good.peer]);
    const again = performance.now();
    await client.fetch([ref]);
    within(9000, again);
  });

  test('a peer that accepts the connection and speaks nothing', LIMIT, async () => {
    const silent = await strangePeer(() => undefined);
    const ref = await (await world.depot('silent-ref', { offline: true })).putStaticBytes(randomBytes(9));
    const client = await world.depot('silent-client', { timeout: 2000 });
    await client.addPeers([silent]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('BLOCKS_MISSING'));
    const log = await client.openLog(encodeCoreKey(randomBytes(32)));
    assert.deepEqual(await log.refresh(), { length: 0, peers: 0 });
    await assert.rejects(log.get(0), code('BLOCKS_MISSING'));
    within(9000, started);
  });

  test('a thousand connections: no more than the bound are kept', LIMIT, async () => {
    const { depot, peer } = await world.seeder('crowded');
    const dht = new HyperDHT({ bootstrap: [], host: '127.0.0.1', port: [0, 0] });
    world.atEnd(() => dht.destroy());
    let open = 0;
    const crowd = Array.from({ length: limits.MAX_CONNECTIONS + 20 }, () =>
      dht
        .connect(decodeCoreKey(peer.key), { keyPair: crypto.keyPair(), relayAddresses: [peer] })
        .on('error', () => undefined)
        .once('open', () => open++),
    );
    const connected = async (): Promise<number> =>
      (await depot.status()).peers.filter((each) => each.connected).length;
    for (let i = 0; i < 100 && (open < crowd.length || (await connected()) < limits.MAX_CONNECTIONS); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await connected(), limits.MAX_CONNECTIONS);
    for (const connection of crowd) connection.destroy();
    for (let i = 0; i < 50 && (await connected()) > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(await connected(), 0);
  });

  test(
    'equivocation: two index cores signed with one key; the proof is kept and the log not used',
    LIMIT,
    async () => {
      const keyPair = crypto.keyPair();
      const peers: PeerAddress[] = [];
      let key = encodeCoreKey(randomBytes(32));
      for (const [name, blocks] of [
        ['truth', ['a', 'b']],
        ['lie', ['a', 'B', 'C', 'D']],
      ] as const) {
        const store = await openStore(world.path(`equivocation-${name}`));
        const core = (store as unknown as { get(options: { keyPair: unknown }): Hypercore }).get({ keyPair });
        await core.ready();
        await core.append(blocks.map((text) => Buffer.from(text)));
        key = encodeCoreKey(core.key);
        await core.close();
        await store.close();
        peers.push((await world.seeder(`equivocation-${name}`)).peer);
      }
      const reader = await world.depot('equivocation-reader', { timeout: 3000 });
      await reader.addPeers(peers.slice(0, 1));
      const log = await reader.openLog(key);
      assert.equal((await log.refresh()).length, 2);
      assert.equal((await log.get(1)).toString(), 'b');
      await reader.addPeers(peers.slice(1));
      await assert.rejects(async () => {
        for (let i = 0; i < 10; i++) await log.refresh({ timeout: 1000 });
      }, code('INDEX_EQUIVOCATION'));
      await assert.rejects(log.get(1), code('INDEX_EQUIVOCATION'));
      let text = '';
      for (let i = 0; i < 20 && text === ''; i++) {
        text = await readFile(world.path(`equivocation-reader/evidence/${key}.json`), 'utf8').catch(() => '');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const proof = JSON.parse(text) as { format: string; core: string; length: number };
      assert.equal(proof.format, 'gtpkg-equivocation 1');
      assert.equal(proof.core, key);
      await reader.close();
      const next = await world.depot('equivocation-reader', { offline: true });
      assert.equal((await (await next.openLog(key)).get(1)).toString(), 'b');
    },
  );

  test('nobody there: wrong address, dead bootstrap node, no network wanted', LIMIT, async () => {
    const ref = await (await world.depot('nobody-ref', { offline: true })).putStaticBytes(randomBytes(9));
    const nobody = { key: encodeCoreKey(randomBytes(32)), host: '127.0.0.1', port: 1 };
    const stale = await world.depot('nobody-stale', { timeout: 2000 });
    await stale.addPeers([nobody]);
    let started = performance.now();
    await assert.rejects(stale.fetch([ref]), code('NO_PEER'));
    within(4000, started);

    const lost = await world.depot('nobody-lost', {
      timeout: 2000,
      bootstrap: [{ host: '127.0.0.1', port: 1 }],
      server: true,
    });
    await lost.join([nobody.key]);
    started = performance.now();
    await assert.rejects(lost.fetch([ref]), (error) => {
      assert.ok(code('NO_PEER')(error));
      assert.equal((error as GtpkgError).data['dht'], 'silent');
      return true;
    });
    await assert.rejects((await lost.openLog(nobody.key)).get(0), code('NO_PEER'));
    await lost.close();
    within(9000, started);

    const offline = await world.depot('nobody-offline', { offline: true });
    await offline.join([nobody.key]);
    started = performance.now();
    await assert.rejects(offline.fetch([ref]), code('OFFLINE'));
    await assert.rejects((await offline.openLog(nobody.key)).get(0), code('OFFLINE'));
    within(1000, started);

    const signal = AbortSignal.timeout(300);
    started = performance.now();
    await assert.rejects(stale.fetch([ref], { signal, timeout: 30_000 }), code('TIMEOUT'));
    within(2000, started);
  });

  test('a right block of another core, and a key with another size, are refused', LIMIT, async () => {
    const { depot: seeder, peer } = await world.seeder('mismatch-seeder');
    const ref = await seeder.putStaticBytes(randomBytes(2 * CHUNK));
    const log = await seeder.createLog('main');
    const opened = await seeder.openLog(log);
    await opened.append([Buffer.from('x')]);
    const client = await world.depot('mismatch-client', { timeout: 3000 });
    await client.addPeers([peer]);
    for (const wrong of [
      { ...ref, byteLength: ref.byteLength - 1 },
      { ...ref, byteLength: 9 * CHUNK },
      { key: log, byteLength: 1 },
    ]) {
      await assert.rejects(client.fetch([wrong]), code('CORE_MISMATCH'));
    }
    await assert.rejects(client.fetch([ref, { ...ref, byteLength: 5 }]), code('CORE_MISMATCH'));
    await assert.rejects(client.openLog(ref.key), code('CORE_MISMATCH'));
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
          assert.ok(Number((error as GtpkgError).data['blocks']) > 0);
          return true;
        },
      );
      const [held = 0] = await client.held([ref]);
      assert.ok(held > 0 && held < bytes.length);
    },
  );

  test('an index core that was cut short and written anew is not followed', LIMIT, async () => {
    const { depot: writer, peer } = await world.seeder('fork-writer');
    const key = await writer.createLog('main');
    const log = await writer.openLog(key);
    await log.append([Buffer.from('a'), Buffer.from('b')]);
    const { depot: reader, peer: readerPeer } = await world.seeder('fork-reader');
    await reader.addPeers([peer]);
    const copy = await reader.openLog(key);
    assert.equal((await copy.refresh()).length, 2);
    assert.equal((await copy.get(1)).toString(), 'b');
    await copy.close();
    await log.close();
    await writer.close();

    const store = await openStore(world.path('fork-writer'));
    const core = store.get({ key: decodeCoreKey(key) });
    await core.ready();
    await core.truncate(1);
    await core.append([Buffer.from('B'), Buffer.from('C'), Buffer.from('D')]);
    assert.equal(core.fork, 1);
    await core.close();
    await store.close();
    const { depot: forked, peer: forkedPeer } = await world.seeder('fork-writer');
    const again = await forked.openLog(key);
    assert.equal(again.length, 4);

    // both when we ask for it and when the core is open only because the forker asks for it
    await reader.addPeers([forkedPeer]);
    const after = await reader.openLog(key);
    assert.equal((await after.refresh({ timeout: 1500 })).length, 2);
    await after.close();
    await forked.addPeers([readerPeer]);
    await again.refresh({ timeout: 1500 });
    const last = await reader.openLog(key, { offline: true });
    assert.equal(last.length, 2);
    assert.equal((await last.get(1)).toString(), 'b');
  });
});

/// <reference path="../../replication/holepunch.d.ts" />
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type Hypercore from 'hypercore';
import crypto from 'hypercore-crypto';
import { decodeCoreKey, encodeCoreKey, limits, type PeerAddress } from '../../model/index.js';
import { openStore } from '../../replication/store.js';
import { corruptSeeder, whole, within } from './evil.js';
import { code, collect, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
const LIMIT = { timeout: 120_000 };
let world: World;

describe('peers that lie', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('corrupt block: a corrupting peer alone is refused, and nothing of it is kept', LIMIT, async () => {
    const bytes = randomBytes(6 * CHUNK);
    const peer = await corruptSeeder(world, 'corrupt-alone', bytes, [0, 1, 2, 3, 4, 5]);
    const ref = await (await world.depot('corrupt-ref', { offline: true })).putStaticBytes(bytes);
    const client = await world.depot('corrupt-client', { timeout: 4000 });
    await client.addPeers([peer]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('PEER_CORRUPT'));
    within(15_000, started);
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
    const good = await whole(world, 'corrupt-good', bytes);
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
        const bad = await corruptSeeder(world, `mixed-bad-${name}`, bytes, blocks);
        const good = await whole(world, `mixed-good-${name}`, bytes);
        const client = await world.depot(`mixed-client-${name}`);
        await client.addPeers([bad, good.peer]);
        const started = performance.now();
        await client.fetch([good.ref]);
        within(15_000, started);
        assert.ok(bytes.equals(await collect(client.source(good.ref).read(0, bytes.length))));
      }
    },
  );

  test('corrupt block of a single-block core, alone', LIMIT, async () => {
    const bytes = randomBytes(1000);
    const peer = await corruptSeeder(world, 'single-bad', bytes, [0]);
    const ref = await (await world.depot('single-ref', { offline: true })).putStaticBytes(bytes);
    const client = await world.depot('single-client', { timeout: 2500 });
    await client.addPeers([peer]);
    const started = performance.now();
    await assert.rejects(client.fetch([ref]), code('PEER_CORRUPT'));
    within(15_000, started);
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

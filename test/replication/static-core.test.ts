/// <reference path="../../replication/holepunch.d.ts" />
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import Corestore from 'corestore';
import fc from 'fast-check';
import { decodeCoreKey, encodeCoreKey, limits, type CoreKey } from '../../model/index.js';
import { coreSource } from '../../replication/core-source.js';
import { openStore } from '../../replication/store.js';
import {
  bytesReader,
  heldBytes,
  measure,
  openFile,
  putStatic,
  type BlockReader,
} from '../../replication/static-core.js';
import { code, collect, World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;
let world: World;
let store: Corestore;

describe('static cores', () => {
  before(async () => {
    world = await World.create();
    store = await openStore(world.path('home'));
    world.atEnd(() => store.close());
  });
  after(() => world.close());

  test('the same bytes have the same key in every store, and read back', async () => {
    const other = await openStore(world.path('other'));
    world.atEnd(() => other.close());
    const bytes = randomBytes(3 * CHUNK + 17);
    const path = await world.file('content', bytes);
    const file = await openFile(path);
    const first = await putStatic(store, file).finally(() => file.close());
    const second = await putStatic(other, bytesReader(bytes));
    assert.deepEqual(first, second);
    assert.equal(first.byteLength, bytes.length);
    assert.notEqual(first.key, (await putStatic(store, bytesReader(bytes.subarray(1)))).key);
    assert.deepEqual(await collect(coreSource(other, second).read(0, bytes.length)), bytes);
  });

  test('the key is the one that hypercore itself computes', async () => {
    const judge = new Corestore(world.path('judge'));
    world.atEnd(() => judge.close());
    for (const size of [
      1,
      CHUNK - 1,
      CHUNK,
      CHUNK + 1,
      2 * CHUNK,
      5 * CHUNK + 9,
      7 * CHUNK,
      13 * CHUNK + 1,
    ]) {
      const bytes = randomBytes(size);
      const draft = judge.get({ name: `draft ${size}` });
      await draft.ready();
      const blocks: Buffer[] = [];
      for (let at = 0; at < size; at += CHUNK) blocks.push(bytes.subarray(at, at + CHUNK));
      await draft.append(blocks);
      const staticify = judge as unknown as { staticify(core: unknown): Promise<{ key: Buffer }> };
      const { key } = await staticify.staticify(draft);
      assert.equal((await measure(bytesReader(bytes))).key, encodeCoreKey(key), `${size} bytes`);
    }
  });

  test('any range reads what was stored', async () => {
    const bytes = randomBytes(4 * CHUNK + 1234);
    const ref = await putStatic(store, bytesReader(bytes));
    const source = coreSource(store, ref);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(bytes.length), async (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        assert.ok(bytes.subarray(start, end).equals(await collect(source.read(start, end - start))));
      }),
      { numRuns: 60 },
    );
    for (const [offset, length] of [
      [0, bytes.length + 1],
      [-1, 2],
      [bytes.length, 1],
      [0.5, 1],
      [Number.NaN, 1],
    ] as const) {
      await assert.rejects(collect(source.read(offset, length)), code('CORE_MISMATCH'));
    }
    assert.equal((await collect(source.read(bytes.length, 0))).length, 0);
  });

  test('what is here whole is read without being opened; a block that was given up is missing', async () => {
    const bytes = randomBytes(3 * CHUNK + 7);
    const ref = await putStatic(store, bytesReader(bytes));
    // opened in a store of its own, where nothing of it can be open still
    const home = world.path('opened');
    const own = await openStore(home);
    await putStatic(own, bytesReader(bytes));
    await own.close();
    const again = await openStore(home);
    let opened = 0;
    again.watch(() => opened++);
    try {
      const source = coreSource(again, ref);
      assert.ok(bytes.equals(await collect(source.read(0, bytes.length))));
      const some = await Promise.all([0, 1, 2].map((at) => collect(source.read(at * CHUNK + 5, 1000))));
      some.forEach((part, at) => assert.ok(part.equals(bytes.subarray(at * CHUNK + 5, at * CHUNK + 1005))));
      assert.equal(opened, 0);
      const core = again.get({ key: decodeCoreKey(ref.key) });
      await core.ready();
      await core.clear(1, 2);
      await core.close();
      await assert.rejects(collect(source.read(0, bytes.length)), code('BLOCKS_MISSING'));
      assert.ok(bytes.subarray(2 * CHUNK).equals(await collect(source.read(2 * CHUNK, CHUNK + 7))));
      assert.equal(opened, 1);
    } finally {
      await again.close();
    }
  });

  test('storing what is held changes nothing', async () => {
    const bytes = randomBytes(2 * CHUNK);
    const ref = await putStatic(store, bytesReader(bytes));
    let reads = 0;
    const reader: BlockReader = {
      byteLength: bytes.length,
      block: (index) => (reads++, bytesReader(bytes).block(index)),
    };
    assert.deepEqual(await putStatic(store, reader), ref);
    assert.equal(reads, 2, 'the second pass did not happen');
  });

  test('content that changes between the passes is never stored under the key', async () => {
    const bytes = randomBytes(4 * CHUNK);
    const { key } = await measure(bytesReader(bytes));
    let reads = 0;
    const changing: BlockReader = {
      byteLength: bytes.length,
      block: async (index) => {
        const block = Buffer.from(await bytesReader(bytes).block(index));
        if (reads++ >= 4 && index === 2) block[7] = (block[7] ?? 0) ^ 1;
        return block;
      },
    };
    await assert.rejects(putStatic(store, changing), code('IO_ERROR'));
    const ref = { key, byteLength: bytes.length };
    assert.deepEqual(await heldBytes(store, [ref]), [3 * CHUNK]);
    await assert.rejects(collect(coreSource(store, ref).read(0, bytes.length)), code('BLOCKS_MISSING'));
    assert.deepEqual(await collect(coreSource(store, ref).read(3 * CHUNK, CHUNK)), bytes.subarray(3 * CHUNK));
    // the half written core is completed by the next attempt
    assert.deepEqual(await putStatic(store, bytesReader(bytes)), ref);
    assert.deepEqual(await heldBytes(store, [ref]), [bytes.length]);
    assert.deepEqual(await collect(coreSource(store, ref).read(0, bytes.length)), bytes);
  });

  test('a file cut short between the passes is refused', async () => {
    const bytes = randomBytes(3 * CHUNK);
    let reads = 0;
    const shrinking: BlockReader = {
      byteLength: bytes.length,
      block: async (index) => (reads++ < 4 ? bytesReader(bytes).block(index) : Buffer.alloc(5)),
    };
    await assert.rejects(putStatic(store, shrinking), code('IO_ERROR'));
  });

  test('what cannot be a core is refused with a reason', async () => {
    await assert.rejects(openFile(world.path('nowhere')), code('FILE_NOT_FOUND'));
    await assert.rejects(openFile(world.directory), code('USAGE'));
    await assert.rejects(openFile(await world.file('empty', Buffer.alloc(0))), code('USAGE'));
    assert.throws(() => bytesReader(Buffer.alloc(0)), code('USAGE'));
  });

  test('what is not held, or announced with another size, is not read', async () => {
    const bytes = randomBytes(CHUNK + 5);
    const ref = await putStatic(store, bytesReader(bytes));
    const stranger = { key: encodeCoreKey(randomBytes(32)), byteLength: 10 };
    await assert.rejects(collect(coreSource(store, stranger).read(0, 10)), code('BLOCKS_MISSING'));
    assert.deepEqual(await heldBytes(store, [stranger]), [0]);
    for (const byteLength of [bytes.length - 1, bytes.length + 1, 9 * CHUNK]) {
      await assert.rejects(
        collect(coreSource(store, { ...ref, byteLength }).read(0, 5)),
        code('CORE_MISMATCH'),
      );
    }
    const log = store.get({ name: 'a log' });
    await log.ready();
    await log.append([Buffer.from('not static')]);
    const key: CoreKey = encodeCoreKey(log.key);
    await assert.rejects(
      collect(coreSource(store, { key, byteLength: 10 }).read(0, 5)),
      code('CORE_MISMATCH'),
    );
    await log.close();
  });
});

/// <reference path="../../replication/holepunch.d.ts" />
/**
 * The control channel between peers: what is told, and what happens to those who break its rules.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Connection, Channel } from 'hypercore';
import { encodeCoreKey, limits, type CoreKey } from '../../model/index.js';
import { mayTell } from '../../replication/address.js';
import { join, peers } from '../../replication/exchange.js';
import { hello } from '../../replication/hello.js';
import { Allowance, TALK_PROTOCOL } from '../../replication/talk.js';
import { strangePeer } from './evil.js';
import { until, World } from './world.js';

const LIMIT = { timeout: 60_000 };
const topic = randomBytes(32).toString('hex');
let world: World;

/** A peer that opens the control channel and says what it is given, as it is given. */
async function rudePeer(
  say: (channel: Channel, connection: Connection) => void,
): ReturnType<typeof strangePeer> {
  const { default: Protomux } = await import('protomux');
  return strangePeer(world, (connection) => {
    const channel = Protomux.from(connection).createChannel({
      protocol: TALK_PROTOCOL,
      messages: Array.from({ length: limits.TALK_KINDS }, () => ({ onmessage: () => undefined })),
    });
    assert.ok(channel);
    channel.open();
    say(channel, connection);
  });
}

/** Connects to a rude peer and tells how the connection ends. */
async function cutOff(name: string, say: (channel: Channel) => void): Promise<void> {
  let closed = false;
  const peer = await rudePeer((channel, connection) => {
    connection.on('close', () => (closed = true));
    say(channel);
  });
  const depot = await world.depot(name);
  await depot.addPeers([peer]);
  await until(() => closed);
  await depot.close();
}

const greeting = hello.encode({ version: 1, stays: false, port: 0 });

describe('the control channel', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('messages survive encoding', () => {
    const list = [{ key: encodeCoreKey(randomBytes(32)), host: '192.0.2.7', port: 49737 }];
    assert.deepEqual(peers.decode(Buffer.from(peers.encode(list))), list);
    assert.deepEqual(join.decode(Buffer.from(join.encode([topic]))), [topic]);
    assert.deepEqual(hello.decode(Buffer.from(hello.encode({ version: 3, stays: true, port: 80 }))), {
      version: 3,
      stays: true,
      port: 80,
    });
    assert.throws(() => peers.decode(Buffer.alloc(39)));
    assert.throws(() => peers.decode(Buffer.alloc(38)), 'port 0');
    assert.throws(() => join.decode(Buffer.alloc(31)));
    assert.throws(() => hello.decode(Buffer.alloc(3)));
  });

  test('addresses are told only to those they can serve, and never from outside into a network', () => {
    assert.ok(mayTell('127.0.0.1', '127.0.0.1') && mayTell('127.0.0.1', '192.168.1.1'));
    assert.ok(mayTell('10.0.0.1', '192.168.1.1') && mayTell('8.8.8.8', '9.9.9.9'));
    assert.ok(
      !mayTell('8.8.8.8', '10.0.0.1') &&
        !mayTell('8.8.8.8', '127.0.0.1') &&
        !mayTell('10.0.0.1', '127.0.0.2'),
    );
    assert.ok(!mayTell('127.0.0.1', '224.0.0.1') && !mayTell('127.0.0.1', '0.0.0.0'));
  });

  test('an allowance fills again with time, never beyond its burst', () => {
    let now = 0;
    const allowance = new Allowance({ burst: 2, every: 100 }, () => now);
    assert.deepEqual([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
    now = 99;
    assert.equal(allowance.take(), false);
    now = 101;
    assert.deepEqual([allowance.take(), allowance.take()], [true, false]);
    now = 100_000;
    assert.deepEqual([allowance.take(), allowance.take(), allowance.take()], [true, true, false]);
  });

  test('peer floods control messages: cut off', LIMIT, () =>
    cutOff('flood', (channel) => {
      channel.messages[0]?.send(greeting);
      for (let i = 0; i < 1000; i++) channel.messages[1]?.send(join.encode([topic]));
    }),
  );

  test('peer floods messages of a kind that nobody knows: cut off', LIMIT, () =>
    cutOff('flood-unknown', (channel) => {
      channel.messages[0]?.send(greeting);
      for (let i = 0; i < 1000; i++) channel.messages[15]?.send(Buffer.alloc(1));
    }),
  );

  test('a message too large, a malformed one, one before hello, hello twice: cut off', LIMIT, async () => {
    const large = peers.encode(
      Array.from({ length: limits.MAX_EXCHANGED + 1 }, () => ({
        key: encodeCoreKey(randomBytes(32)),
        host: '127.0.0.1',
        port: 9,
      })),
    );
    for (const [name, messages] of [
      ['large', [greeting, , large]],
      ['malformed', [greeting, Buffer.alloc(31)]],
      ['early', [, join.encode([topic])]],
    ] as const) {
      await cutOff(name, (channel) => {
        for (const [id, bytes] of messages.entries())
          if (bytes !== undefined) channel.messages[id]?.send(bytes);
      });
    }
    await cutOff('twice', (channel) => {
      for (let i = 0; i < 2; i++) channel.messages[0]?.send(greeting);
    });
  });

  test('kinds of a later version are skipped', LIMIT, async () => {
    let alive = true;
    let told = 0;
    const peer = await rudePeer((channel, connection) => {
      connection.on('close', () => (alive = false));
      channel.messages[0]?.send(Buffer.concat([greeting, Buffer.from('and more')]));
      channel.messages[14]?.send(Buffer.from('the future'));
      channel.messages[1]?.send(join.encode([topic]));
      told++;
    });
    const depot = await world.depot('later');
    await depot.addPeers([peer]);
    await until(() => told === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(alive);
    await depot.close();
  });

  test('clients that know one seeder find each other', LIMIT, async () => {
    const { depot: seeder, peer } = await world.seeder('hub');
    const key = await seeder.createLog('main');
    const { depot: first, peer: firstPeer } = await world.seeder('first');
    const second = await world.depot('second');
    const stranger = await world.depot('stranger');
    for (const depot of [seeder, first, second]) await depot.join([key]);
    // the seeder reaches the first by itself, so it may tell of it
    await seeder.addPeers([firstPeer]);
    await second.addPeers([peer]);
    await stranger.addPeers([peer]);
    const connected = async (depot: typeof seeder): Promise<CoreKey[]> =>
      (await depot.status()).peers.filter((each) => each.connected).map((each) => each.key);
    await until(async () => (await connected(second)).includes(first.publicKey));
    await until(async () => (await connected(stranger)).length > 0);
    assert.deepEqual(await connected(stranger), [seeder.publicKey], 'who names no topic is told of nobody');
  });
});

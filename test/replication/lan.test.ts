/**
 * Peers on the local network, on the loopback interface of this machine: real sockets, real multicast.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeCoreKey, encodeCoreKey, limits, type CoreKey } from '../../model/index.js';
import { Lan, LAN_GROUP, LAN_PORT, type LanOptions } from '../../replication/lan.js';
import { decodeLan, encodeLan, names, tagOf } from '../../replication/lan-message.js';
import { networkOf } from '../../replication/networks.js';
import { collect, World } from './world.js';

const LIMIT = { timeout: 60_000 };
const LOOPBACK = { host: '127.0.0.1', port: 0 };
let world: World;

interface Heard {
  readonly key: CoreKey;
  readonly port: number;
}

async function node(
  secrets: readonly Uint8Array[],
  port: number | undefined,
  more: Partial<LanOptions> = {},
): Promise<{ lan: Lan; key: CoreKey; heard: Heard[]; displaced: CoreKey[] }> {
  const publicKey = randomBytes(32);
  const heard: Heard[] = [];
  const displaced: CoreKey[] = [];
  const lan = await Lan.start({
    publicKey,
    loopback: true,
    serves: () => (port === undefined ? undefined : { udp: port, tcp: 0 }),
    secrets: () => secrets,
    found: (peer) => heard.push({ key: peer.key, port: peer.port }),
    displaced: (key) => displaced.push(key),
    ...more,
  });
  world.atEnd(() => lan.close());
  return { lan, key: encodeCoreKey(publicKey), heard, displaced };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await sleep(25);
  assert.ok(condition());
}

/** Whatever is said on the loopback interface. */
async function listener(): Promise<{ socket: Socket; said: Buffer[] }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const said: Buffer[] = [];
  socket.on('message', (bytes) => said.push(bytes));
  socket.bind({ port: LAN_PORT, exclusive: false });
  await once(socket, 'listening');
  socket.addMembership(LAN_GROUP, '127.0.0.1');
  world.atEnd(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { socket, said };
}

async function shouter(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind({ address: '127.0.0.1', port: 0 });
  await once(socket, 'listening');
  socket.setMulticastInterface('127.0.0.1');
  world.atEnd(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return socket;
}

describe('peers on the local network', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('messages: one spelling, everything else is nothing', () => {
    const secrets = [randomBytes(32), randomBytes(32)];
    const message = {
      kind: 'query',
      udp: 7,
      tcp: 65_535,
      salt: randomBytes(16),
      publicKey: randomBytes(32),
    } as const;
    const bytes = encodeLan(message, secrets);
    const read = decodeLan(bytes);
    assert.ok(read);
    assert.deepEqual({ ...read, tags: undefined }, { ...message, tags: undefined });
    assert.ok(secrets.every((secret) => names(read, secret)) && !names(read, randomBytes(32)));
    for (let size = 0; size < bytes.length; size++)
      assert.equal(decodeLan(bytes.subarray(0, size)), undefined);
    assert.equal(decodeLan(Buffer.concat([bytes, Buffer.alloc(1)])), undefined);
    for (const at of [0, 7, 8, 14, 15]) {
      const bad = Buffer.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ 0x41;
      assert.equal(decodeLan(bad), undefined, `byte ${at}`);
    }
    for (let i = 0; i < 2000; i++) decodeLan(randomBytes(i % 300));
    const full = Array.from({ length: limits.MAX_LAN_TAGS }, () => randomBytes(32));
    assert.ok(encodeLan(message, full).length <= 1200, 'fits every MTU');
  });

  test('a tag says nothing of its secret and is another in each message', () => {
    const secret = randomBytes(32);
    const publicKey = randomBytes(32);
    const [one, two] = [tagOf(secret, randomBytes(16), publicKey), tagOf(secret, randomBytes(16), publicKey)];
    assert.ok(!one.equals(two) && !secret.includes(one));
    const salt = randomBytes(16);
    assert.ok(
      !tagOf(secret, salt, publicKey).equals(tagOf(secret, salt, randomBytes(32))),
      'bound to the node',
    );
  });

  test('an address is near or not', () => {
    const here = [{ address: '192.168.7.9', netmask: '255.255.252.0' }];
    assert.ok(networkOf('192.168.4.1', here) && networkOf('192.168.7.255', here));
    for (const far of ['192.168.8.1', '8.8.8.8', '192.168.7', 'fe80::1', '1.2.3.999', ''])
      assert.equal(networkOf(far, here), undefined, far);
    assert.equal(networkOf('8.8.8.8', [{ address: '10.0.0.1', netmask: '0.0.0.0' }]), undefined);
  });

  test(
    'who asks hears those who serve the same, and nobody else; a question names no server',
    LIMIT,
    async () => {
      const [ours, theirs] = [randomBytes(32), randomBytes(32)];
      const server = await node([ours], 1111);
      const stranger = await node([theirs], 2222);
      server.lan.ask();
      stranger.lan.ask();
      const client = await node([randomBytes(32), ours], undefined);
      client.lan.ask();
      await until(() => client.heard.length > 0);
      assert.deepEqual([...new Set(client.heard.map((each) => each.key))], [server.key]);
      assert.equal(client.heard[0]?.port, 1111);
      assert.deepEqual([...server.heard, ...stranger.heard], []);
      // one that comes later is heard without asking
      const late = await node([ours], 3333);
      late.lan.ask();
      await until(() => client.heard.some((each) => each.key === late.key));
      await until(() => late.heard.some((each) => each.key === server.key));
    },
  );

  test('what is said in the open names no index core', LIMIT, async () => {
    const { said } = await listener();
    const secret = randomBytes(32);
    const server = await node([secret], 4444);
    server.lan.ask();
    const own = decodeCoreKey(server.key);
    await until(() => said.some((bytes) => bytes.includes(own)));
    for (const bytes of said) assert.ok(!bytes.includes(secret) && !bytes.includes(secret.subarray(0, 8)));
  });

  test(
    'flood of forged messages: bounded in dials, memory and answers, and the node still works',
    LIMIT,
    async () => {
      const secret = randomBytes(32);
      const server = await node([secret], 5555);
      const flood = await shouter();
      let answers = 0;
      flood.on('message', () => answers++);
      const send = (): Promise<void> =>
        new Promise((resolve) => {
          const publicKey = randomBytes(32);
          const forged = encodeLan({ kind: 'announce', udp: 9, tcp: 0, salt: randomBytes(16), publicKey }, [
            secret,
          ]);
          flood.send(forged, LAN_PORT, LAN_GROUP, () => resolve());
        });
      const before = process.cpuUsage();
      for (let i = 0; i < 3000; i++) await send();
      await sleep(500);
      const { user, system } = process.cpuUsage(before);
      const dialled = new Set(server.heard.map((each) => each.key)).size;
      const { burst } = limits.LAN_MESSAGES_FROM_ONE;
      assert.ok(dialled > 0 && dialled <= burst + 30, `${dialled} dials`);
      assert.ok(dialled - server.displaced.length <= limits.MAX_CONNECTIONS_PER_HOST, 'forgotten again');
      assert.ok(answers <= burst + 30, `${answers} answers`);
      assert.ok(user + system < 20_000_000);
      // one source is quiet for a moment: it is heard again
      await sleep(2 * limits.LAN_MESSAGES_FROM_ONE.every);
      const had = server.heard.length;
      for (let i = 0; i < 40 && server.heard.length === had; i++) {
        await send();
        await sleep(250);
      }
      assert.ok(server.heard.length > had);
    },
  );

  test('two homes find each other: no DHT, no address, nothing said', LIMIT, async () => {
    const { depot: seeder } = await world.seeder('lan-seeder', { lan: true, listen: LOOPBACK });
    const bytes = randomBytes(3 * limits.RELEASE_CHUNK);
    const ref = await seeder.putStaticBytes(bytes);
    const key = await seeder.createLog('main');
    await (await seeder.openLog(key)).append([Buffer.from('first')]);
    await seeder.join([key]);
    // a node that is bound to loopback looks there; listening is how it gets bound there
    const client = await world.depot('lan-client', { lan: true, listen: LOOPBACK });
    assert.deepEqual((await client.status()).lan, ['127.0.0.1']);
    const started = performance.now();
    await client.join([key]);
    const log = await client.openLog(key);
    assert.equal((await log.refresh()).length, 1);
    await client.fetch([ref]);
    assert.ok(performance.now() - started < 15_000);
    assert.ok(bytes.equals(await collect(client.source(ref).read(0, bytes.length))));
    // nor does a DHT that never answers keep them apart
    const lost = { lan: true, bootstrap: [{ host: '127.0.0.1', port: 9 }] };
    const other = await world.depot('lan-lost', lost);
    await other.join([key]);
    const again = await other.openLog(key);
    assert.equal((await again.refresh()).length, 1);
    await other.fetch([ref]);
  });

  test('without --lan nothing is said', LIMIT, async () => {
    const { said } = await listener();
    const { depot } = await world.seeder('quiet', { listen: LOOPBACK });
    await depot.join([await depot.createLog('main')]);
    const mark = decodeCoreKey(depot.publicKey);
    await sleep(1500);
    assert.ok(said.every((bytes) => !bytes.includes(mark)));
    assert.deepEqual((await depot.status()).lan, []);
  });
});

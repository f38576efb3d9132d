/// <reference path="../../replication/holepunch.d.ts" />
/**
 * Connections over TCP beside UDX: who is at the other end, which of two stays, what is refused.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import crypto from 'hypercore-crypto';
import type { Connection } from 'hypercore';
import { encodeCoreKey, limits } from '../../model/index.js';
import type { Depot } from '../../replication/index.js';
import { secureStreams } from '../../replication/secure.js';
import { answersTcp, dialTcp, TcpServer } from '../../replication/tcp.js';
import { Swarm, type SwarmOptions } from '../../replication/swarm.js';
import { PeerBook } from '../../replication/peers.js';
import { openStore } from '../../replication/store.js';
import { code, listening, until, World } from './world.js';

const LIMIT = { timeout: 60_000 };
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const secure = secureStreams({ up: undefined, down: undefined });
let world: World;

/** A swarm without a depot around it, so that its connections can be looked at. */
async function swarm(name: string, options: Partial<SwarmOptions> = {}): Promise<Swarm> {
  const home = world.path(name);
  const store = await openStore(home);
  const book = await PeerBook.open(home);
  const swarm = await Swarm.start({
    store,
    book,
    keyPair: crypto.keyPair(),
    bootstrap: [],
    listen: LOOPBACK,
    server: true,
    ...options,
  });
  world.atEnd(async () => {
    await swarm.close();
    await book.flush();
    await store.close();
  });
  return swarm;
}

function at(swarm: Swarm): NonNullable<Swarm['listening']> {
  assert.ok(swarm.listening);
  return swarm.listening;
}

describe('TCP beside UDX', () => {
  before(async () => (world = await World.create()));
  after(() => world.close());

  test('both ends prove their keys; a wrong key is refused', LIMIT, async () => {
    const [mine, theirs, other] = [crypto.keyPair(), crypto.keyPair(), crypto.keyPair()];
    const accepted: Connection[] = [];
    const server = await TcpServer.listen(LOOPBACK, { keyPair: theirs, secure }, (each) =>
      accepted.push(each),
    );
    const address = { host: '127.0.0.1', port: server.port };
    const dial = { keyPair: mine, secure, signal: new AbortController().signal };
    const connection = await dialTcp(address, theirs.publicKey, dial);
    assert.ok(connection);
    await until(() => accepted.length === 1);
    assert.ok(accepted[0]?.remotePublicKey.equals(mine.publicKey));
    connection.destroy();
    assert.equal(await dialTcp(address, other.publicKey, dial), undefined, 'somebody else answers');
    server.close();
    assert.equal(await dialTcp(address, theirs.publicKey, dial), undefined, 'nobody answers');
    assert.equal(await answersTcp(address), false);
  });

  test(
    'who says nothing is sent away; a thousand such connections do not keep others out',
    LIMIT,
    async () => {
      const node = await swarm('patient');
      const { host, port } = at(node);
      const sockets: Socket[] = [];
      let closed = 0;
      for (let i = 0; i < 1000; i++) {
        const socket = connect({ host, port });
        socket.on('error', () => undefined).on('close', () => closed++);
        sockets.push(socket);
      }
      await until(() => closed >= 1000 - limits.MAX_HANDSHAKES);
      assert.equal(node.links.size, 0);
      await until(() => closed === 1000); // the rest after TIMEOUT.handshake
      const client = await swarm('after-flood', { listen: undefined });
      client.dial(at(node));
      await until(() => client.links.size === 1);
    },
  );

  test('a thousand connections from one peer: one stays', LIMIT, async () => {
    const node = await swarm('popular');
    const keyPair = crypto.keyPair();
    const { key, host, port } = at(node);
    const open: Connection[] = [];
    for (let round = 0; round < 20; round++) {
      const made = await Promise.all(
        Array.from({ length: 50 }, () =>
          dialTcp({ host, port }, node.publicKey, { keyPair, secure, signal: new AbortController().signal }),
        ),
      );
      for (const connection of made) if (connection !== undefined) open.push(connection);
      assert.ok(node.links.size <= 1);
    }
    assert.ok(open.length > 500, `${open.length} handshakes of ${key}`);
    await until(() => open.filter((each) => !each.destroyed).length === 1);
    assert.equal(node.links.size, 1);
  });

  test('connections beyond the limit are refused, whatever their keys', LIMIT, async () => {
    const node = await swarm('full', { maxConnections: 4 });
    const { host, port } = at(node);
    const made: Connection[] = [];
    for (let i = 0; i < 12; i++) {
      const connection = await dialTcp({ host, port }, node.publicKey, {
        keyPair: crypto.keyPair(),
        secure,
        signal: new AbortController().signal,
      });
      if (connection !== undefined) made.push(connection);
    }
    await until(() => made.filter((each) => !each.destroyed).length === 4);
    assert.equal(node.links.size, 4);
  });

  test('direct dial prefers TCP; a closed TCP port leaves UDX', LIMIT, async () => {
    const node = await swarm('both');
    const client = await swarm('direct', { listen: undefined, server: false });
    client.dial(at(node));
    await until(() => client.links.get(at(node).key)?.transport === 'tcp');
    const deaf = await swarm('deaf', { tcp: false });
    client.dial(at(deaf));
    await until(() => client.links.has(at(deaf).key));
    assert.equal(client.links.get(at(deaf).key)?.transport, 'udx');
  });

  test('a port that swallows TCP connections costs a moment, not the connection', LIMIT, async () => {
    const deaf = await swarm('swallow', { tcp: false });
    const hole = createServer();
    await new Promise<void>((resolve) => hole.listen({ ...LOOPBACK, port: at(deaf).port }, resolve));
    const client = await swarm('swallow-client', { listen: undefined, server: false });
    client.dial(at(deaf));
    await until(() => client.links.get(at(deaf).key)?.transport === 'udx');
    assert.ok((hole.address() as AddressInfo).port);
    hole.close();
  });

  test('peers that met over UDX change to TCP, and one connection stays', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const topic = encodeCoreKey(randomBytes(32));
    const [node, client] = [
      await swarm('found', { bootstrap, listen: undefined }),
      await swarm('finder', { bootstrap, listen: undefined, server: false }),
    ];
    node.join(topic);
    await node.announced();
    client.join(topic);
    await until(() => [...client.links].some((link) => link.transport === 'tcp'));
    await until(() => [...node.links].some((link) => link.transport === 'tcp'));
    assert.equal(client.links.size + node.links.size, 2);
  });

  test('both dial at once, again and again: one connection stays, the same at both ends', LIMIT, async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await swarm(`a${round}`), await swarm(`b${round}`)];
      a.dial(at(b));
      b.dial(at(a));
      await until(() => a.links.size === 1 && b.links.size === 1);
      await new Promise((resolve) => setTimeout(resolve, 600));
      const [one, two] = [[...a.links][0], [...b.links][0]];
      assert.ok(one !== undefined && two !== undefined);
      assert.equal(one.transport, 'tcp');
      assert.equal(two.transport, 'tcp');
      assert.notEqual(
        one.connection.isInitiator,
        two.connection.isInitiator,
        'the two ends of one connection',
      );
      assert.equal(
        one.connection.rawStream?.remotePort,
        (two.connection.rawStream as Socket | null)?.localPort,
      );
    }
  });

  test('a refused peer is refused over TCP too, both ways', LIMIT, async () => {
    const corrupt = await world.seeder('refused');
    const client = await world.depot('refuser', { listen: LOOPBACK });
    const book = await PeerBook.open(world.path('refuser-2'));
    book.refuse(corrupt.depot.publicKey, undefined);
    await book.flush();
    const careful = await world.depot('refuser-2', { listen: LOOPBACK });
    const peer = listening(await careful.status());
    await corrupt.depot.addPeers([peer, listening(await client.status())]);
    await until(async () => connected(client).then((count) => count === 1));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await connected(careful), 0);
  });

  test('a TCP port that is taken is said', LIMIT, async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(LOOPBACK, resolve));
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(
      world.depot('taken', { listen: { host: '127.0.0.1', port } }),
      code('ADDRESS_IN_USE'),
    );
    taken.close();
  });

  test('who cannot be reached over TCP still serves over UDX', LIMIT, async () => {
    const bootstrap = [await world.dht()];
    const topic = encodeCoreKey(randomBytes(32));
    const node = await swarm('hidden', { bootstrap, listen: undefined, tcp: false });
    const client = await swarm('hidden-client', { bootstrap, listen: undefined, tcp: false, server: false });
    node.join(topic);
    await node.announced();
    client.join(topic);
    await until(() => client.links.size === 1 && node.links.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal([...client.links][0]?.transport, 'udx');
  });
});

async function connected(depot: Depot): Promise<number> {
  return (await depot.status()).peers.filter((peer) => peer.connected).length;
}

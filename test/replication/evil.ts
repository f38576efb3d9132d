/// <reference path="../../replication/holepunch.d.ts" />
/**
 * Peers that misbehave, at the other end of real connections.
 */
import assert from 'node:assert/strict';
import type { Connection } from 'hypercore';
import HyperDHT from 'hyperdht';
import { decodeCoreKey, encodeCoreKey, limits, type CoreRef, type PeerAddress } from '../../model/index.js';
import { openStore } from '../../replication/store.js';
import type { World } from './world.js';

const CHUNK = limits.RELEASE_CHUNK;

/** A seeder that holds `bytes` under their key, some of its stored blocks changed: it serves them in good faith. */
export async function corruptSeeder(
  world: World,
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
export async function strangePeer(
  world: World,
  onconnection: (connection: Connection) => void,
): Promise<PeerAddress> {
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
export async function mutePeer(world: World, name: string, bytes: Uint8Array): Promise<PeerAddress> {
  const holder = await world.depot(name, { offline: true });
  const ref = await holder.putStaticBytes(bytes);
  await holder.close();
  const store = await openStore(world.path(name));
  world.atEnd(() => store.close());
  const core = store.get({ key: decodeCoreKey(ref.key) });
  await core.ready();
  core.on('peer-add', (peer) => Object.assign(peer, { onrequest: () => Promise.resolve() }));
  return strangePeer(world, (connection) => void store.replicate(connection));
}

export async function whole(
  world: World,
  name: string,
  bytes: Uint8Array,
): Promise<{ ref: CoreRef; peer: PeerAddress }> {
  const { depot, peer } = await world.seeder(name);
  return { ref: await depot.putStaticBytes(bytes), peer };
}

export function within(milliseconds: number, started: number): void {
  const took = performance.now() - started;
  assert.ok(took < milliseconds, `took ${Math.round(took)} ms`);
}

/// <reference path="../../replication/holepunch.d.ts" />
/**
 * A seeder in bad faith, in a process of its own: `node evil-seeder.js HOME HOW`. The real stack with a few words changed. Sends its address.
 *
 *     corrupt   every block of every large core that it holds has one bit flipped
 *     other     right blocks, but of another place: the neighbour's, so each verifies under no proof that is asked for
 *     stall     claims everything, answers a request after LATE milliseconds
 *     mute      claims everything, answers nothing
 *     silent    accepts the connection, speaks nothing
 */
import type { Connection } from 'hypercore';
import HyperDHT from 'hyperdht';
import { decodeCoreKey, encodeCoreKey, formatPeerAddress, limits } from '../../model/index.js';
import { openDepot } from '../../replication/index.js';
import { allRecords, type CoreRecord } from '../../replication/records.js';
import { openStore } from '../../replication/store.js';

export type Evil = 'corrupt' | 'other' | 'stall' | 'mute' | 'silent';

const LATE = 60_000;
const [home = '', how = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit());

type Store = Awaited<ReturnType<typeof openStore>>;

async function large(store: Store): Promise<CoreRecord[]> {
  const found: CoreRecord[] = [];
  for await (const record of allRecords(store)) if (record.fixed && record.length > 8) found.push(record);
  if (found.length === 0) throw new Error('nothing large is held');
  return found;
}

async function spoil(store: Store, change: (blocks: Buffer[], index: number) => Buffer): Promise<void> {
  for (const { key } of await large(store)) {
    const core = store.get({ key: decodeCoreKey(key), active: false });
    await core.ready();
    const blocks: Buffer[] = [];
    for (let i = 0; i < core.length; i++)
      blocks.push((await core.get(i, { wait: false })) ?? Buffer.alloc(0));
    const { storage } = core.core as unknown as {
      storage: { write(): { putBlock(index: number, value: Uint8Array): void; flush(): Promise<void> } };
    };
    const batch = storage.write();
    for (let i = 0; i < blocks.length; i++) batch.putBlock(i, change(blocks, i));
    await batch.flush();
    await core.close();
  }
}

function flipped(block: Buffer): Buffer {
  const copy = Buffer.from(block);
  copy[11] = (copy[11] ?? 0) ^ 0x40;
  return copy;
}

/** Serves through the product itself. */
async function serve(): Promise<string> {
  const depot = await openDepot({ home, bootstrap: [], listen: { host: '127.0.0.1', port: 0 }, mode: 'own' });
  const { listening } = await depot.status();
  if (listening === undefined) throw new Error('not listening');
  return formatPeerAddress(listening);
}

/** Serves by a server of its own, which does with connections what it likes. */
async function strange(onconnection: (connection: Connection) => void): Promise<string> {
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
  const port = dht.address()?.port ?? 0;
  return formatPeerAddress({ key: encodeCoreKey(server.publicKey), host: '127.0.0.1', port });
}

/** The store replicates as it should, but requests for blocks of large cores are answered late or never. */
async function slow(late: number | undefined): Promise<string> {
  const store = await openStore(home);
  for (const { key } of await large(store)) {
    const core = store.get({ key: decodeCoreKey(key) });
    await core.ready();
    core.on('peer-add', (peer) => {
      const own = peer as unknown as { onrequest(message: unknown): Promise<void> };
      const answer = own.onrequest.bind(own);
      own.onrequest = async (message) => {
        if (late === undefined) return;
        await new Promise((resolve) => setTimeout(resolve, late));
        await answer(message);
      };
    });
  }
  return strange((connection) => void store.replicate(connection));
}

async function start(): Promise<string> {
  if (how === 'silent') return strange(() => undefined);
  if (how === 'mute') return slow(undefined);
  if (how === 'stall') return slow(LATE);
  const store = await openStore(home);
  if (how === 'corrupt') await spoil(store, (blocks, i) => flipped(blocks[i] ?? Buffer.alloc(0)));
  else {
    // the last block is shorter; all others are as long as their neighbour
    await spoil(store, (blocks, i) => {
      const other = blocks[(i + 1) % (blocks.length - 1)] ?? Buffer.alloc(0);
      return i === blocks.length - 1 ? other.subarray(0, blocks[i]?.length ?? limits.RELEASE_CHUNK) : other;
    });
  }
  await store.close();
  return serve();
}

start().then(
  (address) => process.send?.(address),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);

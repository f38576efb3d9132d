/// <reference path="../../replication/holepunch.d.ts" />
/**
 * A peer in bad faith, in a process of its own, told by peers.ts what to do: one message is one call. Its homes are real stores, served by the
 * real stack; what is wrong with them was put there behind its back.
 */
import type Hypercore from 'hypercore';
import crypto from 'hypercore-crypto';
import {
  decodeCoreKey,
  encodeCoreKey,
  formatPeerAddress,
  limits,
  type CoreKey,
  type CoreRef,
} from '../../model/index.js';
import { openDepot, type Depot } from '../../replication/index.js';
import { openStore } from '../../replication/store.js';

type Raw = { putBlock(index: number, value: Uint8Array): void; flush(): Promise<void> };

const depots = new Map<string, Depot>();
const pairs = new Map<string, ReturnType<typeof crypto.keyPair>>();

async function closed(home: string): Promise<void> {
  await depots.get(home)?.close();
  depots.delete(home);
}

async function withCore<T>(home: string, get: object, work: (core: Hypercore) => Promise<T>): Promise<T> {
  await closed(home);
  const store = await openStore(home);
  try {
    const core = (store as unknown as { get(options: object): Hypercore }).get(get);
    await core.ready();
    const result = await work(core);
    await core.close();
    return result;
  } finally {
    await store.close();
  }
}

const CALLS = {
  /** serves a home; gives the address that an introduction takes */
  async serve(home: string): Promise<string> {
    const listen = { host: '127.0.0.1', port: 0 };
    const depot = depots.get(home) ?? (await openDepot({ home, bootstrap: [], listen, mode: 'own' }));
    depots.set(home, depot);
    const { listening } = await depot.status();
    if (listening === undefined) throw new Error('not listening');
    return formatPeerAddress(listening);
  },
  /** stops serving it */
  async stop(home: string): Promise<void> {
    await closed(home);
  },
  /** a static core of these bytes */
  async put(home: string, bytes: Uint8Array): Promise<CoreRef> {
    const depot = await openDepot({ home, bootstrap: [], offline: true, mode: 'own' });
    try {
      return await depot.putStaticBytes(bytes);
    } finally {
      await depot.close();
    }
  },
  /** blocks at the end of the index core `name`, which is the same core in every home; whatever their size. Gives its key */
  async append(home: string, name: string, blocks: readonly Uint8Array[]): Promise<CoreKey> {
    const keyPair = pairs.get(name) ?? crypto.keyPair();
    pairs.set(name, keyPair);
    return withCore(home, { keyPair }, async (core) => {
      await core.append(blocks.map((block) => Buffer.from(block)));
      return encodeCoreKey(core.key);
    });
  },
  /** cuts the index core `name` and goes on otherwise, in the way hypercore has for it */
  async rewrite(home: string, name: string, length: number, blocks: readonly Uint8Array[]): Promise<void> {
    await withCore(home, { keyPair: pairs.get(name) }, async (core) => {
      await core.truncate(length);
      if (blocks.length > 0) await core.append(blocks.map((block) => Buffer.from(block)));
    });
  },
  /** flips a bit of each stored block of a static core */
  async corrupt(home: string, { key, byteLength }: CoreRef, bytes: Uint8Array): Promise<void> {
    await withCore(home, { key: decodeCoreKey(key), active: false }, async (core) => {
      const { storage } = core.core as unknown as { storage: { write(): Raw } };
      const batch = storage.write();
      for (let at = 0; at < byteLength; at += limits.RELEASE_CHUNK) {
        const block = Buffer.from(bytes.subarray(at, at + limits.RELEASE_CHUNK));
        block[11] = (block[11] ?? 0) ^ 0x40;
        batch.putBlock(at / limits.RELEASE_CHUNK, block);
      }
      await batch.flush();
    });
  },
};

export type Calls = typeof CALLS;

process.on('disconnect', () => process.exit());
process.on('message', ({ id, name, args }: { id: number; name: keyof Calls; args: never[] }) => {
  (CALLS[name] as (...args: never[]) => Promise<unknown>)(...args).then(
    (ok) => process.send?.({ id, ok }),
    (error: unknown) => process.send?.({ id, error: String((error as Error).stack) }),
  );
});
process.send?.({ id: 0 });

/**
 * What a depot can tell about itself: its peers, and how much it holds.
 */
import type Corestore from 'corestore';
import type { CoreKey } from '../model/index.js';
import type { PeerStatus } from './contract.js';
import { storeFailure } from './failure.js';
import type { PeerBook } from './peers.js';
import type { Swarm } from './swarm.js';

/** Connected and stored peers, each once. */
export function peerStatus(book: PeerBook, swarm: Swarm | undefined): PeerStatus[] {
  const keys = new Set<CoreKey>([...(swarm?.links.keys() ?? []), ...book.list().map((peer) => peer.key)]);
  return [...keys].map((key) => {
    const link = swarm?.links.get(key);
    const stored = book.get(key);
    const address =
      link?.address ?? (stored === undefined ? undefined : { host: stored.host, port: stored.port });
    return {
      key,
      ...(address === undefined ? {} : { address }),
      connected: link !== undefined,
      bytesIn: link?.connection.rawBytesRead ?? 0,
      bytesOut: link?.connection.rawBytesWritten ?? 0,
      badBlocks: swarm?.badBlocks(key) ?? 0,
      refused: book.isRefused(key),
    };
  });
}

/** Counts what is stored: from the store's records, opening only cores that are held in part. */
export async function contents(store: Corestore): Promise<{ cores: number; blocks: number }> {
  let cores = 0;
  let blocks = 0;
  try {
    for await (const discoveryKey of store.list()) {
      const record = await store.storage.resumeCore(discoveryKey);
      if (record === null) continue;
      const batch = record.read();
      const records = Promise.all([batch.getHead(), batch.getHints()]);
      batch.tryFlush();
      const [head, hints] = await records;
      const length = head?.length ?? 0;
      const first = Math.min(hints?.contiguousLength ?? 0, length);
      cores++;
      blocks += first + (first < length ? await scattered(store, discoveryKey, first) : 0);
    }
  } catch (cause) {
    throw storeFailure(cause);
  }
  return { cores, blocks };
}

async function scattered(store: Corestore, discoveryKey: Buffer, start: number): Promise<number> {
  const core = store.get({ discoveryKey, active: false });
  await core.ready();
  let blocks = 0;
  for (let index = start; index < core.length; index++) blocks += Number(await core.has(index));
  await core.close();
  return blocks;
}

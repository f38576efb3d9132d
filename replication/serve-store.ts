/**
 * What a connection is for: the whole store is replicated over it, whatever either side holds, on demand.
 */
import type Corestore from 'corestore';
import type { Connection, InternalCore } from 'hypercore';
import { limits } from '../model/index.js';
import { channels, CORE_PROTOCOL, type Link } from './link.js';

/** What replication needs of a core. */
export interface ServedCore {
  readonly discoveryKey: Buffer;
  readonly core: InternalCore;
}

/**
 * Replicates the store, opening cores on demand, but no more of them than the bounds allow.
 * @param closed - true from when on nothing more is opened
 */
export function replicate(store: Corestore, connection: Connection, closed: () => boolean): void {
  store.replicate(connection);
  const muxer = connection.userData;
  muxer.pair({ protocol: CORE_PROTOCOL }, async (discoveryKey) => {
    if (closed() || store.cores.size >= limits.MAX_SERVED_CORES) return;
    if (channels(connection) >= limits.MAX_SERVED_CORES_PER_CONNECTION) return;
    await store._attachMaybe(muxer, discoveryKey).catch(() => undefined); // the channel is refused
  });
}

/** Asks all peers for a core again: they may have got it since they said no. */
export function askAgain({ discoveryKey, core: { replicator } }: ServedCore, links: Iterable<Link>): void {
  for (const { connection } of links) {
    const muxer = connection.userData;
    if (connection.destroying || muxer.opened({ protocol: CORE_PROTOCOL, id: discoveryKey })) continue;
    if (replicator.attached(muxer)) replicator.detachFrom(muxer);
    replicator.attachTo(muxer);
  }
}

/**
 * One live connection to a peer, and what can be seen of it.
 */
import type { Connection } from 'hypercore';
import type { Address, CoreKey } from '../model/index.js';

/** One live connection. */
export interface Link {
  readonly key: CoreKey;
  readonly connection: Connection;
  readonly address: Address | undefined;
  /** when it last had a core open, in `performance.now()` milliseconds */
  busy: number;
}

/** Cores open over a connection. */
export function channels(connection: Connection): number {
  let count = 0;
  for (const channel of connection.userData) count += Number(channel !== undefined);
  return count;
}

/** Where the other end is, as this end sees it. */
export function endpoint(connection: Connection): Address | undefined {
  const { remoteHost: host, remotePort: port } = connection.rawStream ?? {};
  return host === undefined || port === undefined || port === 0 ? undefined : { host, port };
}

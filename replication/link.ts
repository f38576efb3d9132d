/**
 * One live connection to a peer, and what can be seen of it.
 */
import type { Connection } from 'hypercore';
import type { Address, CoreKey } from '../model/index.js';
import type { Hello } from './hello.js';
import type { Talk } from './talk.js';

/** hypercore's replication protocol. */
export const CORE_PROTOCOL = 'hypercore/alpha';

/** One live connection. */
export interface Link {
  readonly key: CoreKey;
  readonly connection: Connection;
  readonly address: Address | undefined;
  readonly transport: 'tcp' | 'udx';
  /** in `performance.now()` milliseconds */
  readonly since: number;
  /** when it last had a core open, in `performance.now()` milliseconds */
  busy: number;
  /** the control channel; absent when the connection died at once */
  talk?: Talk | undefined;
  /** where we reached it ourselves: worth telling others */
  reach?: Address | undefined;
  /** what it said of itself */
  hello?: Hello;
}

/** Cores open over a connection. */
export function channels(connection: Connection): number {
  let count = 0;
  for (const { protocol } of connection.userData) count += Number(protocol === CORE_PROTOCOL);
  return count;
}

/** Where the other end is, as this end sees it. */
export function endpoint(connection: Connection): Address | undefined {
  const { remoteHost, remoteAddress, remotePort: port } = connection.rawStream ?? {};
  const host = remoteHost ?? remoteAddress;
  return host === undefined || port === undefined || port === 0 ? undefined : { host, port };
}

/** Two dials of both ends meet within this time; a later one means that the other end has lost the connection. */
const SETTLED = 10_000;

/**
 * Which of two connections to one peer stays; both ends decide alike: TCP before UDX, a later dial of the same side before
 * its earlier one, else the one that the larger key dialled.
 * @param publicKey - our own
 */
export function replaces(link: Link, old: Link, publicKey: Buffer): boolean {
  if (link.since - old.since > SETTLED) return true;
  if (link.transport !== old.transport) return link.transport === 'tcp';
  if (link.connection.isInitiator === old.connection.isInitiator) return true;
  return link.connection.isInitiator === publicKey.compare(link.connection.remotePublicKey) > 0;
}

/**
 * This machine's DHT node: its sockets carry all connections, with or without a DHT around it.
 */
import HyperDHT from 'hyperdht';
import type { KeyPair } from 'hypercore';
import type { Address } from '../model/index.js';
import { bindable, bindFailure, isLoopback, reachableHost } from './address.js';
import { dispose } from './dispose.js';

export interface NodeOptions {
  readonly keyPair: KeyPair;
  /** undefined: the public DHT; empty: none */
  readonly bootstrap: readonly Address[] | undefined;
  readonly listen: Address | undefined;
}

/** Binds and returns, and says to which address; waits for no other node. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
export async function startNode(
  options: NodeOptions,
): Promise<{ dht: HyperDHT; bound: string; listening: Address | undefined }> {
  const { bootstrap, listen, keyPair } = options;
  const local =
    bootstrap !== undefined && bootstrap.length > 0 && bootstrap.every((node) => isLoopback(node.host));
  // a node on all interfaces never hears from DHT nodes on loopback
  const bound =
    listen === undefined ? { host: local ? '127.0.0.1' : '0.0.0.0', port: 0 } : await bindable(listen);
  const dht = new HyperDHT({
    ...(bootstrap === undefined
      ? {}
      : { bootstrap: bootstrap.map((node) => ({ host: node.host, port: node.port })) }),
    host: bound.host,
    port: bound.port === 0 ? [0, 0] : [bound.port, bound.port + 1],
    keyPair,
    // who listens is reachable by definition and takes part in the DHT
    ...(listen === undefined ? {} : { anyPort: false, firewalled: false, ephemeral: false }),
  });
  try {
    await dht.bind();
  } catch (cause) {
    await dispose(dht, { force: true });
    throw bindFailure(bound, cause);
  }
  const listening = listen === undefined ? undefined : { host: reachableHost(bound.host), port: bound.port };
  return { dht, bound: bound.host, listening };
}

/**
 * Cores: kept, served, found and fetched. What other rooms use of replication is here and nothing else;
 * importing it does not load hypercore, which is loaded when a store is opened.
 */
export type {
  Closable,
  Depot,
  DepotStatus,
  FetchOptions,
  FetchProgress,
  Log,
  OpenOptions,
  PeerStatus,
  StoredPeer,
  WaitOptions,
} from './contract.js';
export type { Bootstrap, BootstrapOptions } from './dht.js';
export { openDepot } from './open.js';

/** Runs a DHT of one's own; see dht.ts. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS, TIMEOUT */
export async function startBootstrap(
  options: import('./dht.js').BootstrapOptions = {},
): Promise<import('./dht.js').Bootstrap> {
  const { startBootstrap: start } = await import('./dht.js');
  return start(options);
}

/** Lets other processes of this home work through `depot`; see daemon.ts. @throws GtpkgError IO_ERROR */
export async function serveDepot(
  depot: import('./contract.js').Depot,
  home: string,
): Promise<import('./contract.js').Closable> {
  const { serveDepot: serve } = await import('./daemon.js');
  return serve(depot, home);
}

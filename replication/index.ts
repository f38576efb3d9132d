/**
 * Cores: kept, served, found and fetched. What other rooms use of replication is here and nothing else;
 * importing it does not load hypercore, which is loaded when a store is opened.
 */
export type {
  Closable,
  Depot,
  DepotService,
  DepotStatus,
  FetchOptions,
  FetchProgress,
  FileRange,
  Holding,
  Log,
  LogTaken,
  OpenOptions,
  PartTaken,
  PeerStatus,
  ServiceFacts,
  StaticPart,
  Refreshed,
  Silence,
  StoredPeer,
  WaitOptions,
} from './contract.js';
export type { BundledIndex, BundledRelease, BundleList } from './bundle-format.js';
export type { Bundle } from './bundle-read.js';
export type { BundleContents, BundleSink } from './bundle-write.js';
export type { Bootstrap, BootstrapOptions } from './dht.js';
export type { VerifiedLog } from './log-proof.js';
export { planEviction, type Evictable, type Eviction, type Rank } from './evict.js';
export { recordSaved, readUsage, type Usage } from './usage.js';
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
  ...parts: Parameters<typeof import('./daemon.js').serveDepot>
): Promise<import('./contract.js').DepotService> {
  const { serveDepot: serve } = await import('./daemon.js');
  return serve(...parts);
}

/** A bundle file; see bundle-read.ts. @throws GtpkgError BUNDLE_MALFORMED, FILE_NOT_FOUND, PERMISSION, USAGE */
export async function openBundle(path: string): Promise<import('./bundle-read.js').Bundle> {
  const { Bundle } = await import('./bundle-read.js');
  return Bundle.open(path);
}

/** A part of an index core as Depot.readLogProof gives it, checked. @throws GtpkgError CORE_MISMATCH */
export async function openLogProof(bytes: Uint8Array): Promise<import('./log-proof.js').VerifiedLog> {
  const { VerifiedLog } = await import('./log-proof.js');
  return new VerifiedLog(bytes);
}

/** Puts cores of a depot into a bundle; see bundle-write.ts. */
export async function bundleWriter(): Promise<
  Pick<typeof import('./bundle-write.js'), 'bundleSize' | 'writeBundle'>
> {
  return import('./bundle-write.js');
}

/**
 * What the swarm looks like from here: peers, holdings, how many seeders each release has. From the daemon when it runs; without it nobody
 * is connected, and how many seeders there are is not known.
 */
import { formatPeerAddress, type CoreKey } from '../../model/index.js';
import type { Depot, DepotStatus, Usage } from '../../replication/index.js';
import type { Context } from '../context.js';
import type { SwarmFigures } from '../render/metrics.js';
import { listIndexes, listSources } from '../places.js';
import { undecidedSources } from './histories.js';
import { Listings, type Listed } from './listed.js';

/** One release that this home holds, whole or in part. */
export interface HeldRelease {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  readonly core: string;
  readonly size: number;
  readonly held: number;
  /** known nodes that seed all of it, this one included; null without a seeder here */
  readonly seeders: number | null;
}

/** One peer, connected or known. Bytes since the connection stands, rates in bytes a second. */
export interface PeerLine {
  readonly key: string;
  readonly address: string | null;
  readonly connected: boolean;
  readonly transport: 'udx' | 'tcp' | null;
  readonly received: number;
  readonly sent: number;
  readonly rateIn: number;
  readonly rateOut: number;
  /** cores that it says it holds */
  readonly holds: number;
  readonly badBlocks: number;
  readonly refused: boolean;
}

/** What status shows. */
export interface SwarmStatus {
  readonly publicKey: string;
  readonly seeding: boolean;
  readonly pid: number | null;
  /** seconds */
  readonly uptime: number | null;
  readonly address: string | null;
  readonly offline: boolean;
  readonly dht: DepotStatus['dht'];
  /** sources and indexes whose peers are looked for */
  readonly topics: readonly string[];
  /** addresses found on the local network, or looked for there */
  readonly lan: readonly string[];
  /** bytes on the wire since the store was opened, and now per second */
  readonly received: number;
  readonly sent: number;
  readonly rateIn: number;
  readonly rateOut: number;
  /** bytes of blocks, what they take on disk, what may be held */
  readonly held: number;
  readonly disk: number;
  readonly limit: number | null;
  /** over all time, bytes */
  readonly usage: Usage;
  readonly peers: readonly PeerLine[];
  readonly releases: readonly HeldRelease[];
  /** listed packages by the seeders known of their newest release; null without a seeder here */
  readonly packages: SwarmFigures['seeded'] | null;
  /** sources that stand still: their roots signed two histories, and the user has not decided */
  readonly undecided: readonly string[];
  /** names of the packages that one known seeder has, at most MOST of them */
  readonly oneSeeder: readonly string[];
}

/** Names of packages with one seeder that are told. */
const MOST = 1000;

/** Peers and holdings. @throws GtpkgError HOME_BUSY when another command holds the store */
export async function swarmStatus(context: Context): Promise<SwarmStatus> {
  const watch = await StatusReader.open(context);
  return watch.read();
}

/** Reads the status again and again, what costs more less often. */
export class StatusReader {
  readonly #context: Context;
  readonly #depot: Depot;
  readonly #listings: Listings;
  #slow: { at: number; found: Holdings } | undefined;

  private constructor(context: Context, depot: Depot) {
    this.#context = context;
    this.#depot = depot;
    this.#listings = new Listings(context);
  }

  static async open(context: Context): Promise<StatusReader> {
    return new StatusReader(context, await context.depot({ local: true }));
  }

  /** @param fresh - milliseconds that holdings and seeders may be old */
  async read(fresh = 0): Promise<SwarmStatus> {
    const status = await this.#depot.status();
    if (this.#slow === undefined || performance.now() - this.#slow.at > fresh) {
      const found = await readHoldings(this.#depot, this.#listings, status.daemon);
      this.#slow = { at: performance.now(), found };
    }
    const names = new Map<CoreKey, string>();
    for (const { introduction, name } of await listSources(this.#context))
      names.set(introduction.indexCore, name);
    for (const { indexCore, name } of await listIndexes(this.#context)) names.set(indexCore, name);
    return { ...describe(status, this.#slow.found, names), undecided: await undecidedSources(this.#context) };
  }
}

interface Holdings {
  readonly releases: readonly HeldRelease[];
  readonly packages: SwarmFigures['seeded'] | null;
  readonly oneSeeder: readonly string[];
}

async function readHoldings(depot: Depot, listings: Listings, seeding: boolean): Promise<Holdings> {
  const listed = [...(await listings.sources()), ...(await listings.own())];
  const held = new Map((await depot.holdings()).map((each) => [each.key, each]));
  const elsewhere = [...new Set(listed.map((each) => each.core.key))].filter((key) => !held.has(key));
  const counts = seeding ? await depot.seeders(elsewhere) : [];
  const others = new Map(elsewhere.map((key, i) => [key, counts[i] ?? 0]));
  const seeders = ({ core: { key } }: Listed): number => {
    const here = held.get(key);
    return here === undefined ? (others.get(key) ?? 0) : here.seeders + Number(here.held === here.byteLength);
  };
  const seen = new Set<CoreKey>();
  const releases: HeldRelease[] = [];
  const fewest = new Map<string, number>();
  for (const each of listed) {
    const { name, version, architecture, source, core, superseded } = each;
    const count = seeders(each);
    if (!superseded) fewest.set(name, Math.min(count, fewest.get(name) ?? Infinity));
    const here = held.get(core.key);
    if (here === undefined || seen.has(core.key)) continue;
    seen.add(core.key);
    releases.push({
      ...{ name, version, architecture, source, core: core.key, size: core.byteLength, held: here.held },
      seeders: seeding ? count : null,
    });
  }
  const having = (least: number, most: number): string[] =>
    [...fewest].flatMap(([name, count]) => (count >= least && count <= most ? [name] : []));
  const one = having(1, 1);
  return {
    releases,
    packages: seeding
      ? { nobody: having(0, 0).length, one: one.length, more: having(2, Infinity).length }
      : null,
    oneSeeder: seeding ? one.sort().slice(0, MOST) : [],
  };
}

function describe(
  status: DepotStatus,
  holdings: Holdings,
  names: ReadonlyMap<CoreKey, string>,
): Omit<SwarmStatus, 'undecided'> {
  const { daemon, listening, started } = status;
  return {
    publicKey: status.publicKey,
    seeding: daemon,
    pid: daemon ? status.pid : null,
    uptime: started === undefined ? null : Math.round((Date.now() - started) / 1000),
    address: listening === undefined ? null : formatPeerAddress(listening),
    offline: status.offline,
    dht: status.dht,
    topics: status.topics.map((key) => names.get(key) ?? key),
    lan: status.lan.map(String),
    received: status.bytesIn,
    sent: status.bytesOut,
    rateIn: Math.round(status.rateIn),
    rateOut: Math.round(status.rateOut),
    held: status.heldBytes,
    disk: status.diskBytes,
    limit: status.limit ?? null,
    usage: status.usage,
    peers: status.peers.map((peer) => ({
      key: peer.key,
      address: peer.address === undefined ? null : `${peer.address.host}:${peer.address.port}`,
      connected: peer.connected,
      transport: peer.transport ?? null,
      received: peer.bytesIn,
      sent: peer.bytesOut,
      rateIn: Math.round(peer.rateIn),
      rateOut: Math.round(peer.rateOut),
      holds: peer.holds,
      badBlocks: peer.badBlocks,
      refused: peer.refused,
    })),
    ...holdings,
  };
}

/** The same for a program that draws its own curves. */
export async function swarmFigures(of: {
  readonly depot: Depot;
  readonly listings: Listings;
  readonly limit: number | undefined;
}): Promise<SwarmFigures> {
  const status = await of.depot.status();
  const { releases, packages } = await readHoldings(of.depot, of.listings, true);
  return {
    connections: status.peers.filter((peer) => peer.connected).length,
    releases: releases.length,
    wholeReleases: releases.filter((each) => each.held === each.size).length,
    held: status.heldBytes,
    disk: status.diskBytes,
    limit: of.limit ?? null,
    received: status.bytesIn,
    sent: status.bytesOut,
    savedByDeltas: status.usage.deltas,
    badBlocks: status.peers.reduce((sum, peer) => sum + peer.badBlocks, 0),
    seeded: packages ?? { nobody: 0, one: 0, more: 0 },
    dht: status.dht,
  };
}

/**
 * What a depot can tell about itself: its peers, what flows, and how much it holds.
 */
import type { CoreKey } from '../model/index.js';
import type { DepotStatus, PeerStatus } from './contract.js';
import { diskBytes } from './free.js';
import type { Holds } from './holds.js';
import type { Ledger } from './ledger.js';
import type { Link } from './link.js';
import { Meter } from './meter.js';
import type { PeerBook } from './peers.js';
import type { Swarm } from './swarm.js';
import { readUsage, recordSaved } from './usage.js';

/** How often the counters are looked at. */
const SAMPLE = 1000;
/** How often what was moved is written down. */
const WRITE_DOWN = 10 * 60_000;

/** What status() says beside who this is. */
export type Figures = Omit<DepotStatus, 'publicKey' | 'pid' | 'daemon' | 'offline'>;

export class Statistics {
  readonly #home: string;
  readonly #book: PeerBook;
  readonly #ledger: Ledger;
  readonly #holds: Holds;
  readonly #meter = new Meter<Link | 'all'>();
  #swarm: Swarm | undefined;
  #timers: NodeJS.Timeout[] = [];
  #written = { bytesIn: 0, bytesOut: 0 };

  constructor(parts: {
    readonly home: string;
    readonly book: PeerBook;
    readonly ledger: Ledger;
    readonly holds: Holds;
  }) {
    this.#home = parts.home;
    this.#book = parts.book;
    this.#ledger = parts.ledger;
    this.#holds = parts.holds;
  }

  /** The network is there: its counters are looked at from now on. */
  watch(swarm: Swarm): void {
    this.#swarm = swarm;
    const sample = (): void => this.#sample(swarm);
    sample();
    this.#timers = [
      setInterval(sample, SAMPLE).unref(),
      setInterval(() => void this.#writeDown(), WRITE_DOWN).unref(),
    ];
  }

  /** @throws GtpkgError IO_ERROR */
  async read(swarm: Swarm | undefined): Promise<Figures> {
    await this.#ledger.load();
    const { logs } = this.#ledger;
    let { cores, blocks, bytes: heldBytes } = logs;
    for (const entry of this.#ledger.entries()) {
      cores++;
      blocks += entry.blocks;
      heldBytes += entry.held;
    }
    const listening = swarm?.listening;
    return {
      dht: swarm?.dht ?? 'none',
      ...(listening === undefined ? {} : { listening }),
      peers: this.#peers(swarm),
      lan: swarm?.lan ?? [],
      topics: swarm?.topics ?? [],
      cores,
      blocks,
      heldBytes,
      diskBytes: await diskBytes(this.#home),
      ...(swarm?.links.traffic ?? { bytesIn: 0, bytesOut: 0 }),
      ...this.#meter.rates('all'),
      usage: await readUsage(this.#home),
    };
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#writeDown();
  }

  /** Connected and stored peers, each once. */
  #peers(swarm: Swarm | undefined): PeerStatus[] {
    const keys = new Set<CoreKey>([
      ...(swarm === undefined ? [] : [...swarm.links].map((link) => link.key)),
      ...this.#book.list().map((peer) => peer.key),
    ]);
    return [...keys].map((key) => {
      const link = swarm?.links.get(key);
      const stored = this.#book.get(key);
      const address =
        link?.address ?? (stored === undefined ? undefined : { host: stored.host, port: stored.port });
      return {
        key,
        ...(address === undefined ? {} : { address }),
        connected: link !== undefined,
        ...(link === undefined ? {} : { transport: link.transport }),
        bytesIn: link?.connection.rawBytesRead ?? 0,
        bytesOut: link?.connection.rawBytesWritten ?? 0,
        ...this.#meter.rates(link ?? 'all'),
        ...(link === undefined ? { rateIn: 0, rateOut: 0 } : {}),
        holds: link === undefined ? 0 : this.#holds.claimed(link),
        badBlocks: swarm?.links.offences(key) ?? 0,
        refused: this.#book.isRefused(key),
      };
    });
  }

  #sample(swarm: Swarm): void {
    const links = [...swarm.links].map(
      (link) =>
        [link, { bytesIn: link.connection.rawBytesRead, bytesOut: link.connection.rawBytesWritten }] as const,
    );
    this.#meter.sample([['all', swarm.links.traffic] as const, ...links], performance.now());
  }

  async #writeDown(): Promise<void> {
    if (this.#swarm === undefined) return;
    const { bytesIn, bytesOut } = this.#swarm.links.traffic;
    const before = this.#written;
    this.#written = { bytesIn, bytesOut };
    await recordSaved(this.#home, { received: bytesIn - before.bytesIn, sent: bytesOut - before.bytesOut });
  }
}

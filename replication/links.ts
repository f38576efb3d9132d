/**
 * The live connections of a node: one to a peer, counted and capped, whoever made them; and what peers did wrong on them.
 *
 * A peer that sent MAX_BAD_BLOCKS corrupt blocks, or broke the protocol as often, is cut off and refused; a connection over which nothing
 * is replicated ends by itself.
 */
import type { Connection } from 'hypercore';
import { encodeCoreKey, limits, type Address, type CoreKey } from '../model/index.js';
import { isLoopback } from './address.js';
import { channels, endpoint, replaces, type Link } from './link.js';
import type { PeerBook } from './peers.js';

const HOUSEKEEPING = 10_000;

export interface LinksOptions {
  /** our own transport key */
  readonly publicKey: Buffer;
  readonly book: PeerBook;
  /** connections at once */
  readonly max: number;
  /** called when a peer's connection ended. @param lived - milliseconds */
  lost(key: CoreKey, lived: number): void;
}

export class Links implements Iterable<Link> {
  readonly #options: LinksOptions;
  readonly #links = new Map<CoreKey, Link>();
  readonly #bad = new Map<CoreKey, number>();
  readonly #counted = new WeakSet<object>();
  readonly #housekeeping: NodeJS.Timeout;
  readonly #gone = { bytesIn: 0, bytesOut: 0 };
  /** connections made since the start */
  connected = 0;
  /** when the last connection was lost, or the node started; in `performance.now()` milliseconds */
  alone = performance.now();

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#housekeeping = setInterval(() => this.#sweep(), HOUSEKEEPING).unref();
  }

  get size(): number {
    return this.#links.size;
  }

  has(key: CoreKey): boolean {
    return this.#links.has(key);
  }

  get(key: CoreKey): Link | undefined {
    return this.#links.get(key);
  }

  [Symbol.iterator](): Iterator<Link> {
    return this.#links.values();
  }

  /** All bytes on the wire since the start, overhead included. */
  get traffic(): { bytesIn: number; bytesOut: number } {
    const sum = { ...this.#gone };
    for (const { connection } of this) {
      sum.bytesIn += connection.rawBytesRead;
      sum.bytesOut += connection.rawBytesWritten;
    }
    return sum;
  }

  /** Whether three quarters of the places are taken: those that are left are for peers who come to us. */
  get crowded(): boolean {
    return this.size >= (3 / 4) * this.#options.max;
  }

  /**
   * Takes a new connection, in place of an older one to the same peer; or ends it: a peer that is refused, ourselves, one too many.
   * @param dialled - the address that we dialled, when it was us and an address
   */
  admit(connection: Connection, dialled: Address | undefined): Link | undefined {
    connection.on('error', () => undefined); // its close says enough
    const { publicKey, book } = this.#options;
    const key = encodeCoreKey(connection.remotePublicKey);
    const address = endpoint(connection);
    const now = performance.now();
    const transport = connection.rawStream?.remoteHost === undefined ? 'tcp' : 'udx';
    const link: Link = { key, connection, address, transport, since: now, busy: now };
    const old = this.#links.get(key);
    const welcome =
      !book.isRefused(key) &&
      !connection.remotePublicKey.equals(publicKey) &&
      (old === undefined ? this.#roomFor(address) : replaces(link, old, publicKey));
    if (!welcome) {
      connection.destroy();
      return undefined;
    }
    this.#links.set(key, link);
    this.connected++;
    connection.on('close', () => this.#ended(link));
    old?.connection.destroy();
    link.reach = dialled ?? (old?.address?.host === address?.host ? old?.reach : undefined);
    return link;
  }

  /**
   * Counts a corrupt block; the peer is cut off and refused at MAX_BAD_BLOCKS.
   * @param response - the message that carried it: several sessions of one core report the same one
   */
  strike(connection: Connection, response: unknown): void {
    if (typeof response === 'object' && response !== null) {
      if (this.#counted.has(response)) return;
      this.#counted.add(response);
    }
    this.offend(connection, false);
  }

  /** A peer broke a rule of the protocol: counted as a corrupt block is; the connection ends at once unless told otherwise. */
  offend(connection: Connection, cut = true): void {
    const key = encodeCoreKey(connection.remotePublicKey);
    const count = (this.#bad.get(key) ?? 0) + 1;
    this.#bad.set(key, count);
    if (count >= limits.MAX_BAD_BLOCKS) {
      this.#options.book.refuse(key, this.#links.get(key)?.address ?? endpoint(connection));
    } else if (!cut) return;
    connection.destroy();
  }

  /** Corrupt blocks and broken rules of a peer, in this process. */
  offences(key: CoreKey): number {
    return this.#bad.get(key) ?? 0;
  }

  /** Ends all connections. */
  close(): void {
    clearInterval(this.#housekeeping);
    for (const { connection } of this) connection.destroy();
  }

  #ended(link: Link): void {
    const { key, connection } = link;
    this.#gone.bytesIn += connection.rawBytesRead;
    this.#gone.bytesOut += connection.rawBytesWritten;
    if (this.#links.get(key) === link) {
      this.#links.delete(key);
      this.#options.lost(key, performance.now() - link.since);
    }
    if (this.size === 0) this.alone = performance.now();
  }

  #roomFor(address: Address | undefined): boolean {
    if (address !== undefined && !isLoopback(address.host)) {
      let same = 0;
      for (const link of this) if (link.address?.host === address.host) same++;
      if (same >= limits.MAX_CONNECTIONS_PER_HOST) return false;
    }
    if (this.size < this.#options.max) return true;
    this.#sweep();
    return this.size < this.#options.max;
  }

  /** Closes connections that replicate nothing: soon when it is crowded, after some minutes anyway. */
  #sweep(): void {
    const now = performance.now();
    const crowded = this.size > this.#options.max / 2;
    for (const link of this) {
      if (channels(link.connection) > 0) link.busy = now;
      const idle = now - link.busy;
      if (idle <= (crowded ? limits.IDLE_CONNECTION.crowded : limits.IDLE_CONNECTION.ever)) continue;
      this.#links.delete(link.key);
      link.connection.destroy();
    }
  }
}

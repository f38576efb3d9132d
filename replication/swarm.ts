/**
 * Connections to peers: found on the DHT under the topics of index cores, or dialled at known addresses without it.
 *
 * Every connection replicates the whole store: what either side holds is served on demand. Connections are counted and
 * capped, a peer that sent MAX_BAD_BLOCKS corrupt blocks is cut off and refused, and nothing here waits without an end.
 * UDP over IPv4, as hyperdht does it; both ends are authenticated and encrypted by Noise under the transport keys.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type Corestore from 'corestore';
import type { Connection } from 'hypercore';
import type HyperDHT from 'hyperdht';
import Hyperswarm, { type Discovery } from 'hyperswarm';
import {
  decodeCoreKey,
  encodeCoreKey,
  limits,
  type Address,
  type CoreKey,
  type PeerAddress,
} from '../model/index.js';
import { isLoopback } from './address.js';
import { Addresses, sameAddress } from './addresses.js';
import { Exchange } from './exchange.js';
import { hello, VERSION } from './hello.js';
import { Lan } from './lan.js';
import { channels, CORE_PROTOCOL, endpoint, type Link } from './link.js';
import { networks } from './networks.js';
import { startNode, type NodeOptions } from './node.js';
import type { PeerBook } from './peers.js';
import { discoveryKeyOf } from './store.js';
import { Talks } from './talk.js';

/** Retries of a named peer that does not answer: soon, then rarely. */
const BACKOFFS = [1000, 2000, 4000, 10 * 60_000] as const;
const HOUSEKEEPING = 10_000;
/** Looking again while nobody has what is wanted. */
const SEEK = 1500;
/** Waiting for an announcement to be stored. */
const ANNOUNCE = 3000;
/** Leaving the DHT politely may take long when it is not there; then we just go. */
const FAREWELL = 1500;

export interface SwarmOptions extends NodeOptions {
  readonly store: Corestore;
  readonly book: PeerBook;
  /** announce topics and accept connections */
  readonly server: boolean;
  /** look for peers on the local network */
  readonly lan: boolean;
}

export class Swarm {
  readonly links = new Map<CoreKey, Link>();
  /** the control channel of all connections: register kinds of messages here */
  readonly talks = new Talks((connection) => this.offend(connection));
  /** called with every new connection, its control channel open */
  onlink: (link: Link) => void = () => undefined;
  readonly #options: SwarmOptions;
  readonly #dht: HyperDHT;
  readonly #swarm: Hyperswarm;
  readonly #listening: Address | undefined;
  readonly #loopback: boolean;
  readonly #topics = new Map<CoreKey, Discovery>();
  readonly #addresses = new Addresses();
  #lan: Lan | undefined;
  readonly #exchange: Exchange;
  readonly #bad = new Map<CoreKey, number>();
  readonly #counted = new WeakSet<object>();
  readonly #housekeeping: NodeJS.Timeout;
  #gone = { bytesIn: 0, bytesOut: 0 };
  #closing = false;
  #sought = performance.now();
  /** connections made since the start */
  connected = 0;
  /** when the last connection was lost, or the swarm started */
  alone = performance.now();

  private constructor(
    options: SwarmOptions,
    { dht, listening, loopback }: Awaited<ReturnType<typeof startNode>>,
  ) {
    this.#options = options;
    this.#dht = dht;
    this.#listening = listening;
    this.#loopback = loopback;
    // hyperswarm knows peers by key only; addresses that we know ride along here
    const connect = dht.connect.bind(dht);
    dht.connect = (publicKey, given) => {
      const relayAddresses = [...this.#addresses.of(publicKey), ...(given?.relayAddresses ?? [])];
      return connect(publicKey, { ...given, relayAddresses });
    };
    this.#swarm = new Hyperswarm({
      dht,
      keyPair: options.keyPair,
      maxPeers: limits.MAX_CONNECTIONS,
      maxParallel: limits.MAX_DIALS,
      backoffs: BACKOFFS,
      jitter: 250,
      firewall: (publicKey) => options.book.isRefused(encodeCoreKey(publicKey)),
    });
    this.talks.on(hello, (link, said) => (link.hello = said));
    this.#exchange = new Exchange({
      talks: this.talks,
      links: this.links,
      topics: () => [...this.#topics.keys()].map((key) => discoveryKeyOf(decodeCoreKey(key)).toString('hex')),
      found: (peer) => this.dial(peer, { met: true }),
    });
    this.#swarm.on('connection', (connection) => this.#accept(connection));
    this.#housekeeping = setInterval(() => this.#sweep(), HOUSEKEEPING).unref();
  }

  /** Does not wait for any peer or DHT node. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
  static async start(options: SwarmOptions): Promise<Swarm> {
    const node = await startNode(options);
    const swarm = new Swarm(options, node);
    const { dht, loopback } = node;
    if (options.lan) {
      swarm.#lan = await Lan.start({
        publicKey: options.keyPair.publicKey,
        loopback,
        serves: () => (options.server ? { udp: dht.localAddress()?.port ?? 0, tcp: 0 } : undefined),
        secrets: () => swarm.topics.map(decodeCoreKey),
        found: (peer) => {
          if (!options.book.isRefused(peer.key)) swarm.dial(peer, { met: true });
        },
        displaced: (key) => {
          if (!swarm.links.has(key) && options.book.get(key) === undefined) swarm.forget(key);
        },
      });
    }
    if (options.server) swarm.#swarm.listen().catch(() => undefined); // goes on trying by itself
    for (const peer of options.book.dialable()) swarm.dial(peer);
    return swarm;
  }

  /** Where this node accepts direct dials; absent unless asked for with `listen`. */
  get listening(): PeerAddress | undefined {
    return this.#listening === undefined
      ? undefined
      : { key: encodeCoreKey(this.#options.keyPair.publicKey), ...this.#listening };
  }

  get dht(): 'none' | 'silent' | 'answering' {
    if (this.#options.bootstrap?.length === 0) return 'none';
    return this.#dht.stats.requests.responses > 0 ? 'answering' : 'silent';
  }

  /** False when nobody could be reached whatever is tried: no interface, and no address on this machine. */
  get hasNetwork(): boolean {
    return (
      this.#loopback || networks(false).length > 0 || this.#addresses.some(({ host }) => isLoopback(host))
    );
  }

  /** Peers known by address. */
  get known(): number {
    return this.#addresses.size;
  }

  /** Addresses of this machine on whose networks peers are looked for without a DHT. */
  get lan(): readonly string[] {
    return this.#lan?.addresses ?? [];
  }

  get topics(): CoreKey[] {
    return [...this.#topics.keys()];
  }

  /** Dials now under way. */
  get connecting(): number {
    return this.#swarm.connecting;
  }

  /** All bytes on the wire since the start, overhead included. */
  get traffic(): { bytesIn: number; bytesOut: number } {
    const sum = { ...this.#gone };
    for (const { connection } of this.links.values()) {
      sum.bytesIn += connection.rawBytesRead;
      sum.bytesOut += connection.rawBytesWritten;
    }
    return sum;
  }

  /**
   * Dials in the background, again and again ever more rarely.
   * @param options.met - the address was heard, not named: it is tried beside those that are known, and displaces none that was named
   */
  dial(peer: PeerAddress, options: { readonly met?: boolean } = {}): void {
    if (this.#closing || peer.key === encodeCoreKey(this.#options.keyPair.publicKey)) return;
    const publicKey = decodeCoreKey(peer.key);
    const id = publicKey.toString('hex');
    this.#addresses.add(peer.key, peer, options.met === true);
    this.#swarm.peers.get(id)?.ban(false);
    if (this.links.has(peer.key)) return;
    this.#swarm.leavePeer(publicKey);
    this.#swarm.joinPeer(publicKey);
    // hyperswarm divides maxPeers by up to four once peers are named
    const named = this.#swarm.explicitPeers.size;
    this.#swarm.maxPeers = limits.MAX_CONNECTIONS * (named === 0 ? 1 : Math.min(4, 1 + Math.ceil(named / 2)));
  }

  forget(key: CoreKey): void {
    const publicKey = decodeCoreKey(key);
    this.#addresses.delete(key);
    this.#swarm.leavePeer(publicKey);
    this.links.get(key)?.connection.destroy();
  }

  /** Looks for peers under an index core's topic; announces there when serving. Returns at once. */
  join(key: CoreKey): void {
    if (this.#closing || this.#topics.has(key)) return;
    this.#topics.set(
      key,
      this.#swarm.join(discoveryKeyOf(decodeCoreKey(key)), { server: this.#options.server, client: true }),
    );
    this.#exchange.changed();
    this.#lan?.ask();
  }

  /**
   * Looks for peers again, now: by itself the DHT is asked, and a dead address dialled, only every ten minutes, and a seeder
   * may have come since.
   * At most every SEEK milliseconds; returns at once.
   */
  seek(): void {
    const now = performance.now();
    if (this.#closing || now - this.#sought < SEEK) return;
    this.#sought = now;
    const { server } = this.#options;
    for (const topic of this.#topics.values()) topic.refresh({ server, client: true }).catch(() => undefined);
    if (this.links.size === 0)
      for (const peer of this.#options.book.dialable()) this.dial(peer, { met: true });
    this.#lan?.ask();
  }

  /** Resolves once the DHT has stored what is announced, or after ANNOUNCE milliseconds. */
  async announced(): Promise<void> {
    const stored = Promise.allSettled([...this.#topics.values()].map((topic) => topic.flushed()));
    const timer = new AbortController();
    await Promise.race([stored, sleep(ANNOUNCE, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
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
      this.#options.book.refuse(key, this.links.get(key)?.address ?? endpoint(connection));
    } else if (!cut) return;
    connection.destroy();
  }

  /** Corrupt blocks that this process got from a peer. */
  badBlocks(key: CoreKey): number {
    return this.#bad.get(key) ?? 0;
  }

  /** Asks all peers for a core again: they may have got it since they said no. */
  ask(core: { readonly discoveryKey: Buffer; readonly core: import('hypercore').InternalCore }): void {
    const { replicator } = core.core;
    for (const { connection } of this.links.values()) {
      const muxer = connection.userData;
      if (connection.destroying || muxer.opened({ protocol: CORE_PROTOCOL, id: core.discoveryKey })) continue;
      if (replicator.attached(muxer)) replicator.detachFrom(muxer);
      replicator.attachTo(muxer);
    }
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#housekeeping);
    this.#exchange.close();
    await this.#lan?.close();
    const polite = this.#swarm.destroy().catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(
      (resolve) => (timer = setTimeout(resolve, this.#options.server ? FAREWELL : FAREWELL / 3)),
    );
    await Promise.race([polite, late]);
    clearTimeout(timer);
    await this.#dht.destroy({ force: true }).catch(() => undefined);
    for (const { connection } of this.links.values()) connection.destroy();
  }

  #accept(connection: Connection): void {
    connection.on('error', () => undefined); // its close says enough
    const key = encodeCoreKey(connection.remotePublicKey);
    const address = endpoint(connection);
    if (this.#closing || !this.#roomFor(address)) {
      connection.destroy();
      return;
    }
    const link: Link = { key, connection, address, busy: performance.now() };
    this.links.set(key, link);
    this.connected++;
    connection.on('close', () => {
      this.#gone.bytesIn += connection.rawBytesRead;
      this.#gone.bytesOut += connection.rawBytesWritten;
      if (this.links.get(key) === link) this.links.delete(key);
      if (this.links.size === 0) this.alone = performance.now();
    });
    if (connection.isInitiator && address !== undefined) {
      const known = this.#addresses.of(connection.remotePublicKey);
      const dialled = known.find((each) => sameAddress(each, address)) ?? known[0];
      link.reach = dialled;
      this.#options.book.seen({ key, ...(dialled ?? address) });
    }
    this.#serve(connection);
    link.talk = this.talks.open(link);
    link.talk?.say(hello, { version: VERSION, port: this.#listening?.port ?? 0 });
    this.#exchange.greet(link);
    this.onlink(link);
    if (link.reach !== undefined) this.#exchange.changed();
  }

  /** Replicates the store, opening cores on demand, but no more of them than the bounds allow. */
  #serve(connection: Connection): void {
    const { store } = this.#options;
    store.replicate(connection);
    const muxer = connection.userData;
    muxer.pair({ protocol: CORE_PROTOCOL }, async (discoveryKey) => {
      if (this.#closing || store.cores.size >= limits.MAX_SERVED_CORES) return;
      if (channels(connection) >= limits.MAX_SERVED_CORES_PER_CONNECTION) return;
      await store._attachMaybe(muxer, discoveryKey).catch(() => undefined); // the channel is refused
    });
  }

  #roomFor(address: Address | undefined): boolean {
    if (address !== undefined && !isLoopback(address.host)) {
      let same = 0;
      for (const link of this.links.values()) if (link.address?.host === address.host) same++;
      if (same >= limits.MAX_CONNECTIONS_PER_HOST) return false;
    }
    if (this.links.size < limits.MAX_CONNECTIONS) return true;
    this.#sweep();
    return this.links.size < limits.MAX_CONNECTIONS;
  }

  /** Closes connections that replicate nothing: soon when it is crowded, after some minutes anyway. */
  #sweep(): void {
    const now = performance.now();
    const crowded = this.links.size > limits.MAX_CONNECTIONS / 2;
    for (const link of this.links.values()) {
      if (channels(link.connection) > 0) link.busy = now;
      const idle = now - link.busy;
      if (idle <= (crowded ? limits.IDLE_CONNECTION.crowded : limits.IDLE_CONNECTION.ever)) continue;
      this.links.delete(link.key);
      link.connection.destroy();
    }
  }
}

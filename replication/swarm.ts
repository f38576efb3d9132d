/**
 * Connections to peers: found on the DHT under the topics of index cores, told by other peers, or dialled at known addresses without
 * any DHT. Over TCP where the other end can be reached that way, over UDX everywhere else; IPv4.
 *
 * Every connection replicates the whole store: what either side holds is served on demand. There is one connection to a
 * peer, and both ends agree which. Connections are counted and capped, a peer that sent MAX_BAD_BLOCKS corrupt blocks is cut off and refused, and
 * nothing here waits without an end. Both ends are authenticated and encrypted by Noise under the transport keys.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type Corestore from 'corestore';
import type { Connection } from 'hypercore';
import type HyperDHT from 'hyperdht';
import type { Server } from 'hyperdht';
import {
  decodeCoreKey,
  encodeCoreKey,
  limits,
  type Address,
  type CoreKey,
  type PeerAddress,
} from '../model/index.js';
import { isLoopback } from './address.js';
import { Dialler } from './dialler.js';
import { Exchange } from './exchange.js';
import { hello, VERSION } from './hello.js';
import { Lan } from './lan.js';
import { Limiter } from './limiter.js';
import { channels, CORE_PROTOCOL, endpoint, replaces, type Link } from './link.js';
import { networks } from './networks.js';
import { startNode, type NodeOptions } from './node.js';
import type { PeerBook } from './peers.js';
import { Reach } from './reach.js';
import { secureStreams, type Secure } from './secure.js';
import { discoveryKeyOf } from './store.js';
import { Talks } from './talk.js';
import { TcpServer } from './tcp.js';
import { Topic, type TopicContext } from './topics.js';
import { Uploads } from './uploads.js';

const HOUSEKEEPING = 10_000;
/** Looking again while nobody has what is wanted. */
const SEEK = 1500;
/** Waiting for an announcement to be stored. */
const ANNOUNCE = 3000;
const SILENT = 1000;
/** Leaving the DHT politely may take long when it is not there; then we just go. */
const FAREWELL = 1500;

export interface SwarmOptions extends NodeOptions {
  readonly store: Corestore;
  readonly book: PeerBook;
  /** announce topics from the start, and be remembered by others */
  readonly server: boolean;
  /** look for peers on the local network */
  readonly lan?: boolean;
  /** bytes per second over all connections; absent: as fast as it goes */
  readonly upRate?: number | undefined;
  readonly downRate?: number | undefined;
  readonly maxConnections?: number | undefined;
  /** false: takes no TCP connections, as behind a firewall; TCP is dialled all the same */
  readonly tcp?: boolean | undefined;
}

export class Swarm {
  readonly links = new Map<CoreKey, Link>();
  /** the control channel of all connections: register kinds of messages here */
  readonly talks = new Talks((connection) => this.offend(connection));
  /** called with every new connection, its control channel open */
  onlink: (link: Link) => void = () => undefined;
  readonly #options: SwarmOptions;
  readonly #dht: HyperDHT;
  readonly #secure: Secure;
  readonly #server: Server;
  readonly #dialler: Dialler;
  readonly #loopback: boolean;
  #lan: Lan | undefined;
  readonly #exchange: Exchange;
  readonly #uploads: Uploads;
  readonly #listening: Address | undefined;
  readonly #topics = new Map<CoreKey, Topic>();
  readonly #bad = new Map<CoreKey, number>();
  readonly #counted = new WeakSet<object>();
  readonly #housekeeping: NodeJS.Timeout;
  readonly #maxConnections: number;
  #tcp: TcpServer | undefined;
  #serving: boolean;
  #served: Promise<Server> | undefined;
  #gone = { bytesIn: 0, bytesOut: 0 };
  #closing = false;
  #sought = performance.now();
  /** connections made since the start */
  connected = 0;
  /** when the last connection was lost, or the swarm started */
  alone = performance.now();

  private constructor(
    options: SwarmOptions,
    { dht, listening, bound }: Awaited<ReturnType<typeof startNode>>,
  ) {
    this.#options = options;
    this.#dht = dht;
    this.#listening = listening;
    this.#loopback = isLoopback(bound);
    this.#serving = options.server;
    this.#maxConnections = options.maxConnections ?? limits.MAX_CONNECTIONS;
    const limiter = (rate: number | undefined): Limiter | undefined =>
      rate === undefined ? undefined : new Limiter(rate);
    this.#secure = secureStreams({ up: limiter(options.upRate), down: limiter(options.downRate) });
    const { book, keyPair } = options;
    const secure = this.#secure;
    this.#server = dht.createServer(
      { firewall: (publicKey) => book.isRefused(encodeCoreKey(publicKey)), createSecretStream: secure },
      (connection) => this.#accept(connection),
    );
    this.#dialler = new Dialler({
      dht,
      keyPair,
      secure,
      skips: (key) => this.links.has(key) || book.isRefused(key),
      full: () => this.links.size >= (3 / 4) * this.#maxConnections,
      connected: (connection, dialled) => this.#accept(connection, dialled),
    });
    this.#uploads = new Uploads({
      rate: options.upRate,
      flooded: (connection) => this.offend(connection),
    });
    const reach = new Reach({
      keyPair,
      secure,
      stands: (link) => !this.#closing && this.links.get(link.key) === link,
      faster: (connection, dialled) => this.#accept(connection, dialled),
      reached: (link, at) => this.#reached(link, at),
    });
    this.talks.on(hello, (link, said) => reach.greeted(link, said));
    this.#exchange = new Exchange({
      talks: this.talks,
      links: this.links,
      topics: () => [...this.#topics.keys()].map((key) => discoveryKeyOf(decodeCoreKey(key)).toString('hex')),
      found: (peer) => this.dial(peer, { met: true }),
    });
    dht.on('network-change', () => {
      for (const { connection } of this.links.values()) connection.sendKeepAlive(); // which of them are dead?
      for (const topic of this.#topics.values()) void topic.refresh();
    });
    this.#housekeeping = setInterval(() => this.#sweep(), HOUSEKEEPING).unref();
  }

  /** Does not wait for any peer or DHT node. @throws GtpkgError ADDRESS_IN_USE, BAD_ADDRESS */
  static async start(options: SwarmOptions): Promise<Swarm> {
    const node = await startNode(options);
    const { dht, bound, listening } = node;
    const swarm = new Swarm(options, node);
    try {
      if (options.tcp !== false) await swarm.#listen({ host: bound, port: listening?.port ?? 0 });
    } catch (cause) {
      await swarm.close();
      throw cause;
    }
    if (options.lan) {
      swarm.#lan = await Lan.start({
        publicKey: options.keyPair.publicKey,
        loopback: isLoopback(bound),
        serves: () =>
          options.server ? { udp: dht.localAddress()?.port ?? 0, tcp: swarm.#tcp?.port ?? 0 } : undefined,
        secrets: () => swarm.topics.map(decodeCoreKey),
        found: (peer, tcp) => {
          if (options.book.isRefused(peer.key)) return;
          swarm.dial(peer, { met: true });
          if (tcp !== 0 && tcp !== peer.port) swarm.dial({ ...peer, port: tcp }, { met: true });
        },
        displaced: (key) => {
          if (!swarm.links.has(key) && options.book.get(key) === undefined) swarm.forget(key);
        },
      });
    }
    if (options.server) swarm.#serve().catch(() => undefined); // tried again when a topic is announced
    for (const peer of options.book.dialable()) swarm.dial(peer);
    return swarm;
  }

  get publicKey(): Buffer {
    return this.#options.keyPair.publicKey;
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
      this.#loopback || networks(false).length > 0 || this.#dialler.knows(({ host }) => isLoopback(host))
    );
  }

  /** Peers known by address. */
  get known(): number {
    return this.#dialler.known;
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
    return this.#dialler.connecting;
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
    if (!this.#closing) this.#dialler.add(peer.key, { address: peer, met: options.met === true });
  }

  forget(key: CoreKey): void {
    this.#dialler.forget(key);
    this.links.get(key)?.connection.destroy();
  }

  /** Looks for peers under an index core's topic; announces there when serving. Returns at once. */
  join(key: CoreKey): void {
    if (this.#closing || this.#topics.has(key)) return;
    this.#topics.set(key, new Topic(this.#topicContext(), discoveryKeyOf(decodeCoreKey(key)), this.#serving));
    this.#exchange.changed();
    this.#lan?.ask();
  }

  /** Announces its topics from now on, so that others find this node while it is there. */
  serve(): void {
    if (this.#serving || this.#closing || this.dht === 'none') return;
    this.#serving = true;
    for (const topic of this.#topics.values()) topic.announce();
  }

  /**
   * A topic that is no index core's, until it is closed.
   * @param announce - announced, by a node that serves; else looked up, and who is found there is dialled
   */
  topic(topic: Buffer, announce: boolean): Topic {
    const context = this.#topicContext();
    return new Topic(announce ? { ...context, found: () => undefined } : context, topic, announce);
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
    for (const topic of this.#topics.values()) void topic.refresh();
    if (this.links.size === 0) {
      for (const peer of this.#options.book.dialable())
        this.#dialler.add(peer.key, { address: peer, met: true, now: true });
    }
    this.#lan?.ask();
  }

  /** Resolves once the DHT has stored what is announced, or after ANNOUNCE milliseconds. */
  async announced(): Promise<void> {
    const stored = Promise.all([...this.#topics.values()].map((topic) => topic.settled()));
    const timer = new AbortController();
    const wait = (delay: number): Promise<void> =>
      sleep(delay, undefined, { signal: timer.signal }).catch(() => undefined);
    // where no DHT node has said a word by then, none will store anything
    await Promise.race([
      stored,
      wait(SILENT).then(() => (this.dht === 'answering' ? wait(ANNOUNCE) : undefined)),
    ]);
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
    this.#dialler.close();
    this.#tcp?.close();
    const polite = Promise.allSettled([...this.#topics.values()].map((topic) => topic.close())).then(() =>
      this.#server.close().catch(() => undefined),
    );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(
      (resolve) =>
        (timer = setTimeout(
          resolve,
          this.dht !== 'answering' ? 0 : this.#options.server ? FAREWELL : FAREWELL / 3,
        )),
    );
    await Promise.race([polite, late]);
    clearTimeout(timer);
    await this.#dht.destroy({ force: true }).catch(() => undefined);
    for (const { connection } of this.links.values()) connection.destroy();
  }

  async #listen(address: Address): Promise<void> {
    const options = { keyPair: this.#options.keyPair, secure: this.#secure };
    this.#tcp = await TcpServer.listen(address, options, (connection) => this.#accept(connection));
  }

  /** The node's server on the DHT; a try that failed is repeated by the next caller. */
  #topicContext(): TopicContext {
    return {
      dht: this.#dht,
      keyPair: this.#options.keyPair,
      server: () => this.#serve(),
      found: (publicKey, relays) => this.#dialler.add(encodeCoreKey(publicKey), { relays, met: true }),
    };
  }

  #serve(): Promise<Server> {
    this.#served ??= this.#server.listen(this.#options.keyPair).then(
      () => this.#server,
      (cause: unknown) => {
        this.#served = undefined;
        throw cause;
      },
    );
    return this.#served;
  }

  /** @param dialled - the address that we dialled, when it was us and an address */
  #accept(connection: Connection, dialled?: Address): void {
    connection.on('error', () => undefined); // its close says enough
    const { keyPair, book } = this.#options;
    const key = encodeCoreKey(connection.remotePublicKey);
    const address = endpoint(connection);
    const old = this.links.get(key);
    const transport = connection.rawStream?.remoteHost === undefined ? 'tcp' : 'udx';
    const link: Link = {
      key,
      connection,
      address,
      transport,
      since: performance.now(),
      busy: performance.now(),
    };
    const welcome =
      !this.#closing &&
      !book.isRefused(key) &&
      !connection.remotePublicKey.equals(keyPair.publicKey) &&
      (old === undefined ? this.#roomFor(address) : replaces(link, old, keyPair.publicKey));
    if (!welcome) {
      connection.destroy();
      return;
    }
    this.links.set(key, link);
    this.connected++;
    connection.on('close', () => {
      this.#gone.bytesIn += connection.rawBytesRead;
      this.#gone.bytesOut += connection.rawBytesWritten;
      if (this.links.get(key) === link) {
        this.links.delete(key);
        this.#dialler.lost(key, performance.now() - link.since);
      }
      if (this.links.size === 0) this.alone = performance.now();
    });
    old?.connection.destroy();
    link.reach = dialled ?? (old?.address?.host === address?.host ? old?.reach : undefined);
    this.#replicate(connection);
    link.talk = this.talks.open(link);
    link.talk?.say(hello, { version: VERSION, stays: this.#options.server, port: this.#tcp?.port ?? 0 });
    this.#exchange.greet(link);
    this.onlink(link);
  }

  #reached(link: Link, at: Address | undefined): void {
    link.reach = at;
    const known = at ?? (link.connection.isInitiator ? link.address : undefined);
    if (link.hello?.stays === true && known !== undefined)
      this.#options.book.seen({ key: link.key, ...known });
    if (at !== undefined) this.#exchange.changed();
  }

  /** Replicates the store, opening cores on demand, but no more of them than the bounds allow. */
  #replicate(connection: Connection): void {
    const { store } = this.#options;
    store.replicate(connection);
    this.#uploads.attend(connection);
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
    if (this.links.size < this.#maxConnections) return true;
    this.#sweep();
    return this.links.size < this.#maxConnections;
  }

  /** Closes connections that replicate nothing: soon when it is crowded, after some minutes anyway. */
  #sweep(): void {
    const now = performance.now();
    const crowded = this.links.size > this.#maxConnections / 2;
    for (const link of this.links.values()) {
      if (channels(link.connection) > 0) link.busy = now;
      const idle = now - link.busy;
      if (idle <= (crowded ? limits.IDLE_CONNECTION.crowded : limits.IDLE_CONNECTION.ever)) continue;
      this.links.delete(link.key);
      link.connection.destroy();
    }
  }
}

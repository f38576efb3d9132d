/**
 * Connections to peers: found on the DHT under the topics of index cores, told by other peers, or dialled at known addresses without
 * any DHT. Over TCP where the other end can be reached that way, over UDX everywhere else; IPv4.
 *
 * Every connection replicates the whole store: what either side holds is served on demand. There is one connection to a
 * peer, and both ends agree which; links.ts counts them. Nothing here waits without an end. Both ends are authenticated and
 * encrypted by Noise under the transport keys.
 */
import type Corestore from 'corestore';
import type { Connection } from 'hypercore';
import type HyperDHT from 'hyperdht';
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
import type { Link } from './link.js';
import { Links } from './links.js';
import { networks } from './networks.js';
import { Notices, type JudgeNotice } from './notices.js';
import { startNode, type NodeOptions } from './node.js';
import type { PeerBook } from './peers.js';
import { Reach } from './reach.js';
import { secureStreams, type Secure } from './secure.js';
import { askAgain, replicate, type ServedCore } from './serve-store.js';
import { Talks } from './talk.js';
import { topicOf } from './store.js';
import { TcpServer } from './tcp.js';
import { TopicSet } from './topic-set.js';
import type { Topic } from './topics.js';
import { Uploads } from './uploads.js';

/** Looking again while nobody has what is wanted. */
const SEEK = 1500;
/** Leaving the DHT politely may take long when it is not there; then we just go. */
const FAREWELL = 1500;

export interface SwarmOptions extends NodeOptions {
  readonly store: Corestore;
  readonly book: PeerBook;
  /** where notices are kept */
  readonly home?: string;
  /** decides which notices are kept and passed on; absent: none are taken */
  readonly judge?: JudgeNotice | undefined;
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
  readonly links: Links;
  /** the control channel of all connections: register kinds of messages here */
  readonly talks = new Talks((connection) => this.links.offend(connection));
  /** what is to be known of indexes beside their logs */
  readonly notices: Notices | undefined;
  /** called with every new connection, its control channel open */
  onlink: (link: Link) => void = () => undefined;
  readonly #options: SwarmOptions;
  readonly #dht: HyperDHT;
  readonly #secure: Secure;
  readonly #dialler: Dialler;
  readonly #loopback: boolean;
  #lan: Lan | undefined;
  readonly #exchange: Exchange;
  readonly #uploads: Uploads;
  readonly #listening: Address | undefined;
  readonly #topics: TopicSet;
  #tcp: TcpServer | undefined;
  #serving: boolean;
  #closing = false;
  #sought = performance.now();

  private constructor(
    options: SwarmOptions,
    { dht, listening, bound }: Awaited<ReturnType<typeof startNode>>,
  ) {
    this.#options = options;
    this.#dht = dht;
    this.#listening = listening;
    this.#loopback = isLoopback(bound);
    this.#serving = options.server;
    const limiter = (rate: number | undefined): Limiter | undefined =>
      rate === undefined ? undefined : new Limiter(rate);
    this.#secure = secureStreams({ up: limiter(options.upRate), down: limiter(options.downRate) });
    const { book, keyPair } = options;
    const secure = this.#secure;
    this.links = new Links({
      publicKey: keyPair.publicKey,
      book,
      max: options.maxConnections ?? limits.MAX_CONNECTIONS,
      lost: (key, lived) => this.#dialler.lost(key, lived),
    });
    this.#dialler = new Dialler({
      dht,
      keyPair,
      secure,
      skips: (key) => this.links.has(key) || book.isRefused(key),
      full: () => this.links.crowded,
      connected: (connection, dialled) => this.#accept(connection, dialled),
    });
    this.#topics = new TopicSet(
      {
        dht,
        keyPair,
        node: dht.createServer(
          { firewall: (publicKey) => book.isRefused(encodeCoreKey(publicKey)), createSecretStream: secure },
          (connection) => this.#accept(connection),
        ),
        answering: () => this.dht === 'answering',
        found: (publicKey, relays) => this.#dialler.add(encodeCoreKey(publicKey), { relays, met: true }),
      },
      options.server,
    );
    this.#uploads = new Uploads({
      rate: options.upRate,
      flooded: (connection) => this.links.offend(connection),
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
      topics: () => this.#topics.discoveryKeys.map((key) => key.toString('hex')),
      found: (peer) => this.dial(peer, { met: true }),
      joined: (link, topics) => this.notices?.joined(link, topics),
    });
    if (options.judge !== undefined && options.home !== undefined)
      this.notices = new Notices({
        home: options.home,
        judge: options.judge,
        talks: this.talks,
        links: () => this.links,
        coreOf: (topic) => this.topics.find((key) => topicOf(key) === topic),
      });
    dht.on('network-change', () => {
      for (const { connection } of this.links) connection.sendKeepAlive(); // which of them are dead?
      this.#topics.refresh();
    });
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
    if (options.server) swarm.#topics.serve().catch(() => undefined); // tried again when a topic is announced
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
    return this.#topics.keys;
  }

  /** Dials now under way. */
  get connecting(): number {
    return this.#dialler.connecting;
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
    if (this.#closing || !this.#topics.join(key)) return;
    this.#exchange.changed();
    this.#lan?.ask();
  }

  /** Announces its topics from now on, so that others find this node while it is there. */
  serve(): void {
    if (this.#serving || this.#closing || this.dht === 'none') return;
    this.#serving = true;
    this.#topics.announce();
  }

  /**
   * A topic that is no index core's, until it is closed.
   * @param announce - announced, by a node that serves; else looked up, and who is found there is dialled
   */
  topic(topic: Buffer, announce: boolean): Topic {
    return this.#topics.open(topic, announce, !announce);
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
    this.#topics.refresh();
    if (this.links.size === 0) {
      for (const peer of this.#options.book.dialable())
        this.#dialler.add(peer.key, { address: peer, met: true, now: true });
    }
    this.#lan?.ask();
  }

  /** Resolves once the DHT has stored what is announced, or after some seconds. */
  announced(): Promise<void> {
    return this.#topics.announced();
  }

  /** Asks all peers for a core again: they may have got it since they said no. */
  ask(core: ServedCore): void {
    askAgain(core, this.links);
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#exchange.close();
    await this.#lan?.close();
    this.#dialler.close();
    this.#tcp?.close();
    const polite = this.#topics.close();
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
    this.links.close();
  }

  async #listen(address: Address): Promise<void> {
    const options = { keyPair: this.#options.keyPair, secure: this.#secure };
    this.#tcp = await TcpServer.listen(address, options, (connection) => this.#accept(connection));
  }

  /** @param dialled - the address that we dialled, when it was us and an address */
  #accept(connection: Connection, dialled?: Address): void {
    if (this.#closing) {
      connection.on('error', () => undefined);
      connection.destroy();
      return;
    }
    const link = this.links.admit(connection, dialled);
    if (link === undefined) return;
    replicate(this.#options.store, connection, () => this.#closing);
    this.#uploads.attend(connection);
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
}

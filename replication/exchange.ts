/**
 * Peer exchange: clients that know one seeder find each other through it. docs/formats/swarm.md.
 *
 * `join` names the topics of the sender: 32 bytes each, the discovery keys of the index cores it follows.
 * `peers` tells where others of one of these topics are reached: 38 bytes each, transport key ‖ IPv4 address ‖ port u16 little-endian.
 * Both may come again when there is news. Told are only addresses where this node itself reached the peer; they are hints:
 * whoever answers there must prove that it has the key.
 */
import {
  decodeCoreKey,
  encodeCoreKey,
  GtpkgError,
  limits,
  type CoreKey,
  type PeerAddress,
} from '../model/index.js';
import { mayTell } from './address.js';
import type { Link } from './link.js';
import type { Links } from './links.js';
import { Allowance, type MessageKind, type Talks } from './talk.js';

const TOPIC = 32;
const ENTRY = 38;

/** Topics, as discovery keys in hexadecimal. */
export const join: MessageKind<readonly string[]> = {
  id: 1,
  bounds: limits.TALK.join,
  encode: (topics) => Buffer.concat(topics.map((topic) => Buffer.from(topic, 'hex'))),
  decode: (bytes) => cut(bytes, TOPIC).map((topic) => topic.toString('hex')),
};

export const peers: MessageKind<readonly PeerAddress[]> = {
  id: 2,
  bounds: limits.TALK.peers,
  encode: (list) =>
    Buffer.concat(
      list.map(({ key, host, port }) => {
        const entry = Buffer.alloc(ENTRY);
        decodeCoreKey(key).copy(entry);
        for (const [at, part] of host.split('.').entries()) entry.writeUInt8(Number(part), 32 + at);
        entry.writeUInt16LE(port, 36);
        return entry;
      }),
    ),
  decode: (bytes) =>
    cut(bytes, ENTRY).map((entry) => {
      const port = entry.readUInt16LE(36);
      if (port === 0) throw new GtpkgError('BAD_ADDRESS', 'a peer at port 0');
      const key = encodeCoreKey(entry.subarray(0, 32));
      return Object.freeze({ key, host: entry.subarray(32, 36).join('.'), port });
    }),
};

function cut(bytes: Buffer, size: number): Buffer[] {
  if (bytes.length % size !== 0) throw new GtpkgError('BAD_ADDRESS', 'half an entry');
  return Array.from({ length: bytes.length / size }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

/** News is gathered this long before it is told: shortly, but longer once there was much of it: messages are bounded in rate. */
const GATHER = { short: 100, long: 1_500 } as const;
const SHORT = { burst: 5, every: 10_000 } as const;

/** What the exchange needs of the swarm. */
export interface ExchangeContext {
  readonly talks: Talks;
  readonly links: Links;
  /** discovery keys in hexadecimal */
  topics(): readonly string[];
  /** called for an address that may be dialled */
  found(peer: PeerAddress): void;
  /** a peer said which topics it follows */
  joined(link: Link, topics: readonly string[]): void;
}

/** Tells peers of each other. */
export class Exchange {
  readonly #context: ExchangeContext;
  /** per connection: its topics, whom it was told of, how many dials it may still cause */
  readonly #seats = new WeakMap<Link, { topics: Set<string>; told: Set<CoreKey>; dials: Allowance }>();
  readonly #short = new Allowance(SHORT);
  #topicsTold = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ExchangeContext) {
    this.#context = context;
    context.talks.on(join, (link, topics) => {
      this.#seat(link).topics = new Set(topics);
      context.joined(link, topics);
      this.#tell(link);
      this.changed();
    });
    context.talks.on(peers, (link, list) => this.#hear(link, list));
  }

  /** A connection stands: says which topics we follow. */
  greet(link: Link): void {
    const topics = this.#topics();
    if (topics.length > 0) link.talk?.say(join, topics);
  }

  /** There is news: a topic joined, a peer that can be reached. Told after a moment. */
  changed(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const topics = this.#topics();
        const news = topics.join() !== this.#topicsTold;
        this.#topicsTold = topics.join();
        for (const link of this.#context.links) {
          if (news && topics.length > 0) link.talk?.say(join, topics);
          this.#tell(link);
        }
      },
      this.#short.take() ? GATHER.short : GATHER.long,
    ).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #topics(): readonly string[] {
    return this.#context.topics().slice(0, limits.MAX_PEER_TOPICS);
  }

  #seat(link: Link): { topics: Set<string>; told: Set<CoreKey>; dials: Allowance } {
    let seat = this.#seats.get(link);
    if (seat === undefined) {
      seat = { topics: new Set(), told: new Set(), dials: new Allowance(limits.EXCHANGE_DIALS) };
      this.#seats.set(link, seat);
    }
    return seat;
  }

  #tell(link: Link): void {
    const seat = this.#seat(link);
    const listener = link.address?.host;
    if (listener === undefined || seat.topics.size === 0) return;
    const list: PeerAddress[] = [];
    for (const other of this.#context.links) {
      const { reach } = other;
      if (other === link || reach === undefined || list.length === limits.MAX_EXCHANGED) continue;
      if (seat.told.has(other.key) || !mayTell(listener, reach.host)) continue;
      if (![...this.#seat(other).topics].some((topic) => seat.topics.has(topic))) continue;
      seat.told.add(other.key);
      list.push({ key: other.key, ...reach });
    }
    if (list.length > 0) link.talk?.say(peers, list);
  }

  #hear(link: Link, list: readonly PeerAddress[]): void {
    const { dials } = this.#seat(link);
    const teller = link.address?.host;
    if (teller === undefined) return;
    for (const peer of list) {
      if (this.#context.links.has(peer.key) || !mayTell(teller, peer.host)) continue;
      if (this.#context.links.size >= limits.EXCHANGE_ENOUGH || !dials.take()) return;
      this.#context.found(peer);
    }
  }
}

/**
 * Who holds what: every serving node tells those who ask which cores it holds whole. docs/formats/swarm.md, "Holdings".
 *
 * A core is named by a number, the first 48 bits of SHA-256(salt ‖ discovery key), which says nothing to whoever does not know the core.
 * Each node asks under one salt of its own, so that it computes the number of a core once for all its peers. What peers say
 * is never believed further than counting goes: it moves a figure in `gtpkg status`, or the order of eviction.
 */
import { createHash, randomBytes } from 'node:crypto';
import { limits } from '../model/index.js';
import { Claims } from './claims.js';
import type { Ledger } from './ledger.js';
import type { Link } from './link.js';
import type { Swarm } from './swarm.js';
import type { MessageKind } from './talk.js';

const SALT = 16;
const NUMBER = 6;
/** Changes are told together, after so many milliseconds: slower than a listener must take them. */
const PACE = 2 * limits.TALK.holds.every;
/** Numbers in one message. */
const TOGETHER = (limits.TALK.holds.bytes - 1) / NUMBER;

/** "Tell me what you hold, under this salt." Answered by nodes that serve, once a connection: each salt costs them a hash a core. */
export const holdsAsk: MessageKind<Buffer> = {
  id: 8,
  bounds: limits.TALK.holdsAsk,
  encode: (salt) => salt,
  decode(bytes) {
    if (bytes.length !== SALT) throw new RangeError('a salt of another length');
    return Buffer.from(bytes);
  },
};

/** "I hold these", or "I hold these no longer". */
export interface HoldsNews {
  readonly held: boolean;
  readonly numbers: readonly number[];
}

/** u8 (1 held, 0 gone), then 6 bytes a number, big-endian. */
export const holdsNews: MessageKind<HoldsNews> = {
  id: 9,
  bounds: limits.TALK.holds,
  encode({ held, numbers }) {
    const message = Buffer.alloc(1 + numbers.length * NUMBER);
    message[0] = Number(held);
    numbers.forEach((number, i) => message.writeUIntBE(number, 1 + i * NUMBER, NUMBER));
    return message;
  },
  decode(bytes) {
    const [first = 2] = bytes;
    if (first > 1 || (bytes.length - 1) % NUMBER !== 0) throw new RangeError('no list of numbers');
    const numbers: number[] = [];
    for (let at = 1; at < bytes.length; at += NUMBER) numbers.push(bytes.readUIntBE(at, NUMBER));
    return { held: first === 1, numbers };
  },
};

/** One connected peer, in this conversation. */
interface Listener {
  readonly claims: Claims;
  /** what it asked under */
  salt: Buffer | undefined;
}

export class Holds {
  readonly #ledger: Ledger;
  readonly #serves: boolean;
  readonly #salt = randomBytes(SALT);
  readonly #peers = new Map<Link, Listener>();
  readonly #news = new Map<string, boolean>();
  #timer: NodeJS.Timeout | undefined;

  /** @param serves - asks peers, and answers them; a command that is over in a moment does neither */
  constructor(ledger: Ledger, serves: boolean) {
    this.#ledger = ledger;
    this.#serves = serves;
    if (serves) ledger.onWhole = (discoveryKey, whole) => this.#changed(discoveryKey, whole);
  }

  /** Takes part in the talk on all connections of a swarm. */
  watch(swarm: Swarm): void {
    if (!this.#serves) return;
    swarm.talks.on(holdsAsk, (link, salt) => this.#asked(link, salt));
    swarm.talks.on(holdsNews, (link, { held, numbers }) =>
      this.#peers.get(link)?.claims.change(numbers, held),
    );
    swarm.onlink = (link) => this.#met(link);
    for (const link of swarm.links) this.#met(link);
  }

  /** How many connected peers say that they hold all of a core. */
  seeders(discoveryKey: Buffer): number {
    const number = numberOf(this.#salt, discoveryKey);
    let count = 0;
    for (const { claims } of this.#peers.values()) count += Number(claims.has(number));
    return count;
  }

  /** How many cores a peer says it holds. */
  claimed(link: Link): number {
    return this.#peers.get(link)?.claims.size ?? 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#peers.clear();
  }

  #met(link: Link): void {
    if (this.#peers.has(link)) return;
    this.#peers.set(link, { claims: new Claims(), salt: undefined });
    link.connection.on('close', () => this.#peers.delete(link));
    link.talk?.say(holdsAsk, this.#salt);
  }

  #asked(link: Link, salt: Buffer): void {
    const peer = this.#peers.get(link);
    if (peer === undefined || peer.salt !== undefined) return;
    peer.salt = salt;
    void this.#tellAll(link, salt);
  }

  async #tellAll(link: Link, salt: Buffer): Promise<void> {
    await this.#ledger.load().catch(() => undefined); // a store that cannot be read holds nothing that could be served
    let numbers: number[] = [];
    let told = 0;
    for (const { discoveryKey, held, byteLength } of this.#ledger.entries()) {
      if (held < byteLength) continue;
      if (++told > limits.MAX_HOLDS) break;
      numbers.push(numberOf(salt, discoveryKey));
      if (numbers.length < TOGETHER) continue;
      link.talk?.say(holdsNews, { held: true, numbers });
      numbers = [];
      await new Promise((resolve) => setImmediate(resolve)); // serving comes first
    }
    if (numbers.length > 0) link.talk?.say(holdsNews, { held: true, numbers });
  }

  #changed(discoveryKey: Buffer, whole: boolean): void {
    if (this.#peers.size === 0) return;
    this.#news.set(discoveryKey.toString('hex'), whole);
    this.#timer ??= setTimeout(() => this.#tellNews(), PACE).unref();
  }

  /** One message of either kind to each peer, whatever the number of changes: the rest comes with the next. */
  #tellNews(): void {
    const some = [...this.#news].slice(0, TOGETHER);
    for (const [hex] of some) this.#news.delete(hex);
    this.#timer = this.#news.size === 0 ? undefined : setTimeout(() => this.#tellNews(), PACE).unref();
    for (const [link, { salt }] of this.#peers) {
      if (salt === undefined) continue;
      for (const held of [true, false]) {
        const numbers = some
          .filter(([, whole]) => whole === held)
          .map(([hex]) => numberOf(salt, Buffer.from(hex, 'hex')));
        if (numbers.length > 0) link.talk?.say(holdsNews, { held, numbers });
      }
    }
  }
}

function numberOf(salt: Buffer, discoveryKey: Buffer): number {
  return createHash('sha256').update(salt).update(discoveryKey).digest().readUIntBE(0, NUMBER);
}

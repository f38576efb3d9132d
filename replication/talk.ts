/**
 * The control channel: protomux protocol `gtpkg/peer/1` on every connection, docs/formats/swarm.md.
 *
 * In: bytes of one message from a hostile peer. Out: a typed value for the handler of its kind. A kind names how large
 * and how frequent it may be; `hello` comes first and once. A peer that breaks a rule is handed to `onviolation`, which cuts it off.
 * Numbers that nobody here knows are of a later version: skipped, but counted. Nothing here answers by itself.
 *
 * To add a kind: an exported MessageKind in a file of its own, its bounds in limits.TALK, `swarm.talks.on(kind, handler)`
 * when the swarm starts, `link.talk?.say(kind, value)` to send.
 */
import type { Channel, Connection } from 'hypercore';
import { limits } from '../model/index.js';
import type { Link } from './link.js';

export const TALK_PROTOCOL = 'gtpkg/peer/1';
/** `hello` (hello.ts) */
const FIRST = 0;

/** How large and how frequent messages of a kind may be. */
export interface Bounds {
  /** bytes of one message */
  readonly bytes: number;
  /** messages at once */
  readonly burst: number;
  /** milliseconds until one more is allowed; Infinity: never */
  readonly every: number;
}

/** One kind of message: its number on the wire is never used again for anything else. */
export interface MessageKind<T> {
  readonly id: number;
  readonly bounds: Bounds;
  encode(value: T): Uint8Array;
  /** @throws whatever, on bytes that are not a proper message: the peer is then cut off */
  decode(bytes: Buffer): T;
}

type Handler = { kind: MessageKind<unknown>; onmessage(link: Link, value: unknown): void };

/** What all connections of a swarm say and understand. */
export class Talks {
  readonly #handlers = new Map<number, Handler>();
  readonly #onviolation: (connection: Connection, rule: string) => void;

  constructor(onviolation: (connection: Connection, rule: string) => void) {
    this.#onviolation = onviolation;
  }

  /** What to do with messages of a kind; the handler may ignore values, and must not throw. */
  on<T>(kind: MessageKind<T>, onmessage: (link: Link, value: T) => void): void {
    this.#handlers.set(kind.id, { kind, onmessage } as Handler);
  }

  /** Opens the channel on a new connection. A peer that does not speak the protocol is left in peace. */
  open(link: Link): Talk | undefined {
    const allowances = new Map<number, Allowance>();
    const onmessage = (id: number, bytes: Buffer): void => {
      const handler = this.#handlers.get(id);
      const bounds = handler?.kind.bounds ?? limits.TALK.unknown;
      let allowance = allowances.get(id);
      if (allowance === undefined) allowances.set(id, (allowance = new Allowance(bounds)));
      if (link.connection.destroying) return;
      if (id !== FIRST && !allowances.has(FIRST))
        return this.#onviolation(link.connection, 'a message before hello');
      if (!allowance.take()) return this.#onviolation(link.connection, `too many messages of kind ${id}`);
      if (bytes.length > bounds.bytes)
        return this.#onviolation(link.connection, `a message of kind ${id} is too large`);
      if (handler === undefined) return;
      let value: unknown;
      try {
        value = handler.kind.decode(bytes);
      } catch {
        return this.#onviolation(link.connection, `a message of kind ${id} is malformed`);
      }
      handler.onmessage(link, value);
    };
    const channel = link.connection.userData.createChannel({
      protocol: TALK_PROTOCOL,
      messages: Array.from({ length: limits.TALK_KINDS }, (_, id) => ({
        onmessage: (bytes: Buffer) => onmessage(id, bytes),
      })),
    });
    if (channel === null) return undefined;
    channel.open();
    return new Talk(channel);
  }
}

/** This end of one connection's control channel. */
export class Talk {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Sends, or does nothing when the other side does not speak this protocol. */
  say<T>(kind: MessageKind<T>, value: T): void {
    if (!this.#channel.closed) this.#channel.messages[kind.id]?.send(Buffer.from(kind.encode(value)));
  }
}

/** A token bucket of messages. */
export class Allowance {
  readonly #bounds: Pick<Bounds, 'burst' | 'every'>;
  readonly #now: () => number;
  #left: number;
  #at: number;

  constructor(bounds: Pick<Bounds, 'burst' | 'every'>, now: () => number = () => performance.now()) {
    this.#bounds = bounds;
    this.#now = now;
    this.#left = bounds.burst;
    this.#at = now();
  }

  take(): boolean {
    const { burst, every } = this.#bounds;
    const now = this.#now();
    this.#left = Math.min(burst, this.#left + (now - this.#at) / every);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

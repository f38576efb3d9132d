/**
 * Peers on the local network, found by UDP multicast with no configuration. docs/formats/swarm.md.
 *
 * Who serves announces itself, and answers those who ask; who wants something asks. What is heard is believed as far as it is
 * worth dialling: only nodes that know a secret we know (lan-message.ts), only on a network of this machine, so many a second and
 * no more. The dial then proves the transport key. A flood of forged messages costs a few hash computations a second and
 * some dials that come to nothing.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { encodeCoreKey, limits, type CoreKey, type PeerAddress } from '../model/index.js';
import { Allowances } from './allowance.js';
import { decodeLan, encodeLan, names, type LanKind, type LanMessage } from './lan-message.js';
import { networkOf, networks, type Network } from './networks.js';
import { Allowance } from './talk.js';

/** Administratively scoped (RFC 2365), local scope: routers keep it in. */
export const LAN_GROUP = '239.255.71.80';
export const LAN_PORT = 24680;
/** One hop. */
const TTL = 1;
/** Several joins in one turn are one message. */
const GATHER = 50;
/** After the first: datagrams get lost. */
const REPEAT = [1000, 4000] as const;
const ANNOUNCE = 60_000;
/** Answers to one question come spread over this time. */
const JITTER = 80;

export interface LanOptions {
  readonly publicKey: Buffer;
  /** speak on the loopback interface only: for nodes that are bound there */
  readonly loopback: boolean;
  /** where this node accepts connections; undefined when it does not */
  serves(): { readonly udp: number; readonly tcp: number } | undefined;
  /** what others must know too, 32 bytes each */
  secrets(): readonly Uint8Array[];
  /** Somebody who shares a secret; heard again and again. */
  found(peer: PeerAddress, tcp: number): void;
  /** One that was found, is too much now and may be forgotten. */
  displaced(key: CoreKey): void;
}

export class Lan {
  readonly #options: LanOptions;
  readonly #listener: Socket;
  /** one socket an interface to send from, and to be answered on */
  readonly #senders = new Map<string, { socket: Socket; network: Network }>();
  readonly #heard = new Map<CoreKey, string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #all = new Allowance(limits.LAN_MESSAGES);
  readonly #bySource = new Allowances(limits.LAN_MESSAGES_FROM_ONE, limits.MAX_LAN_PEERS);
  readonly #replies = new Allowance(limits.LAN_REPLIES);
  readonly #newcomers = new Allowance(limits.LAN_NEWCOMERS);
  #gathering: NodeJS.Timeout | undefined;
  #periodic: NodeJS.Timeout | undefined;
  #attending: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: LanOptions) {
    this.#options = options;
    this.#listener = createSocket({ type: 'udp4', reuseAddr: true });
    this.#listener.on('error', () => undefined); // without it we can still ask
    this.#listener.on('message', (bytes, from) => this.#take(bytes, from));
  }

  /** Never fails: a machine with no network hears nobody, until it has one. */
  static async start(options: LanOptions): Promise<Lan> {
    const lan = new Lan(options);
    await new Promise<void>((resolve) => {
      lan.#listener.once('error', () => resolve());
      lan.#listener.bind({ port: LAN_PORT, exclusive: false }, resolve);
    });
    lan.#listener.unref();
    await lan.#attend();
    return lan;
  }

  /** Addresses of this machine on whose networks peers are looked for. */
  get addresses(): string[] {
    return [...this.#senders.keys()];
  }

  /** What is wanted or served has changed, or is still missing: says so, soon. */
  ask(): void {
    if (this.#closed) return;
    this.#gathering ??= this.#later(GATHER, () => {
      this.#gathering = undefined;
      void this.#speak();
      if (this.#periodic === undefined && this.#options.serves() !== undefined) this.#announce();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const sockets = [this.#listener, ...[...this.#senders.values()].map(({ socket }) => socket)];
    this.#senders.clear();
    await Promise.all(sockets.map(shut));
  }

  #announce(): void {
    for (const delay of REPEAT) this.#later(delay, () => void this.#speak());
    const round = (): void => {
      this.#periodic = this.#later(ANNOUNCE * (0.75 + Math.random() / 2), () => {
        void this.#speak();
        round();
      });
    };
    round();
  }

  async #speak(): Promise<void> {
    const secrets = this.#options.secrets();
    if (secrets.length === 0 || this.#closed) return;
    await this.#attend();
    const kind = this.#options.serves() === undefined ? 'query' : 'announce';
    for (let start = 0; start < secrets.length; start += limits.MAX_LAN_TAGS) {
      const bytes = this.#message(kind, secrets.slice(start, start + limits.MAX_LAN_TAGS));
      for (const { socket } of this.#senders.values()) send(socket, bytes, LAN_PORT, LAN_GROUP);
    }
  }

  #message(kind: LanKind, secrets: readonly Uint8Array[]): Buffer {
    const { udp, tcp } = this.#options.serves() ?? { udp: 0, tcp: 0 };
    const { publicKey } = this.#options;
    return encodeLan({ kind, udp, tcp, publicKey, salt: randomBytes(16) }, secrets);
  }

  #take(bytes: Buffer, from: RemoteInfo): void {
    if (this.#closed || !this.#all.take()) return;
    const here = networkOf(
      from.address,
      [...this.#senders.values()].map(({ network }) => network),
    );
    if (here === undefined || !this.#bySource.take(from.address)) return;
    const message = decodeLan(bytes);
    if (message === undefined || message.publicKey.equals(this.#options.publicKey)) return;
    const shared = this.#options.secrets().filter((secret) => names(message, secret));
    if (shared.length === 0) return;
    if (message.udp !== 0) this.#meet(message, from.address);
    if (message.kind !== 'reply' && this.#options.serves() !== undefined) this.#reply(shared, from, here);
  }

  /** To an announcement too: whoever has just come learns at once who was here before. */
  #reply(shared: readonly Uint8Array[], from: RemoteInfo, here: Network): void {
    if (!this.#replies.take()) return;
    this.#later(Math.random() * JITTER, () => {
      const sender = this.#senders.get(here.address);
      const bytes = this.#message('reply', shared.slice(0, limits.MAX_LAN_TAGS));
      if (sender !== undefined) send(sender.socket, bytes, from.port, from.address);
    });
  }

  #meet({ publicKey, udp, tcp }: LanMessage, host: string): void {
    const key = encodeCoreKey(publicKey);
    const known = this.#heard.has(key);
    if (!known && !this.#newcomers.take()) return;
    this.#heard.delete(key);
    this.#heard.set(key, host);
    this.#options.found({ key, host, port: udp }, tcp);
    const fromHost = [...this.#heard].filter(([, each]) => each === host);
    const [oldest] = fromHost.length > limits.MAX_CONNECTIONS_PER_HOST ? fromHost : this.#heard;
    if (
      oldest !== undefined &&
      (this.#heard.size > limits.MAX_LAN_PEERS || fromHost.length > limits.MAX_CONNECTIONS_PER_HOST)
    ) {
      this.#heard.delete(oldest[0]);
      this.#options.displaced(oldest[0]);
    }
  }

  /** Opens what is new among the machine's interfaces, closes what is gone; one at a time. */
  #attend(): Promise<void> {
    this.#attending = this.#attending.then(() => this.#compare());
    return this.#attending;
  }

  async #compare(): Promise<void> {
    const now = networks(this.#options.loopback);
    for (const [address, { socket }] of this.#senders) {
      if (now.some((network) => network.address === address)) continue;
      this.#senders.delete(address);
      void shut(socket);
    }
    for (const network of now) {
      if (this.#senders.has(network.address)) continue;
      const socket = await sender(network.address);
      if (socket === undefined) continue;
      if (this.#closed) return void shut(socket);
      socket.on('message', (bytes, from) => this.#take(bytes, from));
      this.#senders.set(network.address, { socket, network });
      try {
        this.#listener.addMembership(LAN_GROUP, network.address);
      } catch {
        // an interface without multicast; or the group is joined already, before the address went and came
      }
    }
  }

  #later(delay: number, work: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#closed) work();
    }, delay).unref();
    this.#timers.add(timer);
    return timer;
  }
}

/** A socket that sends to the group through one interface; undefined when that cannot be. */
async function sender(address: string): Promise<Socket | undefined> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port: 0, exclusive: true }, resolve);
    });
    socket.on('error', () => undefined);
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(TTL);
    socket.setMulticastLoopback(true); // other homes of this machine are peers too
    return socket.unref();
  } catch {
    await shut(socket);
    return undefined;
  }
}

/** A datagram that cannot be sent (interface down, no route) is one that got lost. */
function send(socket: Socket, bytes: Buffer, port: number, address: string): void {
  try {
    socket.send(bytes, port, address, () => undefined);
  } catch {
    // closed meanwhile
  }
}

function shut(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(resolve);
    } catch {
      resolve(); // it never was open
    }
  });
}

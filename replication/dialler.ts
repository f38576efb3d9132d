/**
 * Whom to dial, when, and how: candidates named by the user, found on the DHT, told by peers.
 *
 * At most MAX_DIALS are dialled at once, each again after a while and ever more rarely. Where an address is known, TCP is tried first and UDX
 * joins in a moment later (happy eyeballs); whoever is only known on the DHT is reached over UDX.
 */
import type { Connection, KeyPair } from 'hypercore';
import type HyperDHT from 'hyperdht';
import type { Endpoint } from 'hyperdht';
import { decodeCoreKey, encodeCoreKey, limits, type Address, type CoreKey } from '../model/index.js';
import { Addresses, sameAddress } from './addresses.js';
import { endpoint } from './link.js';
import { dialTcp } from './tcp.js';
import type { Secure } from './secure.js';

/** Until the next try, after one, two, … that failed. */
const BACKOFFS = [1000, 2000, 4000, 10 * 60_000] as const;
const JITTER = 250;
/** A connection that stood this long was a good one: the next try comes soon. */
const GOOD = 15_000;
/** UDX joins when TCP has not answered within this time. */
const HEAD_START = 250;

export interface DialContext {
  readonly dht: HyperDHT;
  readonly keyPair: KeyPair;
  readonly secure: Secure;
  /** a peer with whom a connection stands, or that must not be dialled now */
  skips(key: CoreKey): boolean;
  /** no more connections, but to those the user named */
  full(): boolean;
  /** @param dialled - the address that was dialled, when it was one */
  connected(connection: Connection, dialled: Address | undefined): void;
}

interface Candidate {
  readonly key: CoreKey;
  readonly publicKey: Buffer;
  relays: readonly Endpoint[];
  /** stays whatever happens */
  named: boolean;
  attempts: number;
  next: number;
  dialling: AbortController | undefined;
}

export class Dialler {
  readonly #context: DialContext;
  readonly #candidates = new Map<CoreKey, Candidate>();
  readonly #addresses = new Addresses();
  #timer: NodeJS.Timeout | undefined;
  #dials = 0;
  #closed = false;

  constructor(context: DialContext) {
    this.#context = context;
  }

  /** Dials now under way. */
  get connecting(): number {
    return this.#dials;
  }

  /** Peers known by address. */
  get known(): number {
    return this.#addresses.size;
  }

  /** Whether one of these addresses passes the test. */
  knows(test: (address: Address) => boolean): boolean {
    return this.#addresses.some(test);
  }

  /**
   * Dials soon.
   * @param hint.met - the peer was found or told of, not named by the user: given up when it does not answer
   * @param hint.now - without waiting for the pause after a try that failed
   */
  add(
    key: CoreKey,
    hint: {
      readonly address?: Address;
      readonly relays?: readonly Endpoint[];
      readonly met?: boolean;
      readonly now?: boolean;
    },
  ): void {
    if (this.#closed || key === encodeCoreKey(this.#context.keyPair.publicKey)) return;
    const named = hint.met !== true;
    let candidate = this.#candidates.get(key);
    if (candidate === undefined) {
      if (this.#candidates.size >= limits.MAX_CANDIDATES && !named) this.#displace();
      const publicKey = decodeCoreKey(key);
      candidate = { key, publicKey, relays: [], named, attempts: 0, next: 0, dialling: undefined };
      this.#candidates.set(key, candidate);
    }
    if (hint.address !== undefined) this.#addresses.add(key, hint.address, !named);
    candidate.relays = hint.relays ?? candidate.relays;
    candidate.named ||= named;
    // found again: it may be back, but not so soon that the pauses mean nothing
    if (named || hint.now === true || candidate.attempts >= BACKOFFS.length) {
      candidate.attempts = 0;
      candidate.next = 0;
    }
    this.#pump();
  }

  forget(key: CoreKey): void {
    this.#candidates.get(key)?.dialling?.abort();
    this.#drop(key);
  }

  /** A connection ended that stood for so long. */
  lost(key: CoreKey, lasted: number): void {
    const candidate = this.#candidates.get(key);
    if (candidate !== undefined) this.#later(candidate, lasted >= GOOD ? 0 : candidate.attempts + 1);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { dialling } of this.#candidates.values()) dialling?.abort();
  }

  #pump(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const { skips, full } = this.#context;
    let soonest = Infinity;
    for (const candidate of this.#candidates.values()) {
      if (candidate.dialling !== undefined || skips(candidate.key)) continue;
      if (candidate.next > now) soonest = Math.min(soonest, candidate.next);
      else if (this.#dials < limits.MAX_DIALS && (candidate.named || !full())) void this.#dial(candidate);
    }
    if (soonest < Infinity) this.#timer = setTimeout(() => this.#pump(), soonest - now + 1).unref();
  }

  async #dial(candidate: Candidate): Promise<void> {
    const stop = new AbortController();
    candidate.dialling = stop;
    this.#dials++;
    const connection = await this.#race(candidate, stop);
    this.#dials--;
    candidate.dialling = undefined;
    if (connection === undefined) this.#later(candidate, candidate.attempts + 1);
    this.#pump();
  }

  /** The first that stands; a TCP connection that comes second is handed on too, and replaces the other. */
  async #race(candidate: Candidate, { signal }: AbortController): Promise<Connection | undefined> {
    const addresses = this.#addresses.of(candidate.publicKey);
    const fast = new AbortController();
    const slow = new AbortController();
    const tcp = addresses.map(async (address) => {
      const options = { ...this.#context, signal: AbortSignal.any([signal, fast.signal]) };
      const connection = await dialTcp(address, candidate.publicKey, options);
      if (connection === undefined) return undefined;
      fast.abort();
      slow.abort();
      this.#context.connected(connection, address);
      return connection;
    });
    if (tcp.length > 0) await Promise.race([first(tcp), sleep(HEAD_START)]);
    const udx = this.#udx(candidate, addresses, AbortSignal.any([signal, slow.signal])).then((connection) => {
      if (connection === undefined) return undefined;
      const at = endpoint(connection);
      this.#context.connected(
        connection,
        addresses.find((each) => at !== undefined && sameAddress(each, at)),
      );
      return connection;
    });
    return first([...tcp, udx]);
  }

  async #udx(
    candidate: Candidate,
    addresses: readonly Address[],
    signal: AbortSignal,
  ): Promise<Connection | undefined> {
    if (signal.aborted) return undefined;
    const { dht, keyPair, secure } = this.#context;
    const connection = dht.connect(candidate.publicKey, {
      keyPair,
      relayAddresses: [...addresses, ...candidate.relays],
      createSecretStream: secure,
    });
    connection.on('error', () => undefined);
    const stop = (): void => connection.destroy();
    signal.addEventListener('abort', stop);
    const opened = await connection.opened;
    signal.removeEventListener('abort', stop);
    return opened && !connection.destroying ? connection : undefined;
  }

  #later(candidate: Candidate, attempts: number): void {
    candidate.attempts = attempts;
    if (attempts > BACKOFFS.length && !candidate.named) {
      this.#drop(candidate.key);
      return;
    }
    const pause = BACKOFFS[Math.min(Math.max(0, attempts - 1), BACKOFFS.length - 1)] ?? 0;
    candidate.next = performance.now() + pause + Math.random() * JITTER;
    this.#pump();
  }

  #displace(): void {
    for (const { key, named, dialling } of this.#candidates.values()) {
      if (named || dialling !== undefined || this.#context.skips(key)) continue;
      this.#drop(key);
      return;
    }
  }

  #drop(key: CoreKey): void {
    this.#candidates.delete(key);
    this.#addresses.delete(key);
  }
}

function sleep(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, undefined).unref());
}

/** The first that is there; undefined when all have failed. */
function first(tries: readonly Promise<Connection | undefined>[]): Promise<Connection | undefined> {
  return new Promise((resolve) => {
    for (const each of tries) void each.then((connection) => connection !== undefined && resolve(connection));
    void Promise.all(tries).then(() => resolve(undefined));
  });
}

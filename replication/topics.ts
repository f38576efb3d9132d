/**
 * Topics on the DHT, by hyperswarm's own discovery: looked up for peers, and announced by nodes that serve. Whom to dial, and how, is
 * dialler.ts's affair, which knows TCP.
 *
 * Everything is done in the background and again every ten minutes or when the network changes; nothing here throws for want of a DHT.
 * What was announced is taken back at the end.
 */
import type { KeyPair } from 'hypercore';
import type HyperDHT from 'hyperdht';
import type { Endpoint, Server } from 'hyperdht';
import PeerDiscovery, { type Discovery, type DiscoveryHost } from 'hyperswarm/lib/peer-discovery.js';

/** hyperswarm's discovery gives up when the node's server cannot listen yet: then it is asked again. */
const RETRY = 60_000;

export interface TopicContext {
  readonly dht: HyperDHT;
  readonly keyPair: KeyPair;
  /** the node's server on the DHT, listening; rejects when there is no DHT */
  server(): Promise<Server>;
  found(publicKey: Buffer, relays: readonly Endpoint[]): void;
}

/** One topic that is followed. */
export class Topic {
  readonly #discovery: PeerDiscovery;
  readonly #session: Discovery;
  #announce: boolean;
  #running: Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(context: TopicContext, topic: Buffer, announce: boolean) {
    this.#announce = announce;
    this.#discovery = new PeerDiscovery(hostOf(context), topic, {
      onpeer: ({ publicKey, relayAddresses }) => context.found(publicKey, relayAddresses),
      onerror: () => undefined,
    });
    this.#session = this.#discovery.session({ server: announce, client: true, onerror: () => undefined });
    this.#running = this.refresh();
  }

  /** Announces from now on. */
  announce(): void {
    if (this.#announce) return;
    this.#announce = true;
    void this.refresh();
  }

  /** Looks again; resolves when that is done, or has failed. A walk that is under way is not disturbed. */
  async refresh(): Promise<void> {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const running = this.#session.refresh({ server: this.#announce, client: true }).catch(() => false);
    this.#running = running;
    if (!(await running) && !this.#closed) this.#timer = setTimeout(() => void this.refresh(), RETRY).unref();
  }

  /** Resolves when what is under way is done. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Takes the announcement back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.resolve(this.#discovery.destroy()).catch(() => undefined);
  }
}

// What hyperswarm's discovery wants of a Hyperswarm.
function hostOf({ dht, keyPair, server }: TopicContext): DiscoveryHost {
  let listening: Server | undefined;
  return {
    dht,
    keyPair,
    get server() {
      return listening ?? { relayAddresses: [] };
    },
    listening: null,
    connections: new Set<string>(),
    async listen() {
      listening = await server();
    },
    leave: () => Promise.resolve(),
  };
}

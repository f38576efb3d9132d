/**
 * Topics on the DHT: looked up for peers, and announced by nodes that serve.
 *
 * Everything is done in the background and again every ten minutes or when the network changes; nothing here throws for want of a DHT.
 * What was announced is taken back at the end.
 */
import type { KeyPair } from 'hypercore';
import type HyperDHT from 'hyperdht';
import type { Endpoint, Query, Server } from 'hyperdht';

const REFRESH = 10 * 60_000;
/** so that nodes that started together do not ask together */
const JITTER = 2 * 60_000;

export interface TopicContext {
  readonly dht: HyperDHT;
  readonly keyPair: KeyPair;
  /** the node's server on the DHT, listening; rejects when there is no DHT */
  server(): Promise<Server>;
  found(publicKey: Buffer, relays: readonly Endpoint[]): void;
}

/** One topic that is followed. */
export class Topic {
  readonly #context: TopicContext;
  readonly #topic: Buffer;
  #announce: boolean;
  #announced = false;
  #closest: readonly unknown[] = [];
  #query: Query | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(context: TopicContext, topic: Buffer, announce: boolean) {
    this.#context = context;
    this.#topic = topic;
    this.#announce = announce;
    void this.refresh();
  }

  /** Announces from now on. */
  announce(): void {
    if (this.#announce) return;
    this.#announce = true;
    this.#again = this.#running !== undefined;
    void this.refresh();
  }

  /** Looks again; resolves when that is done, or has failed. A walk that is under way is not disturbed. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#running ??= this.#walk()
      .catch(() => undefined)
      .then(() => {
        this.#running = undefined;
        if (this.#closed) return undefined;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.refresh(), REFRESH + Math.random() * JITTER).unref();
        if (!this.#again) return undefined;
        this.#again = false;
        return this.refresh();
      });
    return this.#running;
  }

  /** Resolves when what is under way is done. */
  settled(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  async #walk(): Promise<void> {
    const { dht, keyPair } = this.#context;
    if (this.#announce) {
      const server = await this.#context.server();
      if (this.#closed) return;
      this.#query = dht.announce(this.#topic, keyPair, server.relayAddresses, {
        clear: !this.#announced,
        closestNodes: this.#closest.length === 0 ? null : this.#closest,
      });
      this.#announced = true;
    } else {
      this.#query = dht.lookup(this.#topic);
    }
    const query = this.#query;
    for await (const { peers } of query) {
      for (const peer of peers) this.#context.found(peer.publicKey, peer.relayAddresses);
    }
    this.#closest = query.closestNodes;
  }

  /** Takes the announcement back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#query?.destroy();
    await this.#running;
    if (!this.#announced) return;
    await this.#context.dht
      .unannounce(this.#topic, this.#context.keyPair, {
        closestNodes: this.#closest,
        onlyClosestNodes: this.#closest.length > 0,
        force: true,
      })
      .catch(() => undefined);
  }
}

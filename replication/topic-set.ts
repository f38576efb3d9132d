/**
 * The topics that a node follows, one for each index core: looked up for peers, and announced once the node serves.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'hyperdht';
import { decodeCoreKey, type CoreKey } from '../model/index.js';
import { discoveryKeyOf } from './store.js';
import { Topic, type TopicContext } from './topics.js';

/** Waiting for an announcement to be stored. */
const ANNOUNCE = 3000;
/** Where no DHT node has said a word by then, none will store anything. */
const SILENT = 1000;

export interface TopicSetContext extends Omit<TopicContext, 'server'> {
  /** the node's server on the DHT, not listening yet */
  readonly node: Server;
  answering(): boolean;
}

export class TopicSet {
  readonly #context: TopicSetContext;
  readonly #topics = new Map<CoreKey, Topic>();
  #announces: boolean;
  #served: Promise<Server> | undefined;

  constructor(context: TopicSetContext, announces: boolean) {
    this.#context = context;
    this.#announces = announces;
  }

  /** The index cores that are followed. */
  get keys(): CoreKey[] {
    return [...this.#topics.keys()];
  }

  /** Their discovery keys. */
  get discoveryKeys(): Buffer[] {
    return this.keys.map((key) => discoveryKeyOf(decodeCoreKey(key)));
  }

  /** Looks for peers under an index core's topic; announces there when serving. False when it is followed already. */
  join(key: CoreKey): boolean {
    if (this.#topics.has(key)) return false;
    this.#topics.set(key, this.open(discoveryKeyOf(decodeCoreKey(key)), this.#announces));
    return true;
  }

  /**
   * A topic that is no index core's, until it is closed.
   * @param dials - whether who is found there is dialled
   */
  open(topic: Buffer, announce: boolean, dials = true): Topic {
    const context = { ...this.#context, server: () => this.serve() };
    return new Topic(dials ? context : { ...context, found: () => undefined }, topic, announce);
  }

  /** Announces from now on. */
  announce(): void {
    this.#announces = true;
    for (const topic of this.#topics.values()) topic.announce();
  }

  /** Looks again, in the background. */
  refresh(): void {
    for (const topic of this.#topics.values()) void topic.refresh();
  }

  /** The node's server on the DHT, listening; a try that failed is repeated by the next caller. */
  serve(): Promise<Server> {
    const { node, keyPair } = this.#context;
    this.#served ??= node.listen(keyPair).then(
      () => node,
      (cause: unknown) => {
        this.#served = undefined;
        throw cause;
      },
    );
    return this.#served;
  }

  /** Resolves once the DHT has stored what is announced, or after ANNOUNCE milliseconds. */
  async announced(): Promise<void> {
    const stored = Promise.all([...this.#topics.values()].map((topic) => topic.settled()));
    const timer = new AbortController();
    const wait = (delay: number): Promise<void> =>
      sleep(delay, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([
      stored,
      wait(SILENT).then(() => (this.#context.answering() ? wait(ANNOUNCE) : undefined)),
    ]);
    timer.abort();
  }

  /** Takes the announcements back, and the server away. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#topics.values()].map((topic) => topic.close()));
    await this.#context.node.close().catch(() => undefined);
  }
}

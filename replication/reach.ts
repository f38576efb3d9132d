/**
 * Where a connected peer takes TCP connections: it says so in `hello`, and here it is tried.
 *
 * A connection over UDX is made anew over TCP when that works: it is about twice as fast. Of one that came over TCP it is
 * only looked whether the port answers, since only such an address is told to others. So many tries at once, each bounded in time.
 */
import type { Connection, KeyPair } from 'hypercore';
import { limits, type Address } from '../model/index.js';
import type { Hello } from './hello.js';
import type { Link } from './link.js';
import type { Secure } from './secure.js';
import { answersTcp, dialTcp } from './tcp.js';

/** Who accepted a UDX connection leaves the first try of TCP to the other end. */
const PATIENCE = 3000;

export interface ReachContext {
  readonly keyPair: KeyPair;
  readonly secure: Secure;
  /** whether this is still the connection to its peer */
  stands(link: Link): boolean;
  /** a connection over TCP, to the same peer */
  faster(connection: Connection, dialled: Address): void;
  /** @param at - where others may dial it, undefined when we do not know */
  reached(link: Link, at: Address | undefined): void;
}

export class Reach {
  readonly #context: ReachContext;
  #tries = 0;

  constructor(context: ReachContext) {
    this.#context = context;
  }

  greeted(link: Link, said: Hello): void {
    link.hello = said;
    const { address, transport } = link;
    const known = transport === 'tcp' && link.reach !== undefined;
    if (address === undefined || said.port === 0 || known) return this.#context.reached(link, link.reach);
    const at = { host: address.host, port: said.port };
    const wait = transport === 'udx' && !link.connection.isInitiator ? PATIENCE : 0;
    setTimeout(() => void this.#try(link, at), wait).unref();
  }

  async #try(link: Link, at: Address): Promise<void> {
    const { keyPair, secure } = this.#context;
    if (!this.#context.stands(link) || this.#tries >= limits.MAX_DIALS) return;
    this.#tries++;
    try {
      if (link.transport === 'tcp') {
        this.#context.reached(link, (await answersTcp(at)) ? at : undefined);
        return;
      }
      const signal = AbortSignal.timeout(limits.TIMEOUT.handshake);
      const connection = await dialTcp(at, link.connection.remotePublicKey, { keyPair, secure, signal });
      if (connection === undefined) this.#context.reached(link, link.reach);
      else this.#context.faster(connection, at);
    } finally {
      this.#tries--;
    }
  }
}

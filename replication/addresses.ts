/**
 * Where peers are dialled: of each a few addresses, the one that was named first.
 */
import { decodeCoreKey, type Address, type CoreKey } from '../model/index.js';

/** Addresses kept for one peer: the one that was named, and where it was met since. */
const MOST = 4;

export class Addresses {
  readonly #of = new Map<string, readonly Address[]>();

  /** peers, not addresses */
  get size(): number {
    return this.#of.size;
  }

  some(test: (address: Address) => boolean): boolean {
    return [...this.#of.values()].some((list) => list.some(test));
  }

  /** @param publicKey - the transport key as bytes */
  of(publicKey: Uint8Array): readonly Address[] {
    return this.#of.get(Buffer.from(publicKey).toString('hex')) ?? [];
  }

  /** One that was named is tried first; one that was heard (`met`) beside those that are known, displacing none that was named. */
  add(key: CoreKey, { host, port }: Address, met: boolean): void {
    const id = decodeCoreKey(key).toString('hex');
    const address = { host, port };
    const known = this.#of.get(id) ?? [];
    const others = known.filter((each) => !sameAddress(each, address));
    if (met && others.length < known.length) return;
    const [first, ...rest] = known;
    const list = met && first !== undefined ? [first, address, ...rest] : [address, ...others];
    this.#of.set(id, list.slice(0, MOST));
  }

  delete(key: CoreKey): void {
    this.#of.delete(decodeCoreKey(key).toString('hex'));
  }
}

/** True when both say the same. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.host === b.host && a.port === b.port;
}

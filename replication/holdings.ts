/**
 * The static cores of one store: what is here, who else is known to hold it, what somebody is fetching, and how to be rid of it.
 */
import type Corestore from 'corestore';
import { decodeCoreKey, limits, type CoreKey, type CoreRef } from '../model/index.js';
import type { Holding } from './contract.js';
import { clearCore } from './free.js';
import { Holds } from './holds.js';
import { Ledger } from './ledger.js';
import { discoveryKeyOf } from './store.js';

export class Holdings {
  readonly ledger: Ledger;
  readonly holds: Holds;
  readonly #store: Corestore;
  /** cores that fetches are after, and how many fetches */
  readonly #wanted = new Map<CoreKey, number>();

  /** @param serves - takes part in the talk about who holds what */
  constructor(store: Corestore, home: string, serves: boolean) {
    this.#store = store;
    this.ledger = new Ledger(store, home);
    this.holds = new Holds(this.ledger, serves);
  }

  /** Looks again at cores that have changed. @throws GtpkgError IO_ERROR */
  async settle(keys: readonly CoreKey[]): Promise<void> {
    if (keys.length > 0) await this.ledger.settle(keys.map(discoveryOf));
  }

  /** A fetch is after these, from now on or no more. */
  want(refs: readonly CoreRef[], change: 1 | -1): void {
    for (const { key } of refs) {
      const count = (this.#wanted.get(key) ?? 0) + change;
      if (count === 0) this.#wanted.delete(key);
      else this.#wanted.set(key, count);
    }
  }

  /** Nothing is being fetched. */
  get idle(): boolean {
    return this.#wanted.size === 0;
  }

  /** @throws GtpkgError IO_ERROR */
  async list(): Promise<Holding[]> {
    await this.ledger.load();
    return [...this.ledger.entries()].map(({ key, discoveryKey, byteLength, held }) => ({
      key,
      byteLength,
      held,
      seeders: this.holds.seeders(discoveryKey),
      used: this.ledger.used(discoveryKey),
    }));
  }

  seeders(keys: readonly CoreKey[]): number[] {
    return keys.map((key) => this.holds.seeders(discoveryOf(key)));
  }

  /** Discovery keys of the cores held here, whole or in part, that few peers are known to hold. @throws GtpkgError IO_ERROR */
  async rare(): Promise<Buffer[]> {
    await this.ledger.load();
    return [...this.ledger.entries()]
      .filter(({ held, discoveryKey }) => held > 0 && this.holds.seeders(discoveryKey) < limits.RARE)
      .map(({ discoveryKey }) => discoveryKey);
  }

  /** Drops all blocks of what nobody fetches; gives their bytes. @throws GtpkgError IO_ERROR, NO_SPACE */
  async free(keys: readonly CoreKey[]): Promise<number> {
    await this.ledger.load();
    let bytes = 0;
    for (const key of keys) {
      const discoveryKey = discoveryOf(key);
      const entry = this.ledger.get(discoveryKey);
      if (entry === undefined || this.#wanted.has(key)) continue;
      await clearCore(this.#store, discoveryKey);
      await this.ledger.settle([discoveryKey]);
      bytes += entry.held;
    }
    return bytes;
  }

  async close(): Promise<void> {
    this.holds.close();
    await this.ledger.save();
  }
}

function discoveryOf(key: CoreKey): Buffer {
  return discoveryKeyOf(decodeCoreKey(key));
}

/**
 * The static cores of this store, in memory: which are here, how much of each, and when each was last wanted by anybody.
 * Read from the store's records once, then kept up by whoever changes the store (settle) and by every opening of a core (touch).
 */
import { join } from 'node:path';
import type Corestore from 'corestore';
import type { CoreKey } from '../model/index.js';
import { readSmall, writeAtomic } from './disk.js';
import { allRecords, readRecords, type CoreRecord } from './records.js';

const FORMAT = 'gtpkg-used 1';
/** 20 bytes a core: a million cores. */
const MAX_FILE = 32 * 1024 * 1024;
/** Times are kept to the hour: enough to know what nobody wants. */
const HOUR = 3_600_000;
/** Hex digits of a discovery key that stand for it in the file. */
const SHORT = 12;

/** One static core that is here, in whole or in part. */
export interface LedgerEntry {
  readonly key: CoreKey;
  readonly discoveryKey: Buffer;
  readonly byteLength: number;
  readonly held: number;
  readonly blocks: number;
}

/** Told when a core becomes whole here, and when it no longer is. */
export type WholeListener = (discoveryKey: Buffer, whole: boolean) => void;

export class Ledger {
  readonly #store: Corestore;
  readonly #path: string;
  readonly #entries = new Map<string, LedgerEntry>();
  /** hours since 1970, by the first digits of the discovery key */
  readonly #used = new Map<string, number>();
  #loading: Promise<void> | undefined;
  #dirty = false;
  #logs = { cores: 0, blocks: 0, bytes: 0 };
  onWhole: WholeListener = () => undefined;

  constructor(store: Corestore, home: string) {
    this.#store = store;
    this.#path = join(home, 'used.json');
    store.watch((core) => {
      if (core.discoveryKey !== null) this.#touch(core.discoveryKey);
    });
  }

  /** Reads the store's records, the first time. @throws GtpkgError IO_ERROR */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((cause: unknown) => {
      this.#loading = undefined;
      throw cause;
    });
    return this.#loading;
  }

  get loaded(): boolean {
    return this.#loading !== undefined;
  }

  get(discoveryKey: Buffer): LedgerEntry | undefined {
    return this.#entries.get(discoveryKey.toString('hex'));
  }

  entries(): IterableIterator<LedgerEntry> {
    return this.#entries.values();
  }

  /** Mutable cores, as they were at the start. */
  get logs(): { readonly cores: number; readonly blocks: number; readonly bytes: number } {
    return this.#logs;
  }

  /** Reads the records of these cores again. @throws GtpkgError IO_ERROR */
  async settle(discoveryKeys: readonly Buffer[]): Promise<void> {
    if (this.#loading === undefined) return; // nobody has asked yet
    await this.#loading;
    const records = await readRecords(this.#store, discoveryKeys);
    const found = new Map(records.map((record) => [record.discoveryKey.toString('hex'), record]));
    for (const discoveryKey of discoveryKeys) {
      const id = discoveryKey.toString('hex');
      this.#put(id, discoveryKey, found.get(id));
    }
  }

  /** When it was last opened, for anybody: milliseconds since 1970, to the hour; 0 when that is not known. */
  used(discoveryKey: Buffer): number {
    return (this.#used.get(discoveryKey.toString('hex', 0, SHORT / 2)) ?? 0) * HOUR;
  }

  /** Writes down what was used when; a full disk costs the times, not the command. */
  async save(): Promise<void> {
    if (!this.#dirty || this.#loading === undefined) return;
    this.#dirty = false;
    const used: Record<string, number> = {};
    for (const id of this.#entries.keys()) {
      const hour = this.#used.get(id.slice(0, SHORT));
      if (hour !== undefined) used[id.slice(0, SHORT)] = hour;
    }
    await writeAtomic(this.#path, `${JSON.stringify({ format: FORMAT, used })}\n`).catch(() => undefined);
  }

  async #load(): Promise<void> {
    for (const [id, hour] of parse(await readSmall(this.#path, MAX_FILE).catch(() => undefined)))
      this.#used.set(id, Math.max(hour, this.#used.get(id) ?? 0));
    const logs = { cores: 0, blocks: 0, bytes: 0 };
    for await (const record of allRecords(this.#store)) {
      if (record.fixed) this.#put(record.discoveryKey.toString('hex'), record.discoveryKey, record);
      else {
        logs.cores++;
        logs.blocks += record.blocks;
        logs.bytes += record.held;
      }
    }
    this.#logs = logs;
  }

  #put(id: string, discoveryKey: Buffer, record: CoreRecord | undefined): void {
    const before = this.#entries.get(id);
    const was = before !== undefined && before.held === before.byteLength;
    if (record === undefined || !record.fixed || record.blocks === 0) this.#entries.delete(id);
    else {
      const { key, byteLength, held, blocks } = record;
      this.#entries.set(id, { key, discoveryKey: Buffer.from(discoveryKey), byteLength, held, blocks });
    }
    const now = this.#entries.get(id);
    const is = now !== undefined && now.held === now.byteLength;
    if (was !== is) this.onWhole(discoveryKey, is);
  }

  #touch(discoveryKey: Buffer): void {
    const id = discoveryKey.toString('hex', 0, SHORT / 2);
    const hour = Math.floor(Date.now() / HOUR);
    if (this.#used.get(id) === hour) return;
    this.#used.set(id, hour);
    this.#dirty = true;
  }
}

function parse(bytes: Buffer | undefined): [string, number][] {
  try {
    const { format, used } = JSON.parse(bytes?.toString('utf8') ?? '{}') as {
      format?: unknown;
      used?: unknown;
    };
    if (format !== FORMAT || typeof used !== 'object' || used === null) return [];
    return Object.entries(used).filter(
      (row): row is [string, number] =>
        /^[0-9a-f]{12}$/.test(row[0]) && Number.isSafeInteger(row[1]) && (row[1] as number) >= 0,
    );
  } catch {
    return [];
  }
}

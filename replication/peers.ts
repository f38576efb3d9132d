/**
 * The peers a home knows: `<home>/peers.json`, at most MAX_STORED_PEERS. docs/formats/swarm.md.
 *
 * Named peers stay until removed; seen ones are displaced, longest unseen first. A peer that sent corrupt blocks
 * is refused for REFUSED_FOR, unless the user names it again. Losing the file loses no trust, only time.
 */
import { join } from 'node:path';
import {
  formatAddress,
  GtpkgError,
  limits,
  parseAddress,
  parseCoreKey,
  type Address,
  type CoreKey,
  type PeerAddress,
} from '../model/index.js';
import type { StoredPeer } from './contract.js';
import { readSmall, writeAtomic } from './disk.js';

const FORMAT = 'gtpkg-peers 1';
const MAX_FILE = 1024 * 1024;
/** A peer seen moments ago is not worth a write. */
const SAVE_AFTER = 1000;

interface Row {
  key: string;
  address: string;
  origin: 'user' | 'seen';
  seen?: string;
  refusedUntil?: string;
}

export class PeerBook {
  readonly #path: string;
  readonly #peers = new Map<CoreKey, StoredPeer>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** A file that cannot be understood counts as empty: it is a help to find peers, nothing more. */
  static async open(home: string): Promise<PeerBook> {
    const book = new PeerBook(join(home, 'peers.json'));
    for (const peer of parse(await readSmall(book.#path, MAX_FILE).catch(() => undefined)))
      book.#peers.set(peer.key, peer);
    return book;
  }

  list(): StoredPeer[] {
    return [...this.#peers.values()];
  }

  /** Whom to dial: named ones first, then the most recently seen; refused ones never. */
  dialable(now: Date = new Date()): PeerAddress[] {
    const rank = (peer: StoredPeer): string => `${peer.origin === 'user' ? 1 : 0}${peer.seen ?? ''}`;
    return this.list()
      .filter((peer) => !this.isRefused(peer.key, now))
      .sort((a, b) => (rank(a) < rank(b) ? 1 : rank(a) > rank(b) ? -1 : 0))
      .slice(0, limits.MAX_DIALS);
  }

  isRefused(key: CoreKey, now: Date = new Date()): boolean {
    const until = this.#peers.get(key)?.refusedUntil;
    return until !== undefined && Date.parse(until) > now.getTime();
  }

  get(key: CoreKey): StoredPeer | undefined {
    return this.#peers.get(key);
  }

  /** The user's word: forgives a refusal. */
  add(peer: PeerAddress): void {
    const seen = this.#peers.get(peer.key)?.seen;
    this.#put({
      key: peer.key,
      host: peer.host,
      port: peer.port,
      origin: 'user',
      ...(seen === undefined ? {} : { seen }),
    });
  }

  remove(key: CoreKey): boolean {
    const removed = this.#peers.delete(key);
    if (removed) this.#later();
    return removed;
  }

  /** A connection that we made stood: its address is worth keeping. */
  seen(peer: PeerAddress, now: Date = new Date()): void {
    const old = this.#peers.get(peer.key);
    const address: Address = old?.origin === 'user' ? old : peer;
    this.#put({
      ...old,
      key: peer.key,
      host: address.host,
      port: address.port,
      origin: old?.origin ?? 'seen',
      seen: now.toISOString(),
    });
  }

  /** It sent MAX_BAD_BLOCKS corrupt blocks. */
  refuse(key: CoreKey, address: Address | undefined, now: Date = new Date()): void {
    const old = this.#peers.get(key);
    const { host, port } = old ?? address ?? { host: '0.0.0.0', port: 1 };
    this.#put({
      ...old,
      key,
      host,
      port,
      origin: old?.origin ?? 'seen',
      refusedUntil: new Date(now.getTime() + limits.REFUSED_FOR).toISOString(),
    });
  }

  /** Writes what is pending. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#save();
    await this.#writing;
  }

  #put(peer: StoredPeer): void {
    this.#peers.set(peer.key, Object.freeze(peer));
    if (this.#peers.size > limits.MAX_STORED_PEERS) this.#displace();
    this.#later();
  }

  #displace(): void {
    let victim: StoredPeer | undefined;
    for (const peer of this.#peers.values()) {
      if (victim === undefined || worth(peer) < worth(victim)) victim = peer;
    }
    if (victim !== undefined) this.#peers.delete(victim.key);
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#save(), SAVE_AFTER).unref();
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const peers = this.list().map(toRow);
    const text = `${JSON.stringify({ format: FORMAT, peers }, null, 1)}\n`;
    // one after the other; a full disk costs the list, not the command
    this.#writing = this.#writing.then(() => writeAtomic(this.#path, text)).catch(() => undefined);
  }
}

function worth(peer: StoredPeer): string {
  return `${peer.origin === 'user' ? 2 : peer.refusedUntil === undefined ? 0 : 1}${peer.seen ?? ''}`;
}

function toRow(peer: StoredPeer): Row {
  const { key, origin, seen, refusedUntil } = peer;
  return {
    key,
    address: formatAddress(peer),
    origin,
    ...(seen === undefined ? {} : { seen }),
    ...(refusedUntil === undefined ? {} : { refusedUntil }),
  };
}

function parse(bytes: Buffer | undefined): StoredPeer[] {
  if (bytes === undefined) return [];
  try {
    const file = JSON.parse(bytes.toString('utf8')) as { format?: unknown; peers?: unknown };
    if (file.format !== FORMAT || !Array.isArray(file.peers)) return [];
    return file.peers.slice(0, limits.MAX_STORED_PEERS).flatMap((row: unknown) => {
      try {
        return typeof row === 'object' && row !== null ? [fromRow(row)] : [];
      } catch (cause) {
        if (cause instanceof GtpkgError) return [];
        throw cause;
      }
    });
  } catch {
    return [];
  }
}

function fromRow(row: Partial<Row>): StoredPeer {
  const time = (text: unknown): string | undefined =>
    typeof text === 'string' && !Number.isNaN(Date.parse(text)) ? text : undefined;
  const seen = time(row.seen);
  const refusedUntil = time(row.refusedUntil);
  return Object.freeze({
    key: parseCoreKey(String(row.key)),
    ...parseAddress(String(row.address)),
    origin: row.origin === 'user' ? 'user' : 'seen',
    ...(seen === undefined ? {} : { seen }),
    ...(refusedUntil === undefined ? {} : { refusedUntil }),
  });
}

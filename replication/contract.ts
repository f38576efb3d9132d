/**
 * What other rooms see of replication: a depot of cores, whoever holds the store (this process or a daemon).
 * Only types and one constant table; importing this loads nothing.
 */
import type { Address, ByteSource, CoreKey, CoreRef, PeerAddress } from '../model/index.js';
import type { Usage } from './usage.js';

/** Bytes of all asked cores: held so far, wanted in the end, and from how many connected peers. */
export interface FetchProgress {
  readonly done: number;
  readonly total: number;
  readonly peers: number;
  /** cores of which all that was asked for is here since the last report */
  readonly finished: readonly CoreKey[];
}

export interface FetchOptions {
  /** called some times a second, and when a core is finished; must not throw */
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly signal?: AbortSignal;
  /** milliseconds without any progress before giving up; the depot's own time-out when absent */
  readonly timeout?: number;
  /** only what is here: OFFLINE when something is missing */
  readonly offline?: boolean;
  /** only so many blocks from the beginning of each core: in its first one a release says what it is */
  readonly first?: number | undefined;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** milliseconds; the depot's own time-out when absent */
  readonly timeout?: number;
}

/** Why nobody answered: plain data, so that it crosses the daemon socket. */
export interface Silence {
  readonly code: 'OFFLINE' | 'NO_PEER';
  readonly reason:
    | 'offline'
    | 'no-network'
    | 'dht-silent'
    | 'peers-silent'
    | 'nobody-known'
    | 'nobody-found'
    | 'nobody-serves';
  /** what is the matter, half a sentence */
  readonly message: string;
  readonly hint: string;
  /** connections that stand */
  readonly connected: number;
  /** peers known by address */
  readonly known: number;
  readonly dht: 'none' | 'silent' | 'answering';
}

/** What asking for a longer log brought. */
export interface Refreshed {
  readonly length: number;
  /** peers that answered */
  readonly peers: number;
  /** why there is none, when there is none */
  readonly silence?: Silence;
}

/** An index core: an append-only list of blocks under one key. */
export interface Log {
  readonly key: CoreKey;
  /** blocks known to exist; grows by append() and refresh() */
  readonly length: number;
  /** true when this home holds the secret key */
  readonly writable: boolean;
  /** @throws GtpkgError PERMISSION (not writable), LIMIT_EXCEEDED (a block over MAX_INDEX_BLOCK) */
  append(blocks: readonly Uint8Array[]): Promise<void>;
  /**
   * Block `index`, from the store or from peers.
   * @throws GtpkgError BLOCKS_MISSING, NO_PEER, OFFLINE, PEER_CORRUPT, LIMIT_EXCEEDED, INDEX_EQUIVOCATION
   */
  get(index: number, options?: WaitOptions): Promise<Buffer>;
  /**
   * Asks connected peers for a longer log and waits for their answers, at most `timeout`.
   * Never throws for want of peers: `peers` says how many answered; 0 means the length is only what was known before.
   */
  refresh(options?: WaitOptions): Promise<Refreshed>;
  close(): Promise<void>;
}

/** A peer on disk, in `peers.json`. */
export interface StoredPeer extends PeerAddress {
  /** `user`: named by hand or in an introduction, kept until removed; `seen`: once connected, may be displaced */
  readonly origin: 'user' | 'seen';
  /** RFC 3339, when it was last connected */
  readonly seen?: string;
  /** RFC 3339, until when it is refused because it sent corrupt blocks */
  readonly refusedUntil?: string;
}

export interface PeerStatus {
  readonly key: CoreKey;
  /** where it is, when known: of a connection, or as stored */
  readonly address?: Address;
  readonly connected: boolean;
  /** of a connection */
  readonly transport?: 'udx' | 'tcp';
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** bytes a second, now */
  readonly rateIn: number;
  readonly rateOut: number;
  /** cores that it says it holds whole; 0 when it says nothing */
  readonly holds: number;
  /** corrupt blocks in this process's life */
  readonly badBlocks: number;
  readonly refused: boolean;
}

export interface DepotStatus extends ServiceFacts {
  readonly publicKey: CoreKey;
  /** process that owns the store, and whether it is a daemon */
  readonly pid: number;
  readonly daemon: boolean;
  readonly offline: boolean;
  /** `none`: no DHT in use; `silent`: no node has answered yet */
  readonly dht: 'none' | 'silent' | 'answering';
  /** addresses of this machine on whose networks peers are looked for by multicast; none when that is off */
  readonly lan: readonly string[];
  /** where others can dial this node: `formatPeerAddress` gives the line for `peer add` */
  readonly listening?: PeerAddress;
  readonly peers: readonly PeerStatus[];
  /** index cores whose topic is joined */
  readonly topics: readonly CoreKey[];
  /** in the store, whole or in part */
  readonly cores: number;
  readonly blocks: number;
  /** bytes of these blocks, and what the store takes on disk */
  readonly heldBytes: number;
  readonly diskBytes: number;
  /** on the wire, since the store was opened */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** bytes a second, now */
  readonly rateIn: number;
  readonly rateOut: number;
  /** over all time, without what this process has not written down yet */
  readonly usage: Usage;
}

/** One static core in the store. */
export interface Holding {
  readonly key: CoreKey;
  readonly byteLength: number;
  /** bytes of it that are here */
  readonly held: number;
  /** connected peers that say they hold all of it */
  readonly seeders: number;
  /** when it was last opened for anybody, milliseconds since 1970, to the hour; 0 when that is not known */
  readonly used: number;
}

/** A static core in a file: the 32-byte hashes of its blocks stand at byte `leavesAt`, its content after them. */
export interface StaticPart {
  readonly path: string;
  readonly leavesAt: number;
  readonly ref: CoreRef;
}

/** What came of taking one: bytes held now, and blocks that were refused because they are not what the key says. */
export interface PartTaken {
  readonly held: number;
  readonly wrong: number;
}

/** A stretch of a file. */
export interface FileRange {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** What came of taking a piece of an index core: its length here, and whether it now reaches as far as the piece. */
export interface LogTaken {
  readonly length: number;
  readonly taken: boolean;
}

/** The store of cores and the way to peers. All methods may be called at once. */
export interface Depot {
  /** this node's transport key, the same as long as the home lives */
  readonly publicKey: CoreKey;
  /** true when a daemon does the work */
  readonly remote: boolean;
  /** Holds a file as a static core: same bytes, same key, on every machine; nothing is done when held already. */
  putStatic(path: string): Promise<CoreRef>;
  putStaticBytes(bytes: Uint8Array): Promise<CoreRef>;
  /** Bytes held of each, in order. */
  held(refs: readonly CoreRef[]): Promise<number[]>;
  /**
   * Returns when every block of every core is in the store.
   * @throws GtpkgError NO_PEER, BLOCKS_MISSING (`data.missing`: core and block ranges), PEER_CORRUPT, OFFLINE,
   * CORE_MISMATCH (a key that names something else than a static core of that size), NO_SPACE, TIMEOUT (aborted by `signal`)
   */
  fetch(refs: readonly CoreRef[], options?: FetchOptions): Promise<void>;
  /** Local reads only. Reading throws GtpkgError BLOCKS_MISSING when a block is not held, CORE_MISMATCH. */
  source(ref: CoreRef): ByteSource;
  /** The 32-byte hashes of the blocks of a held core, one after the other. @throws GtpkgError BLOCKS_MISSING, CORE_MISMATCH */
  leaves(ref: CoreRef): Promise<Buffer>;
  /**
   * Takes what is genuine and not held yet of a core in a file.
   * @throws GtpkgError CORE_MISMATCH when the hashes are not those of the key; FILE_NOT_FOUND, USAGE, NO_SPACE, IO_ERROR
   */
  putPart(part: StaticPart, options?: Pick<FetchOptions, 'signal' | 'onProgress'>): Promise<PartTaken>;
  /** Block 0 of a held index core and those from `from` on, with their proof. @throws GtpkgError BLOCKS_MISSING, LIMIT_EXCEEDED */
  readLogProof(key: CoreKey, from: number): Promise<Buffer>;
  /** Leads the replica here on to a proof in a file, if it fits. @throws GtpkgError CORE_MISMATCH when the proof is not genuine */
  putLogProof(range: FileRange): Promise<LogTaken>;
  /** A writable log of this home; the same name gives the same key. */
  createLog(name: string): Promise<CoreKey>;
  /** @throws GtpkgError CORE_MISMATCH when the key names a static core */
  openLog(key: CoreKey, options?: { readonly offline?: boolean }): Promise<Log>;
  /** Looks for peers under the topics of these index cores, and announces there when this node serves. */
  join(keys: readonly CoreKey[]): Promise<void>;
  /**
   * Notices kept of an index core that was joined, once the peers that follow it have said what they hold, or after `timeout`
   * milliseconds; 0 does not wait.
   */
  notices(key: CoreKey, timeout: number): Promise<Buffer[]>;
  /** Keeps a notice of our own and tells of it. Gives the number of peers that had asked for it when somebody has, or after `timeout`. */
  putNotice(key: CoreKey, bytes: Uint8Array, timeout: number): Promise<number>;
  /** Forgets notices, by their ids. */
  dropNotices(key: CoreKey, ids: readonly string[]): Promise<void>;
  /** Stores and dials; forgives an earlier refusal. */
  addPeers(peers: readonly PeerAddress[]): Promise<void>;
  removePeers(keys: readonly CoreKey[]): Promise<void>;
  peers(): Promise<readonly StoredPeer[]>;
  status(): Promise<DepotStatus>;
  /** All static cores that are here, whole or in part. */
  holdings(): Promise<readonly Holding[]>;
  /** Of each core, in order: how many connected peers say that they hold all of it. Their word is not proof. */
  seeders(keys: readonly CoreKey[]): Promise<number[]>;
  /**
   * Drops all blocks of these static cores; those that a fetch is after stay.
   * @returns the bytes dropped; the disk gets them back with reclaim()
   */
  free(keys: readonly CoreKey[]): Promise<number>;
  /** Shrinks the store's files towards `goal` bytes. @returns what they take then */
  reclaim(goal: number): Promise<number>;
  /** Of a daemon's depot: only this connection. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** `$GTPKG_HOME`; made when absent */
  readonly home: string;
  /** DHT nodes; undefined is the public DHT, an empty list no DHT at all (stored and named peers only) */
  readonly bootstrap?: readonly Address[] | undefined;
  /** decides which notices of an index core are kept and passed on; absent: none are taken */
  readonly judge?: ((key: CoreKey, bytes: Buffer) => Promise<boolean>) | undefined;
  /** look for peers on the local network by multicast */
  readonly lan?: boolean;
  /** touch no network */
  readonly offline?: boolean;
  /** where to be reachable for direct dials; implies serving */
  readonly listen?: Address | undefined;
  /** announce and accept connections, not only make them */
  readonly server?: boolean;
  /** bytes per second over all connections together; absent: as fast as it goes */
  readonly upRate?: number | undefined;
  readonly downRate?: number | undefined;
  /** false: take no TCP connections, as behind a firewall; whoever takes them is dialled over TCP all the same */
  readonly tcp?: boolean | undefined;
  /** connections at once; MAX_CONNECTIONS when absent */
  readonly maxConnections?: number | undefined;
  /** milliseconds without progress before a wait ends; TIMEOUT.idle when absent */
  readonly timeout?: number | undefined;
  /** `own`: do not use a daemon; for the daemon itself */
  readonly mode?: 'any' | 'own';
  /** called when the store cannot be written any more, as after a full disk: it has to be closed and opened again */
  readonly onBroken?: (() => void) | undefined;
}

/** A running service that can be stopped. */
export interface Closable {
  close(): Promise<void>;
}

/** What a daemon knows beside its depot. */
export interface ServiceFacts {
  /** bytes that it may hold */
  readonly limit?: number | undefined;
  /** milliseconds since 1970 */
  readonly started?: number | undefined;
}

/** The daemon's side of the socket. */
export interface DepotService extends Closable {
  /** Cores that commands which are connected now have fetched, stored or read: not to be freed under them. */
  inUse(): ReadonlySet<CoreKey>;
}

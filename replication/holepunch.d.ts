/**
 * What we use of the Holepunch packages, which ship no types. Nothing here is exported from the room:
 * other rooms see only our own types (index.ts). Names that start with `_` are the library's own
 * business; the few used stand here with the reason at the place of use.
 */

declare module 'hypercore' {
  import type { EventEmitter } from 'node:events';

  export interface KeyPair {
    readonly publicKey: Buffer;
    readonly secretKey: Buffer;
  }
  export interface TreeNode {
    readonly index: number;
    readonly size: number;
    readonly hash: Uint8Array;
  }
  export interface Manifest {
    readonly version: number;
    readonly quorum: number;
    readonly signers: readonly { readonly publicKey: Uint8Array }[];
    readonly prologue: { readonly hash: Uint8Array; readonly length: number } | null;
  }
  export interface Proof {
    readonly fork: number;
    readonly block: {
      readonly index: number;
      readonly value: Uint8Array;
      readonly nodes: readonly TreeNode[];
    } | null;
    readonly hash: null;
    readonly seek: null;
    readonly upgrade: {
      readonly start: number;
      readonly length: number;
      readonly nodes: readonly TreeNode[];
      readonly additionalNodes: readonly TreeNode[];
      readonly signature: Uint8Array | null;
    } | null;
    readonly manifest: Manifest | null;
  }
  /** Multiplexer of one connection. */
  export interface Muxer {
    /** false: what is sent now waits in memory */
    readonly drained: boolean;
    opened(channel: { protocol: string; id: Uint8Array }): boolean;
    pair(channel: { protocol: string; id?: Uint8Array }, notify: (id: Buffer) => Promise<void> | void): void;
    /** null when the connection is gone or the channel is open already */
    createChannel(options: {
      protocol: string;
      id?: Uint8Array;
      messages: readonly { onmessage(bytes: Buffer): void }[];
      onclose?: (remote: boolean) => void;
    }): Channel | null;
    [Symbol.iterator](): Iterator<{ readonly protocol: string }>;
  }
  export interface Channel {
    readonly protocol: string;
    readonly closed: boolean;
    readonly messages: readonly { send(bytes: Uint8Array): boolean }[];
    open(): void;
    close(): void;
  }
  /** An encrypted connection to one peer. */
  export interface Connection extends EventEmitter {
    readonly remotePublicKey: Buffer;
    readonly isInitiator: boolean;
    readonly userData: Muxer;
    /** settles when the other end has proven its key, or never will */
    readonly opened: Promise<boolean>;
    /** a UDX stream (remoteHost, rtt) or a TCP socket (remoteAddress) */
    readonly rawStream: {
      readonly remoteHost?: string;
      readonly remoteAddress?: string;
      readonly remotePort?: number;
      readonly rtt?: number;
    } | null;
    readonly rawBytesRead: number;
    readonly rawBytesWritten: number;
    readonly destroyed: boolean;
    readonly destroying: boolean;
    destroy(error?: Error): void;
    /** ends it after that many milliseconds of silence */
    setTimeout(milliseconds: number): void;
    sendKeepAlive(): void;
  }
  /** What a peer asks of us, verified by nobody. */
  export interface Request {
    readonly id: number;
    readonly block: { readonly index: number } | null;
  }
  /** Blocks that a download waits for. */
  export interface Range {
    readonly start: number;
    readonly end: number;
    readonly userEnd: number;
    readonly linear: boolean;
    readonly blocks: readonly number[] | null;
    readonly batches: readonly object[];
  }
  /** One block that peers were asked for, and when (Date.now()). */
  export interface BlockRequest {
    readonly index: number;
    readonly inflight: readonly { readonly timestamp: number; readonly peer: CorePeer }[];
  }
  /** One connection's view of one core. */
  export interface CorePeer {
    readonly replicator: Replicator;
    readonly removed: boolean;
    /** by id; a request that is cancelled is taken out */
    readonly remoteRequests: Map<number, Request>;
    readonly core: InternalCore;
    readonly syncsProcessing: number;
    /** blocks that have come and are being verified and stored */
    readonly dataProcessing: number;
    isActive(): boolean;
    getMaxInflight(): number;
    /** the next block from there that it has, and that is neither held nor asked of anybody; -1: none */
    _findNext(index: number): number;
    _remoteHasBlock(index: number): boolean;
    /** false: not possible now */
    _requestBlock(block: BlockRequest): boolean;
    _requestRange(range: Range): boolean;
    _requestRangeBlock(index: number, length: number): boolean;
    _populateRangeBatches(range: Range): void;
    _getValidEnd(end: number): number;
    _maybeWant(index: number, part: object): void;
    onrequest(request: Request): Promise<void>;
    /** answers a request that is still in remoteRequests */
    _handleRequest(request: Request): Promise<void>;
    readonly stream: Connection;
    readonly remotePublicKey: Buffer;
    readonly inflight: number;
    readonly remoteSynced: boolean;
    readonly remoteLength: number;
    readonly remoteFork: number;
    readonly remoteContiguousLength: number;
    readonly remoteBitfield: { get(index: number): boolean };
  }
  export interface Replicator {
    readonly constructor: {
      readonly Peer: { readonly prototype: CorePeer };
      readonly prototype: Replicator;
    };
    readonly hotswaps: { pick(peer: CorePeer): Iterable<BlockRequest> };
    updatePeer(peer: CorePeer): void;
    _updateHotswap(peer: CorePeer): void;
    allowFork: boolean;
    inflightRange: [number, number];
    readonly peers: readonly CorePeer[];
    attached(muxer: Muxer): boolean;
    attachTo(muxer: Muxer): void;
    detachFrom(muxer: Muxer): void;
    setInflightRange(min: number, max: number): void;
    /** corestore passes the option on only for cores that we open, not for those that peers ask for */
    _notDownloadingLinger: number;
  }
  /** Reads that go to the disk together, when told to. */
  export interface TreeReader {
    getTreeNode(index: number): Promise<TreeNode | null>;
    tryFlush(): void;
  }
  /** What all sessions of one core share. */
  export interface InternalCore {
    readonly replicator: Replicator;
    /** null while a core that is found by name opens */
    readonly discoveryKey: Buffer | null;
    readonly opened: boolean;
    /** what is stored of it; `signature` is of `length` */
    readonly state: {
      readonly byteLength: number;
      readonly length: number;
      readonly fork: number;
      readonly signature: Uint8Array | null;
      readonly storage: { read(): TreeReader };
    } | null;
    ready(): Promise<void>;
  }
  export interface Download {
    done(): Promise<boolean>;
    destroy(): void;
  }

  /** A store on disk, not yet opened. */
  export interface Storage {
    close(): Promise<void>;
  }

  export default class Hypercore {
    static key(manifest: Manifest): Buffer;
    static discoveryKey(key: Uint8Array): Buffer;
    /** `wait` false: fails when another process holds it; `writeBufferSize`: bytes that RocksDB gathers in memory, twice */
    static defaultStorage(directory: string, options: { wait: boolean; writeBufferSize: number }): Storage;
    readonly core: InternalCore;
    readonly key: Buffer;
    readonly discoveryKey: Buffer;
    readonly length: number;
    readonly contiguousLength: number;
    readonly fork: number;
    readonly writable: boolean;
    readonly manifest: Manifest | null;
    readonly peers: readonly CorePeer[];
    readonly closing: Promise<void> | null;
    ready(): Promise<void>;
    close(): Promise<void>;
    get(index: number, options?: { wait?: boolean; timeout?: number }): Promise<Buffer | null>;
    has(start: number, end?: number): Promise<boolean>;
    append(blocks: readonly Uint8Array[]): Promise<{ length: number }>;
    clear(start: number, end: number): Promise<unknown>;
    truncate(length: number, options?: { fork?: number }): Promise<void>;
    update(options?: { wait?: boolean }): Promise<boolean>;
    download(range: { start: number; end: number; linear?: boolean }): Download;
    applyProof(proof: Proof): Promise<boolean>;
    on(event: 'append' | 'ready' | 'close' | 'manifest', listener: () => void): this;
    on(event: 'upload', listener: (index: number, bytes: number, from: CorePeer) => void): this;
    /** `request` tells how long it took, in milliseconds; null when nobody asked */
    on(
      event: 'download',
      listener: (
        index: number,
        bytes: number,
        from: CorePeer,
        request: { readonly elapsed: number } | null,
      ) => void,
    ): this;
    on(
      event: 'verification-error',
      listener: (
        error: Error & { code?: string },
        request: unknown,
        response: unknown,
        from: CorePeer,
      ) => void,
    ): this;
    on(event: 'conflict', listener: (length: number, fork: number, proof: unknown) => void): this;
    on(event: 'peer-add' | 'peer-remove', listener: (peer: CorePeer) => void): this;
    off(event: string, listener: (...args: never[]) => void): this;
  }
}

/** hypercore's own judge of signatures over a tree, for proofs that come from no peer. */
declare module 'hypercore/lib/verifier.js' {
  import type { Manifest } from 'hypercore';

  export interface SignedTree {
    readonly length: number;
    hash(): Uint8Array;
    signable(context: Uint8Array): Uint8Array;
  }
  export default class Verifier {
    constructor(key: Uint8Array, manifest: Manifest);
    verify(tree: SignedTree, signature: Uint8Array): boolean;
    static encodeManifest(manifest: Manifest): Buffer;
    static decodeManifest(bytes: Uint8Array): Manifest;
    static isValidManifest(key: Uint8Array, manifest: Manifest): boolean;
  }
}

declare module 'hypercore/lib/caps.js' {
  const caps: {
    treeSignable(context: Uint8Array, treeHash: Uint8Array, length: number, fork: number): Buffer;
  };
  export default caps;
}

declare module 'corestore' {
  import type Hypercore from 'hypercore';
  import type { Connection, InternalCore, Manifest, Muxer, Storage } from 'hypercore';

  export interface GetOptions {
    readonly key?: Uint8Array;
    readonly discoveryKey?: Uint8Array;
    readonly name?: string;
    readonly manifest?: Manifest;
    readonly active?: boolean;
    readonly allowFork?: boolean;
    readonly writable?: boolean;
  }
  export default class Corestore {
    constructor(storage: string | Storage);
    readonly cores: Iterable<InternalCore> & { readonly size: number };
    readonly storage: {
      /** its file lock; null when read only */
      readonly deviceFile: { close(): Promise<void> } | null;
      readonly rocks: { flush(): Promise<void>; close(options: { force: boolean }): Promise<void> };
      /** the part of the database that cores are in */
      readonly db: {
        flush(): Promise<void>;
        compactRange(options: {
          blobGarbageCollectionPolicy: number;
          blobGarbageCollectionAgeCutoff: number;
          bottommostLevelCompaction: number;
        }): Promise<void>;
      };
      hasCore(discoveryKey: Uint8Array): Promise<boolean>;
      /** to be closed */
      resumeCore(discoveryKey: Uint8Array): Promise<CoreStorage | null>;
      /** null for a core that is not stored */
      getInfos(discoveryKeys: readonly Buffer[]): Promise<(CoreInfo | null)[]>;
    };
    ready(): Promise<void>;
    close(): Promise<void>;
    get(options: GetOptions): Hypercore;
    namespace(name: string): Corestore;
    list(): AsyncIterable<Buffer>;
    watch(onopen: (core: InternalCore) => void): void;
    replicate(connection: Connection): unknown;
    _attachMaybe(muxer: Muxer, discoveryKey: Uint8Array): Promise<void>;
  }
  export interface CoreStorage {
    /** reads that go to the disk together, when told to */
    read(): {
      getAuth(): Promise<CoreInfo['auth']>;
      getHead(): Promise<CoreInfo['head']>;
      getHints(): Promise<CoreInfo['hints']>;
      getTreeNode(index: number): Promise<{ readonly size: number } | null>;
      getBlock(index: number): Promise<Buffer | null>;
      tryFlush(): void;
    };
    close(): Promise<void>;
  }
  export interface CoreInfo {
    readonly discoveryKey: Buffer;
    readonly auth: { readonly key: Buffer; readonly manifest: Manifest | null } | null;
    readonly head: { readonly length: number } | null;
    readonly hints: { readonly contiguousLength: number; readonly recovering?: number } | null;
  }
}

declare module '@hyperswarm/secret-stream' {
  import type { Connection, KeyPair } from 'hypercore';

  export interface SecretStreamOptions {
    readonly keyPair?: KeyPair;
    readonly publicKey?: Buffer;
    readonly remotePublicKey?: Buffer;
    readonly keepAlive?: number;
    readonly autoStart?: boolean;
  }
  interface SecretStream extends Connection {
    start(raw: unknown, options: SecretStreamOptions): void;
    /** the stream below, which may be replaced only before _open runs */
    _rawStream: unknown;
    _open(done: (error: Error | null) => void): void;
    _read(done: (error: null) => void): void;
  }
  const NoiseSecretStream: new (
    isInitiator: boolean,
    raw: unknown,
    options: SecretStreamOptions,
  ) => SecretStream;
  export default NoiseSecretStream;
}

declare module 'protomux' {
  import type { Connection, Muxer } from 'hypercore';

  const Protomux: { from(connection: Connection): Muxer };
  export default Protomux;
}

declare module 'hypercore-crypto' {
  import type { KeyPair, TreeNode } from 'hypercore';

  export interface HypercoreCrypto {
    data(block: Uint8Array): Buffer;
    parent(a: TreeNode, b: TreeNode): Buffer;
    tree(roots: readonly TreeNode[]): Buffer;
    keyPair(seed?: Uint8Array): KeyPair;
    randomBytes(length: number): Buffer;
  }
  const crypto: HypercoreCrypto;
  export default crypto;
}

declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events';
  import type { SecretStreamOptions } from '@hyperswarm/secret-stream';
  import type { Connection, KeyPair } from 'hypercore';

  export interface Endpoint {
    readonly host: string;
    readonly port: number;
  }
  type CreateSecretStream = (isInitiator: boolean, raw: never, options: SecretStreamOptions) => Connection;
  export interface ConnectOptions {
    readonly keyPair?: KeyPair;
    readonly relayAddresses?: readonly Endpoint[] | null;
    readonly createSecretStream?: CreateSecretStream;
  }
  export interface DHTOptions {
    readonly bootstrap?: readonly Endpoint[];
    readonly host?: string;
    /** `[first, beyond the last]`: tried in order; `[0, 0]` is any free port */
    readonly port?: number | readonly [number, number];
    readonly anyPort?: boolean;
    readonly firewalled?: boolean;
    readonly ephemeral?: boolean;
    readonly keyPair?: KeyPair;
  }
  /** A walk through the DHT; ends by itself. */
  export interface Query extends AsyncIterable<{
    readonly peers: readonly { readonly publicKey: Buffer; readonly relayAddresses: readonly Endpoint[] }[];
  }> {
    readonly closestNodes: readonly unknown[];
    finished(): Promise<void>;
    destroy(): void;
  }
  export interface Server {
    readonly relayAddresses: readonly Endpoint[];
    listen(keyPair: KeyPair): Promise<void>;
    close(): Promise<void>;
  }
  export default class HyperDHT extends EventEmitter {
    constructor(options: DHTOptions);
    /** A first node: it is told the address that others see. */
    static bootstrapper(port: number, host: string, options: DHTOptions): HyperDHT;
    readonly host: string | null;
    readonly online: boolean;
    readonly destroyed: boolean;
    readonly stats: { readonly requests: { readonly responses: number; readonly timeouts: number } };
    bind(): Promise<void>;
    fullyBootstrapped(): Promise<void>;
    address(): Endpoint | null;
    localAddress(): Endpoint | null;
    connect(publicKey: Uint8Array, options?: ConnectOptions): Connection;
    createServer(
      options: { firewall?: (remotePublicKey: Buffer) => boolean; createSecretStream?: CreateSecretStream },
      onconnection: (connection: Connection) => void,
    ): Server;
    lookup(topic: Uint8Array, options?: object): Query;
    /** `clear`: older announcements of the same key are taken back first */
    announce(
      topic: Uint8Array,
      keyPair: KeyPair,
      relays: readonly Endpoint[],
      options?: { clear?: boolean; closestNodes?: readonly unknown[] | null },
    ): Query;
    unannounce(
      topic: Uint8Array,
      keyPair: KeyPair,
      options?: { closestNodes?: readonly unknown[]; onlyClosestNodes?: boolean; force?: boolean },
    ): Promise<void>;
    destroy(options?: { force?: boolean }): Promise<void>;
    on(event: 'network-change' | 'network-update', listener: () => void): this;
  }
}

declare module 'hyperswarm/lib/peer-discovery.js' {
  import type { KeyPair } from 'hypercore';
  import type HyperDHT from 'hyperdht';
  import type { Endpoint } from 'hyperdht';

  /** What it uses of a Hyperswarm. */
  export interface DiscoveryHost {
    readonly dht: HyperDHT;
    readonly keyPair: KeyPair;
    readonly server: { readonly relayAddresses: readonly Endpoint[] };
    readonly listening: Promise<void> | null;
    readonly connections: { has(id: string): boolean };
    listen(): Promise<void>;
    leave(topic: Buffer): Promise<void>;
  }
  export interface Discovery {
    /** false when it failed */
    refresh(options: { server: boolean; client: boolean }): Promise<boolean>;
  }
  export default class PeerDiscovery {
    constructor(
      host: DiscoveryHost,
      topic: Buffer,
      options: {
        onpeer(peer: { publicKey: Buffer; relayAddresses: readonly Endpoint[] }): void;
        onerror(error: unknown): void;
      },
    );
    session(options: { server: boolean; client: boolean; onerror(error: unknown): void }): Discovery;
    destroy(): Promise<void> | undefined;
  }
}

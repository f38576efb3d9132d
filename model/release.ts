/**
 * What the rooms hand each other about releases.
 */
import type { Control } from './control.js';
import type { CoreKey, Fingerprint, Oid, Sha256 } from './ids.js';
import type { Manifest, ManifestEntry } from './manifest.js';
import type { Verified } from './verified.js';

/** Names one release. */
export interface ReleaseId {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** Where the bytes of an immutable core are: its key and how many bytes it holds. */
export interface CoreRef {
  readonly key: CoreKey;
  readonly byteLength: number;
}

/** What a release's index entry pins, beside its control fields. */
export interface ReleasePin extends ReleaseId {
  readonly core: CoreRef;
  /** git oid of the signed tag object */
  readonly tag: Oid;
  /** id that the release's tree has under git's SHA-256 object format */
  readonly tree: Sha256;
  /** primary fingerprint of the release's signer */
  readonly signer: Fingerprint;
  /**
   * When the index first listed this tag, as its roots say: the clock by which the signer's key is judged, since nobody but they can
   * choose it. Absent in older indexes: the key is then judged now.
   */
  readonly listed?: Date;
}

/** One more signature on a release, made later or by somebody else than its signer. */
export interface Cosignature {
  /** primary fingerprint that it claims; proven only by checking it */
  readonly signer: Fingerprint;
  /** the signed annotated tag object, raw */
  readonly tag: Uint8Array;
}

/** A delta of a release, as its index entry lists it: another core that, with an older release at hand, gives the same files. */
export interface DeltaRef {
  /** version of the older release, for people */
  readonly version: string;
  /** the first 16 hex digits of the older release's Tree-SHA256: says which release it is, vouches for nothing */
  readonly from: string;
  readonly core: CoreRef;
}

/**
 * The older release that a delta builds upon: its manifest, and its files as they are now. Nothing of it has to be trusted: what
 * comes out is checked against the newer release's signature.
 */
export interface Basis {
  readonly tree: Sha256;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** A file of the manifest (type `f`). @throws GtpkgError DELTA_UNUSABLE when it is gone or has another size */
  open(entry: ManifestEntry): Promise<BasisFile>;
}

/** One file of a basis, for reading anywhere in it. Must be closed. */
export interface BasisFile {
  readonly size: number;
  /** Exactly these bytes, in a buffer that is the caller's. @throws GtpkgError DELTA_UNUSABLE when there are fewer */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Random access to the bytes of something: a file, a core, a socket. */
export interface ByteSource {
  readonly byteLength: number;
  /** Exactly `length` bytes from `offset`, in chunks of any size. Throws GtpkgError when they can't be had. */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
}

/** The maintainer scripts that a release may carry. */
export const SCRIPT_NAMES = [
  'preinst',
  'postinst',
  'prerm',
  'postrm',
  'config',
  'triggers',
  'templates',
  'shlibs',
  'symbols',
] as const;
export type ScriptName = (typeof SCRIPT_NAMES)[number];

/** Takes the payload as it is verified. Calls come in manifest order, awaited one by one. */
export interface PayloadSink {
  /** every entry but files: directories, links, devices */
  entry(entry: ManifestEntry): Promise<void> | void;
  /**
   * A file's contents. In an array they were checked already; a stream is checked after its last chunk, and extract() throws when they are
   * not the signed ones.
   */
  file(entry: ManifestEntry, chunks: readonly Uint8Array[] | AsyncIterable<Uint8Array>): Promise<void> | void;
  /** true: it is done with a chunk when it asks for the next one or returns, whose memory may then be used again */
  readonly isTransient?: boolean;
}

/** What a payload must be, from a release that was verified up to it. Plain data: any thread can hold a payload to it. */
export interface PayloadPlan {
  /** where it is in the release's core */
  readonly section: {
    readonly name: 'payload';
    readonly offset: number;
    readonly length: number;
    /** bytes before compression */
    readonly rawLength: number;
    readonly sha256: Sha256;
  };
  readonly manifest: Manifest;
  /** id of the `data/` tree, from the signed root tree */
  readonly tree: Oid | undefined;
  /** its SHA-256 id, proven by that of the root tree */
  readonly tree256: Sha256 | undefined;
}

/** A release whose signature, tree and manifest have been checked; contents are checked while they stream. */
export interface ReleaseHead {
  readonly pin: ReleasePin;
  readonly control: Control;
  readonly manifest: Manifest;
  /** the manifest's exact bytes, to be kept in the root */
  readonly manifestBytes: Uint8Array;
  /** paths, as byte strings without a leading slash */
  readonly conffiles: readonly string[];
  /** the same, of those that go when it comes (`remove-on-upgrade`): deb-conffiles(5) */
  readonly goneConffiles: readonly string[];
  readonly scripts: ReadonlyMap<string, Uint8Array>;
  /**
   * Streams the payload into `sink`, checking size, SHA-256 and both git oids of every file against the signed tree.
   * Resolves only when everything was seen and matched; whatever the sink wrote before a throw must be thrown away.
   * @throws GtpkgError PAYLOAD_CORRUPT
   */
  extract(sink: PayloadSink): Promise<void>;
  /** What extract() does, for who does it elsewhere; undefined when that cannot be (a delta needs the files of the older release) */
  readonly payload?: PayloadPlan;
}

/** The only thing that the installer accepts. */
export type VerifiedRelease = Verified<ReleaseHead>;

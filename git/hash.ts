/**
 * Object ids: git's SHA-1 ids, the ids the same objects have under git's SHA-256 object format, and plain SHA-256.
 */
import { createHash } from 'node:crypto';
import { digestOf } from '../system/digest.js';
import { GtpkgError, type Oid, type Sha256 } from '../model/index.js';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

/** One object: its type and its body, without git's `type size\0` header. */
export interface GitObject {
  readonly type: ObjectType;
  readonly body: Buffer;
}

const header = (type: ObjectType, size: number): string => `${type} ${size}\0`;

/** Up to this size a copy with git's header before it costs less than a Hash. */
const SMALL = 32 * 1024;

function framed(type: ObjectType, body: Uint8Array): Buffer {
  const head = header(type, body.length);
  const all = Buffer.allocUnsafe(head.length + body.length);
  all.write(head, 'latin1');
  all.set(body, head.length);
  return all;
}

function objectDigest(algorithm: 'sha1' | 'sha256', type: ObjectType, body: Uint8Array): string {
  if (body.length <= SMALL) return digestOf(algorithm, framed(type, body));
  return createHash(algorithm).update(header(type, body.length)).update(body).digest('hex');
}

/** The id git gives the object (SHA-1). */
export function hashObject(type: ObjectType, body: Uint8Array): Oid {
  return objectDigest('sha1', type, body) as Oid;
}

/**
 * The id under `--object-format=sha256`. Trees, commits and tags hold ids themselves, so their bodies must have been
 * written with SHA-256 ids (encodeTree256).
 */
export function hashObject256(type: ObjectType, body: Uint8Array): Sha256 {
  return objectDigest('sha256', type, body) as Sha256;
}

/** SHA-256 of bytes. */
export function sha256(bytes: Uint8Array): Sha256 {
  return digestOf('sha256', bytes) as Sha256;
}

/** The three digests of a blob. */
export interface BlobDigests {
  readonly oid: Oid;
  readonly oid256: Sha256;
  readonly sha256: Sha256;
}

/** Hashes a blob whose size is known before its bytes are, all three ways in one pass. */
export class BlobHasher {
  readonly #size: number;
  readonly #oid = createHash('sha1');
  readonly #oid256 = createHash('sha256');
  readonly #plain = createHash('sha256');
  #seen = 0;

  /** @param size - bytes that will follow, exactly */
  constructor(size: number) {
    this.#size = size;
    this.#oid.update(header('blob', size));
    this.#oid256.update(header('blob', size));
  }

  update(chunk: Uint8Array): this {
    this.#seen += chunk.length;
    this.#oid.update(chunk);
    this.#oid256.update(chunk);
    this.#plain.update(chunk);
    return this;
  }

  /** @throws GtpkgError OBJECT_CORRUPT when more or fewer bytes came than were announced */
  digest(): BlobDigests {
    if (this.#seen !== this.#size) {
      throw new GtpkgError('OBJECT_CORRUPT', `a blob of ${this.#size} bytes came with ${this.#seen}`, {
        data: { expected: this.#size, actual: this.#seen },
      });
    }
    return {
      oid: this.#oid.digest('hex') as Oid,
      oid256: this.#oid256.digest('hex') as Sha256,
      sha256: this.#plain.digest('hex') as Sha256,
    };
  }
}

/** All three digests of a blob in memory. */
export function hashBlob(body: Uint8Array): BlobDigests {
  if (body.length > SMALL) return new BlobHasher(body.length).update(body).digest();
  const object = framed('blob', body);
  return {
    oid: digestOf('sha1', object) as Oid,
    oid256: digestOf('sha256', object) as Sha256,
    sha256: digestOf('sha256', body) as Sha256,
  };
}

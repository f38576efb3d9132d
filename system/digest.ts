/** Digests of bytes that are all at hand. */
import * as crypto from 'node:crypto';

type AtOnce = (algorithm: string, data: Uint8Array, encoding: 'hex') => string;

// From Node 20.12 on; types are those of an older one. Of a small piece the digest itself is the least of the work: without a Hash it takes a third of the time.
const { hash: atOnce } = crypto as { hash?: AtOnce };

/** In hex. */
export const digestOf: (algorithm: 'md5' | 'sha1' | 'sha256', bytes: Uint8Array) => string =
  atOnce === undefined
    ? (algorithm, bytes) => crypto.createHash(algorithm).update(bytes).digest('hex')
    : (algorithm, bytes) => atOnce(algorithm, bytes, 'hex');

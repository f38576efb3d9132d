/**
 * Signatures over bytes, checked by OpenSSL: a thousand index commits must not take seconds. RFC 9580 §5.2.4 for version 4, and nothing else of
 * it: the packet has been read by signature.ts, the key by PublicKey.parse, and what both mean is verify.ts's to judge.
 *
 * It says yes exactly where openpgp says yes (test/trust/native.test.ts holds them against each other), but for one case: openpgp
 * also takes ECDSA signatures over a digest without its leading zero byte, for the sake of old mistakes of its own; gpg does not, nor does this.
 */
import {
  createHash,
  createPublicKey,
  createVerify,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { ALGORITHM, readKeyMaterial, readMpi, uint, type Packet } from './packets.js';

// RFC 9580 §9.5: SHA-256, SHA-384, SHA-512; the others are refused before.
const HASHES: Readonly<Record<number, string>> = { 8: 'sha256', 9: 'sha384', 10: 'sha512' };
// Object identifiers of certificate.ts's curves, their names in a JSON Web Key (RFC 7518 §6.2.1.1) and bytes of a coordinate.
const CURVES: Readonly<Record<string, { readonly crv: string; readonly size: number }>> = {
  '2a8648ce3d030107': { crv: 'P-256', size: 32 },
  '2b81040022': { crv: 'P-384', size: 48 },
  '2b81040023': { crv: 'P-521', size: 66 },
};
const ED25519 = '2b06010401da470f01';

interface NativeKey {
  readonly algorithm: number;
  readonly key: KeyObject;
  /** bytes of each number of a signature; RSA: of the only one */
  readonly size: number;
}

// One key signs many commits; null where OpenSSL does not take it.
const opened = new WeakMap<Packet, NativeKey | null>();

function number(data: Buffer, at: number): { bytes: Buffer; end: number } {
  const { end } = readMpi(data, at);
  return { bytes: data.subarray(at + 2, end), end };
}

function openKey(packet: Packet): NativeKey | null {
  const { algorithm, curve, publicBody } = readKeyMaterial(packet);
  const jwk = (fields: JsonWebKey): KeyObject => createPublicKey({ format: 'jwk', key: fields });
  if (algorithm === ALGORITHM.rsa || algorithm === ALGORITHM.rsaSign) {
    const n = number(publicBody, 6);
    const e = number(publicBody, n.end);
    const key = jwk({ kty: 'RSA', n: n.bytes.toString('base64url'), e: e.bytes.toString('base64url') });
    return { algorithm, key, size: n.bytes.length };
  }
  const point = number(publicBody, 7 + uint(publicBody, 6, 1)).bytes;
  if (algorithm === ALGORITHM.eddsaLegacy && curve === ED25519) {
    if (point.length !== 33 || point[0] !== 0x40) return null;
    const key = jwk({ kty: 'OKP', crv: 'Ed25519', x: point.subarray(1).toString('base64url') });
    return { algorithm, key, size: 32 };
  }
  const known = algorithm === ALGORITHM.ecdsa ? CURVES[curve] : undefined;
  if (known === undefined || point[0] !== 4 || point.length !== 1 + 2 * known.size) return null;
  const [x, y] = [point.subarray(1, 1 + known.size), point.subarray(1 + known.size)];
  const key = jwk({
    kty: 'EC',
    crv: known.crv,
    x: x.toString('base64url'),
    y: y.toString('base64url'),
  });
  return { algorithm, key, size: known.size };
}

function keyOf(packet: Packet): NativeKey | null {
  let key = opened.get(packet);
  if (key === undefined) {
    try {
      key = openKey(packet);
    } catch {
      key = null; // a point that is not on its curve, say: nothing was signed by that
    }
    opened.set(packet, key);
  }
  return key;
}

// The numbers of the signature, each padded to `size` bytes; undefined when one is longer.
function numbers(body: Buffer, at: number, size: number, count: number): Buffer | undefined {
  const out = Buffer.alloc(size * count);
  for (let i = 1; i <= count; i++) {
    const { bytes, end } = number(body, at);
    if (bytes.length > size) return undefined;
    bytes.copy(out, size * i - bytes.length);
    at = end;
  }
  return out;
}

/**
 * True when `body`, the body of a version 4 signature packet that `readSignatureFields` has read, is by the key `packet` over `signed`.
 * @param packet - a public key or subkey
 */
export function isSignedNatively(packet: Packet, body: Buffer, signed: Uint8Array): boolean {
  const key = keyOf(packet);
  const hash = HASHES[body[3] ?? 0];
  if (key === null || hash === undefined || body[2] !== key.algorithm) return false;
  const hashedEnd = 6 + uint(body, 4, 2);
  const numbersAt = hashedEnd + 2 + uint(body, hashedEnd, 2) + 2;
  // §5.2.4: what is signed, the packet up to the end of its hashed area, and how long that is
  const trailer = Buffer.alloc(6);
  trailer.writeUInt16BE(0x04ff, 0);
  trailer.writeUInt32BE(hashedEnd, 2);
  const parts = [signed, body.subarray(0, hashedEnd), trailer];
  const digest = createHash(hash);
  for (const part of parts) digest.update(part);
  const digested = digest.digest();
  // its first two bytes stand in the packet: another value there would be another spelling of the same signature
  if (!digested.subarray(0, 2).equals(body.subarray(numbersAt - 2, numbersAt))) return false;
  const count = key.algorithm === ALGORITHM.ecdsa || key.algorithm === ALGORITHM.eddsaLegacy ? 2 : 1;
  const value = numbers(body, numbersAt, key.size, count);
  if (value === undefined) return false;
  // EdDSA signs the digest as a message; OpenSSL hashes for the others, and then knows what it hashed
  if (key.algorithm === ALGORITHM.eddsaLegacy) return verify(null, digested, key.key, value);
  const verifier = createVerify(hash);
  for (const part of parts) verifier.update(part);
  return verifier.verify({ key: key.key, dsaEncoding: 'ieee-p1363' }, value);
}

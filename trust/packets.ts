/**
 * OpenPGP packets (RFC 9580 §4, §5.5) taken apart without cryptography: framing and key material.
 * Pure; throws plain Errors that say what is wrong. openpgp gets only what has passed here, so its more
 * tolerant parser never decides what a byte means. Version 4 only.
 */
import { createHash } from 'node:crypto';

/** Packet types that stand in keys and detached signatures. */
export const TAG = {
  signature: 2,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  marker: 10,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  attribute: 17,
} as const;

/** One packet. */
export interface Packet {
  readonly tag: number;
  readonly body: Buffer;
}

/** Splits a sequence of packets; lengths must be definite and everything used up. @throws Error */
export function readPackets(data: Buffer, max: number): Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  while (at < data.length) {
    if (packets.length >= max) throw new Error(`more than ${max} packets`);
    const head = data[at++] ?? 0;
    if ((head & 0x80) === 0) throw new Error('not an OpenPGP packet');
    let length: number;
    if (head & 0x40) {
      const first = data[at++];
      if (first === undefined) throw new Error('a packet is cut short');
      if (first < 192) length = first;
      else if (first < 224) length = ((first - 192) << 8) + byteAt(data, at++) + 192;
      else if (first === 255) {
        length = uint(data, at, 4);
        at += 4;
      } else throw new Error('a packet of partial length');
    } else {
      const size = [1, 2, 4, 0][head & 3] ?? 0;
      if (size === 0) throw new Error('a packet without a length');
      length = uint(data, at, size);
      at += size;
    }
    if (at + length > data.length) throw new Error('a packet is cut short');
    packets.push({ tag: head & 0x40 ? head & 0x3f : (head >> 2) & 15, body: data.subarray(at, at + length) });
    at += length;
  }
  return packets;
}

/** The packet with a new-format header in its shortest form. */
export function writePacket({ tag, body }: Packet): Buffer {
  const n = body.length;
  const length =
    n < 192
      ? [n]
      : n < 8384
        ? [((n - 192) >> 8) + 192, (n - 192) & 255]
        : [255, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255];
  return Buffer.concat([Buffer.from([0xc0 | tag, ...length]), body]);
}

/** One byte. @throws Error past the end */
export function byteAt(data: Buffer, at: number): number {
  const value = data[at];
  if (value === undefined) throw new Error('cut short');
  return value;
}

/** A big-endian number of `size` bytes. @throws Error past the end */
export function uint(data: Buffer, at: number, size: 1 | 2 | 4 | number): number {
  if (at + size > data.length) throw new Error('cut short');
  return data.readUIntBE(at, size);
}

/** Multiprecision integer: its length in bits must be exact. Gives the offset after it and its bits. @throws Error */
export function readMpi(data: Buffer, at: number): { end: number; bits: number } {
  const bits = uint(data, at, 2);
  const end = at + 2 + ((bits + 7) >> 3);
  if (end > data.length || bits === 0) throw new Error('a number is cut short or empty');
  if (32 - Math.clz32(byteAt(data, at + 2)) !== ((bits - 1) & 7) + 1)
    throw new Error('a number has the wrong bit length');
  return { end, bits };
}

/** Public-key algorithms, RFC 9580 §9.1. */
export const ALGORITHM = {
  rsa: 1,
  rsaEncrypt: 2,
  rsaSign: 3,
  elgamal: 16,
  dsa: 17,
  ecdh: 18,
  ecdsa: 19,
  eddsaLegacy: 22,
} as const;

/** A key packet's public half. */
export interface KeyMaterial {
  readonly fingerprint: string;
  readonly keyId: string;
  /** seconds since 1970 */
  readonly created: number;
  readonly algorithm: number;
  /** size of the RSA modulus or of DSA's prime; 0 for curves */
  readonly bits: number;
  /** object identifier of the curve, hex; '' for others */
  readonly curve: string;
  /** the public half of the body: all of it in a public key packet */
  readonly publicBody: Buffer;
  /** what follows in a secret key packet */
  readonly secretBody: Buffer;
}

/** Reads a public or secret (sub)key packet. @throws Error, also for versions and algorithms that gpg 2.2 lacks */
export function readKeyMaterial({ tag, body }: Packet): KeyMaterial {
  const version = byteAt(body, 0);
  if (version !== 4) throw new Error(`a key of version ${version}; only version 4 is read`);
  const created = uint(body, 1, 4);
  const algorithm = byteAt(body, 5);
  let at = 6;
  let bits = 0;
  let curve = '';
  const mpis = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const mpi = readMpi(body, at);
      if (i === 0) bits = mpi.bits;
      at = mpi.end;
    }
  };
  switch (algorithm) {
    case ALGORITHM.rsa:
    case ALGORITHM.rsaEncrypt:
    case ALGORITHM.rsaSign: {
      mpis(1);
      const exponent = readMpi(body, at);
      if (exponent.bits > 64) throw new Error('an RSA exponent beyond 64 bits');
      at = exponent.end;
      break;
    }
    case ALGORITHM.elgamal:
      mpis(3);
      break;
    case ALGORITHM.dsa:
      mpis(4);
      break;
    case ALGORITHM.ecdh:
    case ALGORITHM.ecdsa:
    case ALGORITHM.eddsaLegacy: {
      const length = uint(body, at, 1);
      curve = body.subarray(at + 1, at + 1 + length).toString('hex');
      at += 1 + length;
      mpis(1);
      bits = 0;
      if (algorithm === ALGORITHM.ecdh) at += 1 + uint(body, at, 1);
      break;
    }
    default:
      throw new Error(`key algorithm ${algorithm}, which gpg 2.2 can not read`);
  }
  const isPublic = tag === TAG.publicKey || tag === TAG.publicSubkey;
  if (at > body.length || (isPublic && at !== body.length)) throw new Error('a key of the wrong length');
  const publicBody = body.subarray(0, at);
  const prefix = Buffer.from([0x99, publicBody.length >> 8, publicBody.length & 255]);
  const fingerprint = createHash('sha1').update(prefix).update(publicBody).digest('hex').toUpperCase();
  const keyId = fingerprint.slice(-16);
  return { fingerprint, keyId, created, algorithm, bits, curve, publicBody, secretBody: body.subarray(at) };
}

/** How the secret half of a key packet is kept. */
export type Protection = 'none' | 'passphrase' | 'absent';

/** 'absent' is GnuPG's stub for a secret that lives elsewhere (offline primary, smart card). */
export function readProtection(key: KeyMaterial): Protection {
  const secret = key.secretBody;
  const usage = secret[0];
  if (usage === undefined) return 'absent';
  if (usage >= 253 && secret[usage === 253 ? 3 : 2] === 101) return 'absent';
  return usage === 0 ? 'none' : 'passphrase';
}

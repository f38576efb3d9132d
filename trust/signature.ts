/**
 * What a signature packet says (RFC 9580 §5.2), read without cryptography. Pure; throws plain Errors. Version 4 only.
 *
 * Only the hashed area is believed; from the other one come the issuer, which is a hint, and the embedded signature, which
 * is verified by itself.
 */
import { ALGORITHM, byteAt, readMpi, uint } from './packets.js';

/** Signature types, RFC 9580 §5.2.1. */
export const TYPE = {
  binary: 0x00,
  text: 0x01,
  certGeneric: 0x10,
  certPositive: 0x13,
  subkeyBinding: 0x18,
  keyBinding: 0x19,
  direct: 0x1f,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
  certRevocation: 0x30,
} as const;

/** What a version 4 signature says, before anybody has verified it. */
export interface SignatureFields {
  readonly type: number;
  readonly algorithm: number;
  readonly hash: number;
  /** seconds since 1970, from the hashed area */
  readonly created: number;
  /** seconds after `created`; 0 for never */
  readonly expiresIn: number;
  /** seconds after the key's creation; 0 for never, undefined when not said */
  readonly keyExpiresIn: number | undefined;
  readonly keyFlags: number | undefined;
  readonly primaryUserId: boolean;
  /** reason for revocation, RFC 9580 §5.2.3.31; undefined when none, or not exactly one, is given */
  readonly reason: number | undefined;
  /** 16 hex digits, from either area: a hint where to look */
  readonly issuerId: string | undefined;
  /** 40 hex digits */
  readonly issuerFingerprint: string | undefined;
  readonly embedded: Buffer | undefined;
  /** what is marked critical and not understood here, in words */
  readonly unknownCritical: string | undefined;
  /** true when the unsigned area holds nothing but an issuer key id, every length is minimal and nothing stands twice */
  readonly tight: boolean;
}

const SUB = {
  created: 2,
  expires: 3,
  keyExpires: 9,
  issuerId: 16,
  notation: 20,
  primaryUserId: 25,
  keyFlags: 27,
  reason: 29,
  embedded: 32,
  issuerFingerprint: 33,
} as const;
// Understood, or without meaning for what gtpkg asks: fine when marked critical. RFC 9580 §5.2.3.7
const KNOWN = new Set([2, 3, 4, 7, 9, 11, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 32, 33, 34, 39]);

interface Subpacket {
  readonly type: number;
  readonly critical: boolean;
  readonly value: Buffer;
}

function readSubpackets(area: Buffer): { list: Subpacket[]; minimal: boolean } {
  const list: Subpacket[] = [];
  let minimal = true;
  let at = 0;
  while (at < area.length) {
    const first = byteAt(area, at++);
    let length = first;
    if (first === 255) {
      length = uint(area, at, 4);
      at += 4;
      minimal &&= length >= 16320;
    } else if (first >= 192) length = ((first - 192) << 8) + byteAt(area, at++) + 192;
    if (length === 0 || at + length > area.length) throw new Error('a subpacket is cut short or empty');
    const type = byteAt(area, at);
    list.push({ type: type & 127, critical: type > 127, value: area.subarray(at + 1, at + length) });
    at += length;
  }
  return { list, minimal };
}

/** Reads a signature packet's body. @throws Error, also for other versions than 4 */
export function readSignatureFields(body: Buffer): SignatureFields {
  const version = byteAt(body, 0);
  if (version !== 4) throw new Error(`a signature of version ${version}; only version 4 is read`);
  const [type, algorithm, hash] = [byteAt(body, 1), byteAt(body, 2), byteAt(body, 3)];
  const hashedEnd = 6 + uint(body, 4, 2);
  const unhashedEnd = hashedEnd + 2 + uint(body, hashedEnd, 2);
  if (unhashedEnd + 2 > body.length) throw new Error('a signature is cut short');
  let at = unhashedEnd + 2;
  const numbers = { [ALGORITHM.rsa]: 1, [ALGORITHM.rsaSign]: 1 }[algorithm] ?? 2;
  for (let i = 0; i < numbers; i++) at = readMpi(body, at).end;
  if (at !== body.length) throw new Error('bytes after the numbers of the signature');

  const hashed = readSubpackets(body.subarray(6, hashedEnd));
  const unhashed = readSubpackets(body.subarray(hashedEnd + 2, unhashedEnd));
  const once = (sub: number, size: number): Buffer | undefined => {
    const found = hashed.list.filter((s) => s.type === sub);
    if (found.length > 1 || (found[0] !== undefined && size >= 0 && found[0].value.length !== size)) {
      throw new Error(`subpacket ${sub} stands twice or has the wrong size`);
    }
    return found[0]?.value;
  };
  const created = once(SUB.created, 4);
  if (created === undefined) throw new Error('no creation time');
  const either = (sub: number): Buffer | undefined =>
    once(sub, -1) ?? unhashed.list.find((s) => s.type === sub)?.value;
  const issuerId = either(SUB.issuerId)?.toString('hex').toUpperCase();
  const issuer = either(SUB.issuerFingerprint);
  const issuerFingerprint = issuer?.[0] === 4 ? issuer.subarray(1).toString('hex').toUpperCase() : undefined;
  const reasons = hashed.list.filter((s) => s.type === SUB.reason);
  const unknown = hashed.list.find((s) => s.critical && !KNOWN.has(s.type));
  const loose = unhashed.list.some((s) => s.type !== SUB.issuerId || s.critical || s.value.length !== 8);
  const types = hashed.list.filter((s) => s.type !== SUB.notation).map((s) => s.type);
  const all = [...types, ...unhashed.list.map((s) => s.type)];
  return {
    type,
    algorithm,
    hash,
    created: created.readUInt32BE(),
    expiresIn: once(SUB.expires, 4)?.readUInt32BE() ?? 0,
    keyExpiresIn: once(SUB.keyExpires, 4)?.readUInt32BE(),
    keyFlags: once(SUB.keyFlags, -1)?.[0],
    primaryUserId: (once(SUB.primaryUserId, 1)?.[0] ?? 0) !== 0,
    reason: reasons.length === 1 ? reasons[0]?.value[0] : undefined,
    issuerId,
    issuerFingerprint,
    embedded: either(SUB.embedded),
    unknownCritical: unknown === undefined ? undefined : describe(unknown),
    tight: !loose && hashed.minimal && unhashed.minimal && new Set(all).size === all.length,
  };
}

function describe({ type, value }: Subpacket): string {
  if (type !== SUB.notation || value.length < 8) return `subpacket ${type}`;
  return `notation ${JSON.stringify(
    value
      .subarray(8, 8 + value.readUInt16BE(4))
      .toString('latin1')
      .slice(0, 80),
  )}`;
}

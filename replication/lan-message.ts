/**
 * What nodes of one local network say to each other: bytes in, data out, nothing else. docs/formats/swarm.md.
 *
 * A message names a node and the secrets that it shares: index cores, bucket topics. A secret is never said, only a tag that is
 * keyed with it and differs in every message, so whoever does not know the secret learns nothing of it. Nothing is signed: a
 * message is a hint where to dial, and the dial proves who is there.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '../model/index.js';

const MAGIC = Buffer.from('GTPKGLAN');
const VERSION = 1;
const KINDS = ['announce', 'query', 'reply'] as const;
const HEADER = 64;
const TAG = 8;

/** `announce`: here I am; `query`: who is there?; `reply`: I am, and what we share. */
export type LanKind = (typeof KINDS)[number];

/** One message. */
export interface LanMessage {
  readonly kind: LanKind;
  /** where its sender accepts connections, on the address that the message comes from; 0 for nowhere */
  readonly udp: number;
  readonly tcp: number;
  /** 16 random bytes */
  readonly salt: Buffer;
  /** transport key, 32 bytes */
  readonly publicKey: Buffer;
  /** 8 bytes for each secret */
  readonly tags: readonly Buffer[];
}

/** How the sender of a message names one secret (32 bytes) in it. */
export function tagOf(secret: Uint8Array, salt: Uint8Array, publicKey: Uint8Array): Buffer {
  return createHmac('sha256', secret)
    .update('gtpkg lan 1')
    .update(salt)
    .update(publicKey)
    .digest()
    .subarray(0, TAG);
}

/** True when the message names this secret. */
export function names(message: LanMessage, secret: Uint8Array): boolean {
  const tag = tagOf(secret, message.salt, message.publicKey);
  return message.tags.some((each) => timingSafeEqual(each, tag));
}

/** At most MAX_LAN_TAGS tags; more are the caller's business. */
export function encodeLan(message: Omit<LanMessage, 'tags'>, secrets: readonly Uint8Array[]): Buffer {
  const { kind, udp, tcp, salt, publicKey } = message;
  const head = Buffer.alloc(HEADER);
  MAGIC.copy(head);
  head[8] = VERSION;
  head[9] = KINDS.indexOf(kind);
  head.writeUInt16BE(udp, 10);
  head.writeUInt16BE(tcp, 12);
  head.writeUInt16BE(secrets.length, 14);
  salt.copy(head, 16, 0, 16);
  publicKey.copy(head, 32, 0, 32);
  return Buffer.concat([head, ...secrets.map((secret) => tagOf(secret, salt, publicKey))]);
}

/** undefined for whatever is not one whole message of this version. */
export function decodeLan(bytes: Buffer): LanMessage | undefined {
  if (bytes.length < HEADER || !bytes.subarray(0, 8).equals(MAGIC) || bytes[8] !== VERSION) return undefined;
  const kind = KINDS[bytes[9] ?? KINDS.length];
  const count = bytes.readUInt16BE(14);
  if (kind === undefined || count > limits.MAX_LAN_TAGS || bytes.length !== HEADER + TAG * count)
    return undefined;
  return {
    kind,
    udp: bytes.readUInt16BE(10),
    tcp: bytes.readUInt16BE(12),
    salt: bytes.subarray(16, 32),
    publicKey: bytes.subarray(32, 64),
    tags: Array.from({ length: count }, (_, i) => bytes.subarray(HEADER + TAG * i, HEADER + TAG * (i + 1))),
  };
}

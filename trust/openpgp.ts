/**
 * The one door to openpgp: loaded on first use, because most commands never need it, and asked one
 * question only: is this signature cryptographically right? What a signature means (type, hash, dates,
 * critical parts, who may sign) is decided in certificate.ts and verify.ts.
 */
import type * as OpenPGP from 'openpgp';
import { TAG, type Packet } from './packets.js';

export type { OpenPGP };

/** The library, loaded once. */
export async function loadOpenpgp(): Promise<typeof OpenPGP> {
  return import('openpgp');
}

/** A (sub)key as openpgp holds it. @throws Error when openpgp can't read it or sees another key in it */
export async function openpgpKey(packet: Packet, fingerprint: string): Promise<OpenPGP.PublicKeyPacket> {
  const openpgp = await loadOpenpgp();
  const key = packet.tag === TAG.publicKey ? new openpgp.PublicKeyPacket() : new openpgp.PublicSubkeyPacket();
  await key.read(packet.body);
  if (
    Buffer.from(key.getFingerprintBytes() ?? [])
      .toString('hex')
      .toUpperCase() !== fingerprint
  ) {
    throw new Error('the key reads differently the second time');
  }
  return key as OpenPGP.PublicKeyPacket;
}

/** What a signature is over: a message, a key, a key with a user id, or a key with a subkey. */
export type SignedData =
  | { readonly message: Uint8Array }
  | {
      readonly key: OpenPGP.PublicKeyPacket;
      readonly userId?: Buffer;
      readonly bind?: OpenPGP.PublicKeyPacket;
    };

/**
 * True when `body`, a signature packet of type `type`, was made by `by` over `data`, whatever its hash, dates and
 * critical parts. The caller has judged those already.
 */
export async function isSignedBy(
  by: OpenPGP.PublicKeyPacket,
  signature: { readonly body: Buffer; readonly type: number },
  data: SignedData,
): Promise<boolean> {
  const openpgp = await loadOpenpgp();
  try {
    const packet = new openpgp.SignaturePacket();
    packet.read(signature.body);
    packet.unknownSubpackets = [];
    packet.rawNotations = [];
    packet.revocationKeyClass = null;
    const config = {
      ...openpgp.config,
      rejectHashAlgorithms: new Set<never>(),
      rejectMessageHashAlgorithms: new Set<never>(),
    };
    // null: no clock; the typings lack it
    await packet.verify(
      by,
      signature.type,
      await toOpenpgp(openpgp, data),
      null as unknown as Date,
      true,
      config,
    );
    return true;
  } catch {
    return false; // openpgp says no in many words; all of them mean no
  }
}

async function toOpenpgp(openpgp: typeof OpenPGP, data: SignedData): Promise<object> {
  if ('message' in data) {
    const literal = (await openpgp.createMessage({ binary: data.message })).packets[0];
    if (literal === undefined) throw new Error('no literal packet');
    return literal;
  }
  if (data.userId === undefined) return data;
  const userID = new openpgp.UserIDPacket();
  userID.read(data.userId);
  return { key: data.key, userID };
}

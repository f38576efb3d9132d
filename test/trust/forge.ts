/**
 * Signatures and keys that gpg would not make: any date, any subpacket, any claim. For tests only.
 */
import type * as OpenPGP from 'openpgp';
import * as openpgp from 'openpgp';
import { generateKey, type GenerateOptions } from '../../trust/index.js';

/** A key pair of ours, open for forging. */
export interface ForgedKey {
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly secret: OpenPGP.PrivateKey;
}

/** A key made at `date` that lives `expiresIn` seconds. */
export async function makeKey(options: Partial<GenerateOptions> = {}): Promise<ForgedKey> {
  const key = await generateKey({ name: 'Mallory', email: 'mallory@example.org', ...options });
  return {
    fingerprint: key.fingerprint,
    publicKey: key.publicKey,
    secret: await openpgp.readPrivateKey({ armoredKey: key.privateKey }),
  };
}

/** An RSA key, which openpgp lets make weak signatures too. */
export async function makeRsaKey(date = new Date()): Promise<ForgedKey> {
  const userIDs = [{ name: 'Mallory', email: 'mallory@example.org' }];
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'rsa',
    rsaBits: 2048,
    userIDs,
    date,
    format: 'object',
  });
  return {
    fingerprint: publicKey.getFingerprint().toUpperCase(),
    publicKey: publicKey.armor(),
    secret: privateKey,
  };
}

/** What a forged signature says. Assigned to the packet as openpgp names things. */
export interface Claims {
  readonly date?: Date;
  readonly set?: Partial<OpenPGP.SignaturePacket>;
}

// without it a SHA-1 signature could not be made, and two made alike would differ
const CONFIG = { ...openpgp.config, nonDeterministicSignaturesViaNotation: false };

type Sign = (key: unknown, data: unknown, date: Date, detached: boolean, config: unknown) => Promise<void>;

/** A signature packet by `by` over `data`, with whatever `claims.set` says. */
export async function makePacket(
  by: OpenPGP.SecretKeyPacket | OpenPGP.SecretSubkeyPacket,
  data: object,
  { date = new Date(), set = {} }: Claims,
): Promise<OpenPGP.SignaturePacket> {
  const packet = new openpgp.SignaturePacket();
  packet.publicKeyAlgorithm = by.algorithm;
  packet.hashAlgorithm = openpgp.enums.hash.sha512;
  Object.assign(packet, set);
  await (packet.sign as unknown as Sign).call(packet, by, data, date, true, CONFIG);
  return packet;
}

/** An armoured detached signature over `signed`, of any type and date. */
export async function makeSignature(
  key: ForgedKey,
  signed: Uint8Array,
  claims: Claims = {},
): Promise<string> {
  const literal = (await openpgp.createMessage({ binary: signed })).packets[0] as object;
  const set = { signatureType: openpgp.enums.signature.binary, ...claims.set };
  const packet = await makePacket(key.secret.keyPacket as OpenPGP.SecretKeyPacket, literal, {
    ...claims,
    set,
  });
  const list = new openpgp.PacketList<OpenPGP.SignaturePacket>();
  list.push(packet);
  return new openpgp.Signature(list).armor();
}

/** The raw packets of an armoured block. */
export async function bytesOf(armored: string): Promise<Buffer> {
  const { data } = await openpgp.unarmor(armored);
  return Buffer.from(data as Uint8Array);
}

/** A signature block with its checksum right, around any bytes. */
export function armorSignature(bytes: Uint8Array): string {
  return openpgp
    .armor(openpgp.enums.armor.signature, bytes, undefined, undefined, undefined, true)
    .replaceAll('\r\n', '\n');
}

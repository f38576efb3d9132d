/**
 * OpenPGP keys as gtpkg uses them: version 4, one primary key, checked once and for all in `PublicKey.parse`.
 */
import { GtpkgError, limits, type Fingerprint } from '../model/index.js';
import { armor, dearmorKey } from './armor.js';
import { flatten, groupPackets, toPublic, type Certificate } from './certificate.js';
import { describe, type Revocation, type SigningKey } from './describe.js';
import { minimize } from './minimize.js';
import { loadOpenpgp } from './openpgp.js';
import { readPackets, TAG, writePacket } from './packets.js';

/** What a new key is made of. */
export interface GenerateOptions {
  readonly name: string;
  readonly email: string;
  /** encrypts the private part; absent or '' leaves it readable to whoever reads the file */
  readonly passphrase?: string;
  /** seconds until the key expires; absent or 0 for never */
  readonly expiresIn?: number;
  /** creation time, default now */
  readonly date?: Date;
}

/** A new key; both parts armoured. */
export interface GeneratedKey {
  readonly fingerprint: Fingerprint;
  readonly publicKey: string;
  readonly privateKey: string;
}

/**
 * Makes an Ed25519 version 4 key (algorithm 22, which gpg 2.2 and git accept) that certifies and signs, with a
 * Curve25519 subkey for encryption.
 * @throws GtpkgError BAD_NAME when name or e-mail can't stand in a user id
 */
export async function generateKey(options: GenerateOptions): Promise<GeneratedKey> {
  const { name, email, passphrase, expiresIn, date } = options;
  // eslint-disable-next-line no-control-regex
  if (!/^[^\u0000-\u001f\u007f<>()@]+$/.test(name) || name.trim() !== name) {
    throw new GtpkgError('BAD_NAME', `${JSON.stringify(name)} is not a name for a key`, {
      hint: 'Give a name without < > ( ) @ and control characters.',
    });
  }
  // eslint-disable-next-line no-control-regex
  if (!/^[^\s\u0000-\u001f\u007f<>()@,;:"\\]+@[^\s\u0000-\u001f\u007f<>()@,;:"\\]+$/.test(email)) {
    throw new GtpkgError('BAD_NAME', `${JSON.stringify(email)} is not an e-mail address`, {
      hint: 'Write it as name@example.org.',
    });
  }
  const openpgp = await loadOpenpgp();
  // openpgp wants a dotted domain; gpg and git do not, and one's own machine may well be called "localhost"
  const userIDs = [{ name: `${name} <${email}>` }];
  const { publicKey, privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs,
    ...(passphrase ? { passphrase } : {}),
    ...(expiresIn ? { keyExpirationTime: expiresIn } : {}),
    ...(date === undefined ? {} : { date }),
    format: 'binary',
  });
  const parsed = await PublicKey.parse(publicKey);
  return {
    fingerprint: parsed.fingerprint,
    publicKey: parsed.armored,
    privateKey: armor('PRIVATE KEY BLOCK', privateKey),
  };
}

/**
 * Armoured text or binary packets of one key, public or private, put in their places. Nothing is verified.
 * @throws GtpkgError KEY_MALFORMED
 */
export function readCertificate(input: string | Uint8Array): Certificate {
  if (input.length > limits.MAX_PUBLIC_KEY) {
    throw new GtpkgError(
      'KEY_MALFORMED',
      `not a usable OpenPGP key: larger than ${limits.MAX_PUBLIC_KEY} bytes`,
      {
        hint: 'Export it without the signatures of others: gpg --export-options export-minimal --export.',
      },
    );
  }
  try {
    const bytes = typeof input === 'string' ? undefined : Buffer.from(input);
    const text = bytes === undefined ? input : (bytes[0] ?? 0) & 0x80 ? undefined : bytes.toString('latin1');
    const data = text === undefined ? (bytes as Buffer) : dearmorKey(text as string).data;
    return groupPackets(readPackets(data, limits.MAX_KEY_PACKETS));
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw new GtpkgError('KEY_MALFORMED', `not a usable OpenPGP key: ${(cause as Error).message}`, {
      hint: 'Give one key as gpg --export writes it, armoured or not.',
      cause,
    });
  }
}

/** Armoured text of a certificate's packets; `swap` as in flatten. */
export function writeCertificate(certificate: Certificate, swap?: Parameters<typeof flatten>[1]): string {
  const packets = flatten(certificate, swap);
  const type = packets[0]?.tag === TAG.secretKey ? 'PRIVATE KEY BLOCK' : 'PUBLIC KEY BLOCK';
  return armor(type, Buffer.concat(packets.map(writePacket)));
}

/** A verified public key. Only `parse` makes one. */
export class PublicKey {
  readonly fingerprint: Fingerprint;
  /** user ids that the key has signed and not revoked, the primary one first; safe to print */
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** how it was revoked */
  readonly revocation: Revocation | undefined;
  /** canonical: the minimal public key in its own armour, the same text for the same content */
  readonly armored: string;
  /** @internal keys of this certificate that may sign, the primary key among them */
  readonly signing: readonly SigningKey[];
  /** @internal */
  readonly certificate: Certificate;

  private constructor(minimal: Certificate) {
    const { fingerprint, userIds, created, expires, revoked, revocation, signing } = describe(minimal);
    this.fingerprint = fingerprint;
    this.userIds = userIds;
    this.created = created;
    this.expires = expires;
    this.revoked = revoked;
    this.revocation = revocation;
    this.armored = writeCertificate(minimal);
    this.signing = signing;
    this.certificate = minimal;
  }

  /**
   * Refuses private keys, more than one key, other versions than 4, weak algorithms (DSA, RSA below 2048 bits), keys
   * whose user ids are bound by SHA-1 or MD5 only, and what is larger than MAX_PUBLIC_KEY. Expired and revoked
   * keys are keys: what they sign is refused when it is verified.
   * @param input - armoured text or binary packets of one public key
   * @throws GtpkgError KEY_MALFORMED, KEY_WEAK
   */
  static async parse(input: string | Uint8Array): Promise<PublicKey> {
    const certificate = readCertificate(input);
    if (hasSecret(certificate)) {
      throw new GtpkgError('KEY_MALFORMED', 'this is a private key, a public one is expected', {
        hint: 'Never publish it. gpg --export or gtpkg key export gives the public part.',
      });
    }
    return new PublicKey(await minimize(certificate));
  }

  /** When the first of its signing keys begins to be refused for its algorithm; undefined: no such date is set. */
  get weakFrom(): Date | undefined {
    return this.signing.map(({ weakFrom }) => weakFrom).find((date) => date !== undefined);
  }

  /** @internal The public half of a certificate that may have secrets in it. */
  static async fromCertificate(certificate: Certificate): Promise<PublicKey> {
    return new PublicKey(await minimize(toPublic(certificate)));
  }
}

/** True when any packet of it is a secret one. */
export function hasSecret(certificate: Certificate): boolean {
  return flatten(certificate).some(({ tag }) => tag === TAG.secretKey || tag === TAG.secretSubkey);
}

/** Name and e-mail address of a user id, in the form that git takes. */
export function personOf(userId: string | undefined, fingerprint: string): { name: string; email: string } {
  const match = /^(.*?)\s*(?:\([^()]*\)\s*)?<([^<>\s]*)>$/.exec(userId ?? '');
  const clean = (text: string): string => text.replace(/[<>\s]+/g, ' ').trim();
  const email = clean(match?.[2] ?? '');
  return { name: clean(match?.[1] ?? userId ?? '') || email || fingerprint, email };
}

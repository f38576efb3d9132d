/**
 * OpenPGP keys as gtpkg uses them: v4, signing, one primary key. Everything is checked once, in `PublicKey.parse`.
 */
import { GtpkgError, parseFingerprint, type Fingerprint } from '../model/index.js';
import { loadOpenpgp, type OpenPGP } from './openpgp.js';

/** What a new key is made of. */
export interface GenerateOptions {
  readonly name: string;
  readonly email: string;
  /** encrypts the private part; absent or '' leaves it readable */
  readonly passphrase?: string;
  /** seconds until the key expires; absent for never */
  readonly expiresIn?: number;
}

/** A new key; both parts armoured. */
export interface GeneratedKey {
  readonly fingerprint: Fingerprint;
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Makes an Ed25519 v4 key with a Curve25519 encryption subkey, as gpg 2.2 and git accept. */
export async function generateKey(options: GenerateOptions): Promise<GeneratedKey> {
  const openpgp = await loadOpenpgp();
  const { publicKey, privateKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: options.name, email: options.email }],
    ...(options.passphrase ? { passphrase: options.passphrase } : {}),
    ...(options.expiresIn === undefined ? {} : { keyExpirationTime: options.expiresIn }),
    format: 'object',
  });
  const fingerprint = parseFingerprint(publicKey.getFingerprint());
  return { fingerprint, publicKey: publicKey.armor(), privateKey: privateKey.armor() };
}

/** A checked public key. Only `PublicKey.parse` makes one. */
export class PublicKey {
  readonly fingerprint: Fingerprint;
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** canonical: the minimal public key, no private parts */
  readonly armored: string;
  /** @internal */
  readonly openpgp: OpenPGP.Key;

  private constructor(key: OpenPGP.Key, expires: Date | undefined, revoked: boolean) {
    this.fingerprint = parseFingerprint(key.getFingerprint());
    this.userIds = key.getUserIDs();
    this.created = key.getCreationTime();
    this.expires = expires;
    this.revoked = revoked;
    this.armored = key.armor();
    this.openpgp = key;
  }

  /**
   * @param input - armoured text or binary packets of one public key
   * @throws GtpkgError KEY_MALFORMED, KEY_WEAK
   */
  static async parse(input: string | Uint8Array): Promise<PublicKey> {
    const openpgp = await loadOpenpgp();
    try {
      const text = typeof input === 'string' ? input : Buffer.from(input).toString('latin1');
      const key = text.startsWith('-----BEGIN')
        ? await openpgp.readKey({ armoredKey: text })
        : await openpgp.readKey({ binaryKey: input as Uint8Array });
      if (key.isPrivate()) throw new Error('a private key where a public one is expected');
      const expires = await key.getExpirationTime();
      return new PublicKey(key, expires instanceof Date ? expires : undefined, await key.isRevoked());
    } catch (cause) {
      throw new GtpkgError('KEY_MALFORMED', `not a public key: ${(cause as Error).message}`, { cause });
    }
  }
}

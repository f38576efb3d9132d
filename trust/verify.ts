/**
 * Detached signatures: exactly one, binary, strong, by a key that is good now.
 */
import { GtpkgError, limits, type Fingerprint } from '../model/index.js';
import type { PublicKey } from './keys.js';
import { loadOpenpgp } from './openpgp.js';

/** What is to be checked, against which keys, at what time. */
export interface VerifyOptions {
  /** the exact bytes that were signed */
  readonly signed: Uint8Array;
  /** one armoured detached signature */
  readonly signature: string;
  /** the keys that may have made it */
  readonly keys: readonly PublicKey[];
  /** the time at which the key must be good */
  readonly now: Date;
}

/** Who signed. */
export interface VerifiedSignature {
  /** PRIMARY fingerprint of the signer: what trust is counted in */
  readonly signer: Fingerprint;
  /** fingerprint of the key or subkey that made the signature */
  readonly issuer: string;
  /** when the signature says it was made */
  readonly created: Date;
}

/**
 * @throws GtpkgError SIGNATURE_BAD, SIGNATURE_MALFORMED, SIGNATURE_WEAK, SIGNATURE_FUTURE, SIGNER_UNKNOWN, SIGNER_EXPIRED, SIGNER_REVOKED
 */
export async function verifyDetached(options: VerifyOptions): Promise<VerifiedSignature> {
  const openpgp = await loadOpenpgp();
  try {
    const signature = await openpgp.readSignature({ armoredSignature: options.signature });
    const keyID = signature.getSigningKeyIDs()[0];
    const key = options.keys.find((k) => k.openpgp.getKeys(keyID).length > 0);
    if (key === undefined) throw new GtpkgError('SIGNER_UNKNOWN', 'signed by a key that is not known here');
    const message = await openpgp.createMessage({ binary: options.signed });
    const date = new Date(options.now.getTime() + limits.CLOCK_SKEW);
    const result = await openpgp.verify({
      message,
      signature,
      verificationKeys: key.openpgp as OpenPGPKey,
      format: 'binary',
      date,
    });
    await result.signatures[0]?.verified;
    const packet = signature.packets[0];
    return {
      signer: key.fingerprint,
      issuer: (key.openpgp.getKeys(keyID)[0]?.getFingerprint() ?? '').toUpperCase(),
      created: packet?.created ?? new Date(0),
    };
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw new GtpkgError('SIGNATURE_BAD', `the signature is not good: ${(cause as Error).message}`, {
      cause,
    });
  }
}

type OpenPGPKey = import('openpgp').PublicKey;

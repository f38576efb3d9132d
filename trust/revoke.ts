/**
 * Revoking a key of one's own: RFC 9580 §5.2.1.11, §5.2.3.31. The revocation is part of the public key from then on, and cannot be undone.
 */
import type { Fingerprint } from '../model/index.js';
import type { Certificate } from './certificate.js';
import { PublicKey, writeCertificate } from './keys.js';
import { loadOpenpgp, type OpenPGP } from './openpgp.js';
import { protections, unlock, type AskPassphrase } from './signer.js';
import { GtpkgError } from '../model/index.js';

/** Why. `compromised` also takes back what was signed before; the others only say that nothing will be signed any more. */
export const REVOCATION_REASONS = ['compromised', 'superseded', 'retired'] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

const CODE = { superseded: 1, compromised: 2, retired: 3 } as const;

/** What a revocation says. */
export interface RevocationOptions {
  readonly reason: RevocationReason;
  /** for people; public */
  readonly message: string;
  readonly ask: AskPassphrase;
}

/**
 * @param secret - with the private part of the primary key, which alone can revoke
 * @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, PASSPHRASE_WRONG, KEY_MALFORMED
 */
export async function revokeKey(
  fingerprint: Fingerprint,
  secret: Certificate,
  { reason, message, ask }: RevocationOptions,
): Promise<PublicKey> {
  const kept = protections(secret).get(fingerprint) ?? 'absent';
  if (kept === 'absent')
    throw new GtpkgError('KEY_NOT_FOUND', `the private part of the primary key ${fingerprint} is not here`, {
      hint: 'Only it can revoke. Revoke where it is kept (gpg --edit-key, revkey), then gtpkg key import the result.',
      data: { fingerprint },
    });
  const openpgp = await loadOpenpgp();
  const key = await openpgp.readPrivateKey({ armoredKey: writeCertificate(secret) });
  await unlock(key.keyPacket as OpenPGP.SecretKeyPacket, { fingerprint, locked: kept !== 'none', ask });
  const flag = CODE[reason] as unknown as OpenPGP.enums.reasonForRevocation;
  const made = await openpgp.revokeKey({
    key,
    reasonForRevocation: { flag, string: message },
    format: 'object',
  });
  return PublicKey.parse(made.publicKey.armor());
}

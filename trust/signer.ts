/**
 * Signing with a private key that is held as text. The secret numbers live in memory from `openSigner` until the signer is
 * dropped, in the one (sub)key that signs; everything else stays as it was stored.
 *
 * Every signature is verified as a client would before it leaves: what others would refuse is never published.
 */
import { GtpkgError, type Fingerprint } from '../model/index.js';
import { armor } from './armor.js';
import { flatten, type Certificate } from './certificate.js';
import type { SigningKey } from './describe.js';
import { personOf, writeCertificate, type PublicKey } from './keys.js';
import { loadOpenpgp, type OpenPGP } from './openpgp.js';
import { readKeyMaterial, readProtection, TAG, type Protection } from './packets.js';
import { verifyDetached } from './verify.js';

/** Something that can sign. The private part stays inside. */
export interface Signer {
  /** of the primary key */
  readonly fingerprint: Fingerprint;
  /** for git's author, committer and tagger lines, and where `email` may be '' */
  readonly person: { readonly name: string; readonly email: string };
  readonly publicKey: PublicKey;
  /** one armoured, detached, binary signature over `bytes`, dated now */
  sign(bytes: Uint8Array): Promise<string>;
}

/** Asks for a passphrase; undefined when there is nobody to ask. */
export type AskPassphrase = () => Promise<string | undefined>;

/** How each secret (sub)key of a certificate is kept, by fingerprint. */
export function protections(secret: Certificate): Map<string, Protection> {
  const out = new Map<string, Protection>();
  for (const packet of flatten(secret)) {
    if (packet.tag !== TAG.secretKey && packet.tag !== TAG.secretSubkey) continue;
    const material = readKeyMaterial(packet);
    out.set(material.fingerprint, readProtection(material));
  }
  return out;
}

// The newest signing subkey, as gpg does, else the primary key; of those whose secret is here and that are good now.
function choose(publicKey: PublicKey, secrets: ReadonlyMap<string, Protection>, now: number): SigningKey {
  const here = publicKey.signing.filter((key) => (secrets.get(key.fingerprint) ?? 'absent') !== 'absent');
  const { fingerprint } = publicKey;
  const data = { fingerprint };
  if (publicKey.revoked)
    throw new GtpkgError('SIGNER_REVOKED', `the key ${fingerprint} has been revoked`, { data });
  if (here.length === 0) {
    throw new GtpkgError('KEY_NOT_FOUND', `no private key of ${fingerprint} here that can sign`, {
      hint: 'Import it: gpg --export-secret-keys FPR > file, then gtpkg key import file.',
      data,
    });
  }
  const good = here.filter(
    ({ revoked, expires }) => !revoked && (expires === undefined || expires.getTime() > now),
  );
  const subkeys = good.filter((key) => key.fingerprint !== fingerprint);
  const best = subkeys.sort((a, b) => b.created.getTime() - a.created.getTime())[0] ?? good[0];
  if (best !== undefined) return best;
  throw new GtpkgError('SIGNER_EXPIRED', `the key ${fingerprint} has expired`, {
    hint: 'Extend it (gpg --quick-set-expire), then import it again.',
    data,
  });
}

/**
 * @param secret - the secret certificate of `publicKey`
 * @param ask - called only when the key that signs has a passphrase
 * @throws GtpkgError PASSPHRASE_NEEDED, PASSPHRASE_WRONG, KEY_NOT_FOUND, SIGNER_REVOKED, SIGNER_EXPIRED, KEY_MALFORMED
 */
export async function openSigner(
  publicKey: PublicKey,
  secret: Certificate,
  ask: AskPassphrase,
): Promise<Signer> {
  const { fingerprint } = publicKey;
  const kept = protections(secret);
  const chosen = choose(publicKey, kept, Date.now());
  const openpgp = await loadOpenpgp();
  const key = await openpgp.readPrivateKey({ armoredKey: writeCertificate(secret) });
  const packet = key
    .getKeys()
    .find((k) => k.getFingerprint().toUpperCase() === chosen.fingerprint)?.keyPacket;
  if (packet === undefined)
    throw new GtpkgError('KEY_MALFORMED', `the private key of ${fingerprint} can not be read`);
  await unlock(packet as OpenPGP.SecretKeyPacket, {
    fingerprint,
    locked: kept.get(chosen.fingerprint) !== 'none',
    ask,
  });

  const sign = async (bytes: Uint8Array): Promise<string> => {
    const message = await openpgp.createMessage({ binary: bytes });
    const made = await openpgp.sign({
      message,
      signingKeys: key,
      signingKeyIDs: packet.getKeyID(),
      detached: true,
      format: 'binary',
    });
    const signature = armor('SIGNATURE', made as Uint8Array);
    await verifyDetached({ signed: bytes, signature, keys: [publicKey], now: new Date() });
    return signature;
  };
  return { fingerprint, person: personOf(publicKey.userIds[0], fingerprint), publicKey, sign };
}

interface Lock {
  readonly fingerprint: Fingerprint;
  readonly locked: boolean;
  readonly ask: AskPassphrase;
}

/** Opens a secret packet in memory. @throws GtpkgError PASSPHRASE_NEEDED, PASSPHRASE_WRONG, KEY_MALFORMED */
export async function unlock(
  packet: OpenPGP.SecretKeyPacket,
  { fingerprint, locked, ask }: Lock,
): Promise<void> {
  const data = { fingerprint };
  try {
    if (locked) {
      const words = await ask();
      if (words === undefined || words === '') {
        throw new GtpkgError('PASSPHRASE_NEEDED', `the key ${fingerprint} has a passphrase`, {
          hint: 'Give it with --passphrase-file, or run the command in a terminal.',
          data,
        });
      }
      await packet.decrypt(words);
    }
    await packet.validate(); // a private half that does not belong to the public one would leak itself by signing
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    const { message } = cause as Error;
    if (message.startsWith('Incorrect key passphrase')) {
      throw new GtpkgError('PASSPHRASE_WRONG', `this is not the passphrase of ${fingerprint}`, {
        hint: 'Nothing was signed. Try again.',
        data,
        cause,
      });
    }
    throw new GtpkgError('KEY_MALFORMED', `the private key of ${fingerprint} can not be used: ${message}`, {
      data,
      cause,
    });
  }
}

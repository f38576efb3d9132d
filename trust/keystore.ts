/**
 * The user's keys on disk: `<FPR>.asc` (0644) and `<FPR>.secret.asc` (0600) in one directory (0700).
 *
 * Files hold minimal certificates that were verified when they came in, so `list` reads them without openpgp; whatever
 * is used to verify or to sign is verified again. Importing merges: a revocation or a private part once known is never
 * lost to a copy of the key without it. A private part is stored as it came, under its own passphrase.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GtpkgError, limits, systemCode, type Fingerprint } from '../model/index.js';
import { flatten, groupPackets, merge, toPublic, type Certificate } from './certificate.js';
import { dearmorKey } from './armor.js';
import { describe } from './describe.js';
import { fileError, makeDirectory, readText, writeText } from './files.js';
import {
  generateKey,
  hasSecret,
  PublicKey,
  readCertificate,
  writeCertificate,
  type GenerateOptions,
} from './keys.js';
import { readKeyMaterial, readPackets, readProtection, TAG, type Packet } from './packets.js';
import type { RevocationOptions } from './revoke.js';
import { openSigner, protections, type AskPassphrase, type Signer } from './signer.js';

/** One key of the store. */
export interface KeyInfo {
  readonly fingerprint: Fingerprint;
  /** safe to print, the primary one first */
  readonly userIds: readonly string[];
  readonly created: Date;
  readonly expires: Date | undefined;
  readonly revoked: boolean;
  /** the private part is here */
  readonly secret: boolean;
  /** the private part needs a passphrase */
  readonly protected: boolean;
}

const isSecret = ({ tag }: Packet): boolean => tag === TAG.secretKey || tag === TAG.secretSubkey;

/** Keys in a directory. */
export class KeyStore {
  readonly #directory: string;

  /** @param directory - made when the first key is stored */
  constructor(directory: string) {
    this.#directory = directory;
  }

  #path(fingerprint: Fingerprint, secret = false): string {
    return join(this.#directory, `${fingerprint}${secret ? '.secret' : ''}.asc`);
  }

  /** Makes a key and stores it. @throws GtpkgError BAD_NAME, PERMISSION, READ_ONLY, NO_SPACE, IO_ERROR */
  async generate(options: GenerateOptions): Promise<KeyInfo> {
    return this.import((await generateKey(options)).privateKey);
  }

  /**
   * Stores one public or private key, armoured or binary, merged with what is here of it.
   * @throws GtpkgError KEY_MALFORMED, KEY_WEAK, PERMISSION, READ_ONLY, NO_SPACE, IO_ERROR
   */
  async import(input: string | Uint8Array): Promise<KeyInfo> {
    const incoming = readCertificate(input);
    const checked = await PublicKey.fromCertificate(incoming); // by itself first: a bad key must not ride on a good one
    const { fingerprint } = checked;
    const [known, knownSecret] = [await this.#load(fingerprint), await this.#load(fingerprint, true)];
    const merged =
      known === undefined
        ? checked
        : await PublicKey.fromCertificate(merge(toPublic(known), checked.certificate));
    const secrets = secretPackets([incoming, ...(knownSecret === undefined ? [] : [knownSecret])]);

    await makeDirectory(this.#directory);
    if (secrets.has(fingerprint)) {
      const swap = (packet: Packet): Packet => secrets.get(fingerprintOf(packet)) ?? packet;
      await writeText(this.#path(fingerprint, true), writeCertificate(merged.certificate, swap), 0o600);
    }
    await writeText(this.#path(fingerprint), merged.armored, 0o644);
    return this.#info(fingerprint);
  }

  // A file of ours, its packets in place and not verified.
  async #load(fingerprint: Fingerprint, secret = false): Promise<Certificate | undefined> {
    const path = this.#path(fingerprint, secret);
    const text = await readText(path);
    if (text === undefined) return undefined;
    try {
      const certificate = groupPackets(readPackets(dearmorKey(text).data, limits.MAX_KEY_PACKETS));
      if (certificate.material.fingerprint !== fingerprint) throw new Error('it holds another key');
      return certificate;
    } catch (cause) {
      throw new GtpkgError('KEY_MALFORMED', `${path} is damaged: ${(cause as Error).message}`, {
        hint: 'Move the file away and import the key again.',
        data: { path },
        cause,
      });
    }
  }

  async #info(fingerprint: Fingerprint): Promise<KeyInfo> {
    const certificate = await this.#load(fingerprint);
    if (certificate === undefined) return this.#missing(fingerprint);
    const secret = await this.#load(fingerprint, true);
    const kept = secret === undefined ? [] : [...protections(secret).values()];
    const { userIds, created, expires, revoked } = describe(certificate);
    return {
      fingerprint,
      userIds,
      created,
      expires,
      revoked,
      secret: kept.some((how) => how !== 'absent'),
      protected: kept.includes('passphrase'),
    };
  }

  #missing(text: string, what = 'no key'): never {
    throw new GtpkgError('KEY_NOT_FOUND', `${what} ${text} here`, {
      hint: 'gtpkg key list shows what is here.',
      data: { key: text },
    });
  }

  /** The armoured public key. @throws GtpkgError KEY_NOT_FOUND */
  async exportPublic(fingerprint: Fingerprint): Promise<string> {
    return (await readText(this.#path(fingerprint))) ?? this.#missing(fingerprint);
  }

  /** The armoured private key, under the passphrase that it has. @throws GtpkgError KEY_NOT_FOUND */
  async exportSecret(fingerprint: Fingerprint): Promise<string> {
    return (await readText(this.#path(fingerprint, true))) ?? this.#missing(fingerprint, 'no private key of');
  }

  /** All keys, sorted by fingerprint. Reads each file once and loads no cryptography. @throws GtpkgError KEY_MALFORMED */
  async list(): Promise<KeyInfo[]> {
    let names: string[];
    try {
      names = await readdir(this.#directory);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return [];
      throw fileError(cause, this.#directory);
    }
    const fingerprints = names.flatMap((name) => /^([0-9A-F]{40})\.asc$/.exec(name)?.[1] ?? []).sort();
    const out: KeyInfo[] = [];
    for (const fingerprint of fingerprints) out.push(await this.#info(fingerprint as Fingerprint));
    return out;
  }

  /** @throws GtpkgError KEY_NOT_FOUND, KEY_MALFORMED, KEY_WEAK */
  async publicKey(fingerprint: Fingerprint): Promise<PublicKey> {
    return PublicKey.parse(await this.exportPublic(fingerprint));
  }

  /** Whether the public part is here. */
  async has(fingerprint: Fingerprint): Promise<boolean> {
    return (await readText(this.#path(fingerprint))) !== undefined;
  }

  /**
   * A fingerprint, a unique suffix of it of 8 digits or more, or a unique e-mail address.
   * @throws GtpkgError KEY_NOT_FOUND; `data.matches` lists the keys when there are several
   */
  async resolve(text: string): Promise<Fingerprint> {
    const hex = text.replace(/\s+/g, '').replace(/^0x/i, '').toUpperCase();
    const keys = await this.list();
    const email = text.trim().toLowerCase();
    const isHex = /^[0-9A-F]{8,40}$/.test(hex);
    const found = keys.filter(({ fingerprint, userIds }) =>
      isHex
        ? fingerprint.endsWith(hex)
        : userIds.some((id) => id.toLowerCase() === email || id.toLowerCase().endsWith(`<${email}>`)),
    );
    const [only] = found;
    if (only === undefined) return this.#missing(JSON.stringify(text.slice(0, 200)));
    if (found.length === 1) return only.fingerprint;
    throw new GtpkgError('KEY_NOT_FOUND', `"${text}" fits ${found.length} keys`, {
      hint: 'Give the whole fingerprint.',
      data: { key: text, matches: found.map(({ fingerprint }) => fingerprint) },
    });
  }

  /**
   * The public key as it is once it is revoked; nothing is stored: import it when it is to be so.
   * @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
   */
  async revoked(fingerprint: Fingerprint, options: RevocationOptions): Promise<PublicKey> {
    const secret = await this.#load(fingerprint, true);
    if (secret === undefined) return this.#missing(fingerprint, 'no private key of');
    const { revokeKey } = await import('./revoke.js');
    return revokeKey(fingerprint, secret, options);
  }

  /**
   * Opens the private key; `passphrase` is called only when it has one, and gives undefined when there is none to be had.
   * @throws GtpkgError KEY_NOT_FOUND, PASSPHRASE_NEEDED, PASSPHRASE_WRONG, SIGNER_REVOKED, SIGNER_EXPIRED
   */
  async signer(fingerprint: Fingerprint, passphrase: AskPassphrase): Promise<Signer> {
    const publicKey = await this.publicKey(fingerprint);
    const secret = await this.#load(fingerprint, true);
    if (secret === undefined || !hasSecret(secret)) return this.#missing(fingerprint, 'no private key of');
    return openSigner(publicKey, secret, passphrase);
  }
}

function fingerprintOf(packet: Packet): string {
  const isKey = isSecret(packet) || packet.tag === TAG.publicKey || packet.tag === TAG.publicSubkey;
  return isKey ? readKeyMaterial(packet).fingerprint : '';
}

// Secret packets by fingerprint: the first certificate wins, but GnuPG's stub never hides a key that is there.
function secretPackets(certificates: readonly Certificate[]): Map<string, Packet> {
  const out = new Map<string, Packet>();
  const isStub = (packet: Packet): boolean => readProtection(readKeyMaterial(packet)) === 'absent';
  for (const packet of certificates.flatMap((certificate) => flatten(certificate)).filter(isSecret)) {
    const fingerprint = fingerprintOf(packet);
    const held = out.get(fingerprint);
    if (held === undefined || (isStub(held) && !isStub(packet))) out.set(fingerprint, packet);
  }
  return out;
}

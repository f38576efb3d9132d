/**
 * The identifiers that travel: each a branded string in one canonical spelling.
 */
import { GtpkgError } from './errors.js';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Primary OpenPGP v4 fingerprint, 40 upper-case hex digits, as gpg prints it. */
export type Fingerprint = Branded<'Fingerprint'>;
/** Key of a hypercore, 32 bytes in z-base-32 (52 characters). */
export type CoreKey = Branded<'CoreKey'>;
/** Git object id under SHA-1, 40 lower-case hex digits. */
export type Oid = Branded<'Oid'>;
/** SHA-256, 64 lower-case hex digits: of file contents, or of an object under git's SHA-256 format. */
export type Sha256 = Branded<'Sha256'>;

/** @throws GtpkgError BAD_NAME when `text` is no 40-digit fingerprint (spaces and `0x` are tolerated) */
export function parseFingerprint(text: string): Fingerprint {
  const plain = text.replace(/\s+/g, '').replace(/^0x/i, '').toUpperCase();
  if (!/^[0-9A-F]{40}$/.test(plain)) {
    throw new GtpkgError('BAD_NAME', `"${text}" is not an OpenPGP v4 fingerprint`, {
      hint: 'Give all 40 hexadecimal digits, as gtpkg key list or gpg --fingerprint prints them.',
    });
  }
  return plain as Fingerprint;
}

/** @throws GtpkgError OBJECT_CORRUPT when `text` is no SHA-1 object id */
export function parseOid(text: string): Oid {
  if (!/^[0-9a-f]{40}$/.test(text))
    throw new GtpkgError('OBJECT_CORRUPT', `"${text.slice(0, 80)}" is not a git object id`);
  return text as Oid;
}

/** @throws GtpkgError OBJECT_CORRUPT when `text` is no SHA-256 */
export function parseSha256(text: string): Sha256 {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new GtpkgError('OBJECT_CORRUPT', `"${text.slice(0, 80)}" is not a SHA-256`);
  return text as Sha256;
}

const Z32 = 'ybndrfg8ejkmcpqxot1uwisza345h769';

/** 32 key bytes as z-base-32. */
export function encodeCoreKey(bytes: Uint8Array): CoreKey {
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += Z32[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) out += Z32[(value << (5 - bits)) & 31];
  return out as CoreKey;
}

/** The 32 bytes of a core key. */
export function decodeCoreKey(key: CoreKey): Buffer {
  const out = Buffer.alloc(32);
  let at = 0;
  let bits = 0;
  let value = 0;
  for (const c of key) {
    value = (value << 5) | Z32.indexOf(c);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (value >>> bits) & 255;
      value &= (1 << bits) - 1;
    }
  }
  return out;
}

/** Takes z-base-32 or hex; gives the one canonical spelling. @throws GtpkgError BAD_NAME */
export function parseCoreKey(text: string): CoreKey {
  if (/^[0-9a-f]{64}$/i.test(text)) return encodeCoreKey(Buffer.from(text, 'hex'));
  if (
    /^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$/.test(text) &&
    encodeCoreKey(decodeCoreKey(text as CoreKey)) === text
  )
    return text as CoreKey;
  throw new GtpkgError('BAD_NAME', `"${text.slice(0, 80)}" is not a core key`, {
    hint: 'A core key is 52 characters of z-base-32 or 64 hexadecimal digits.',
  });
}

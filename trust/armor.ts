/**
 * ASCII armour (RFC 9580 §6) in a narrow reading: one block and nothing around it, base64 in its one
 * canonical spelling, a right checksum where there is one. Pure; throws plain Errors that say what is wrong.
 *
 * Detached signatures are read strictly: no armour headers, only "\n", so that no byte of a signed
 * object can change and still be accepted. Keys come from many programs: headers, CRLF and white space
 * around the block are let through there.
 */

/** The blocks gtpkg knows, by the words of their first line. */
export type ArmorType = 'SIGNATURE' | 'PUBLIC KEY BLOCK' | 'PRIVATE KEY BLOCK';

/** The bytes in one block. */
export interface Dearmored {
  readonly type: ArmorType;
  readonly data: Buffer;
}

const HEAD = /^-----BEGIN PGP (SIGNATURE|PUBLIC KEY BLOCK|PRIVATE KEY BLOCK)-----$/;

/** CRC-24 of RFC 9580 §6.1. */
function crc24(data: Uint8Array): number {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let i = 0; i < 8; i++) {
      crc <<= 1;
      if (crc & 0x1000000) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}

function checksum(data: Uint8Array): string {
  const crc = crc24(data);
  return Buffer.from([crc >> 16, (crc >> 8) & 255, crc & 255]).toString('base64');
}

/** One block: no headers, 64 characters a line, checksum, final newline. */
export function armor(type: ArmorType, data: Uint8Array): string {
  const base64 = Buffer.from(data).toString('base64');
  let body = '';
  for (let i = 0; i < base64.length; i += 64) body += `${base64.slice(i, i + 64)}\n`;
  return `-----BEGIN PGP ${type}-----\n\n${body}=${checksum(data)}\n-----END PGP ${type}-----\n`;
}

// Lines between the first and the last one: [headers, empty line,] base64, checksum.
function decodeLines(lines: string[]): Buffer {
  const last = lines.at(-1) ?? '';
  const sum = last.startsWith('=') && last.length === 5 ? last.slice(1) : undefined;
  if (sum !== undefined) lines = lines.slice(0, -1);
  const width = lines[0]?.length ?? 0;
  lines.forEach((line, i) => {
    if (line.length === 0 || line.length > 76 || (i < lines.length - 1 && line.length !== width)) {
      throw new Error('uneven lines in the armour');
    }
  });
  const text = lines.join('');
  const data = Buffer.from(text, 'base64');
  if (data.length === 0 || data.toString('base64') !== text) throw new Error('the base64 is not well-formed');
  if (sum !== undefined && checksum(data) !== sum) throw new Error('the checksum of the armour is wrong');
  return data;
}

/** Reads one signature block, strictly. @throws Error */
export function dearmorSignature(text: string): Buffer {
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  if (HEAD.exec(lines[0] ?? '')?.[1] !== 'SIGNATURE')
    throw new Error('it does not start with a signature block');
  if (lines.at(-1) !== '-----END PGP SIGNATURE-----')
    throw new Error('it does not end with the signature block');
  if (lines[1] !== '') throw new Error('armour headers are not accepted in a signature');
  return decodeLines(lines.slice(2, -1));
}

/** Reads one key block, public or private. @throws Error */
export function dearmorKey(text: string): Dearmored {
  const lines = text
    .trim()
    .split('\n')
    .map((line) => line.trimEnd());
  const type = HEAD.exec(lines[0] ?? '')?.[1] as ArmorType | undefined;
  if (type === undefined || type === 'SIGNATURE') throw new Error('it does not start with a key block');
  if (lines.at(-1) !== `-----END PGP ${type}-----`) throw new Error('it does not end with the key block');
  const empty = lines.indexOf('');
  if (empty < 0) throw new Error('no empty line after the armour headers');
  const headers = lines.slice(1, empty);
  if (headers.some((line) => !/^[A-Za-z][A-Za-z0-9-]*: /.test(line)))
    throw new Error('a malformed armour header');
  return { type, data: decodeLines(lines.slice(empty + 1, -1)) };
}

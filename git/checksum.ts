/** The two checksums of git's and zlib's containers; neither protects against anyone. Pure. */
import * as zlib from 'node:zlib';

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function tableCrc32(bytes: Uint8Array, crc = 0): number {
  let c = ~crc;
  for (const byte of bytes) c = (TABLE[(c ^ byte) & 255] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}

/** CRC-32 (ISO 3309) of `bytes`, going on from `crc`. Node has it from 20.15 and 22.2 on. */
export const crc32: (bytes: Uint8Array, crc?: number) => number =
  (zlib as { crc32?: typeof tableCrc32 }).crc32 ?? tableCrc32;

/** Adler-32 (RFC 1950) of `bytes`, going on from `adler`. */
export function adler32(bytes: Uint8Array, adler = 1): number {
  let a = adler & 0xffff;
  let b = adler >>> 16;
  // 5552 bytes: the most that cannot overflow 32 bits
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + 5552, bytes.length);
    for (; at < end; at++) {
      a += bytes[at] ?? 0;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}

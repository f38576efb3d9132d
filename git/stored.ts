/**
 * Reads a zlib stream (RFC 1950) whose deflate blocks are all stored (RFC 1951 §3.2.4), as release images hold their objects: what zlib would do, without
 * making a zlib stream for each of hundreds of small objects. Anything else is left to zlib. Pure.
 */

/** Adler-32's modulus, and the most bytes whose sums stay below 2^32. */
const MODULUS = 65521;
const MOST = 5552;

/**
 * @param bytes - begins with the stream; what follows it is not looked at
 * @param size - bytes that must come out
 * @returns a copy of what is stored, and the length of the stream; undefined when it is not such a stream, whole and with its right checksum
 */
export function readStored(bytes: Buffer, size: number): { body: Buffer; used: number } | undefined {
  const [method, flags] = [bytes[0] ?? 0, bytes[1] ?? 0];
  // deflate, a window that exists, no dictionary, and the check bits
  if ((method & 0x0f) !== 8 || method >> 4 > 7 || (flags & 0x20) !== 0 || ((method << 8) | flags) % 31 !== 0)
    return undefined;
  const body = Buffer.allocUnsafe(size);
  let [at, filled, last] = [2, 0, false];
  while (!last) {
    if (at + 5 > bytes.length) return undefined;
    const head = bytes[at] as number;
    const length = bytes.readUInt16LE(at + 1);
    // bits between the head and the next byte's border are nobody's: zlib passes over them, and so does whoever gets undefined here
    if (head > 1 || (length ^ bytes.readUInt16LE(at + 3)) !== 0xffff) return undefined;
    at += 5;
    if (filled + length > size || at + length > bytes.length) return undefined;
    bytes.copy(body, filled, at, at + length);
    filled += length;
    at += length;
    last = head === 1;
  }
  if (filled !== size || at + 4 > bytes.length || bytes.readUInt32BE(at) !== adler32(body)) return undefined;
  return { body, used: at + 4 };
}

function adler32(bytes: Buffer): number {
  let [a, b] = [1, 0];
  for (let from = 0; from < bytes.length; from += MOST) {
    const to = Math.min(from + MOST, bytes.length);
    for (let i = from; i < to; i++) {
      a += bytes[i] as number;
      b += a;
    }
    a %= MODULUS;
    b %= MODULUS;
  }
  return ((b << 16) | a) >>> 0;
}

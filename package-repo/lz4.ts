/**
 * The LZ4 frame format 1.6.x, as apt keeps its lists (`Acquire::GzipIndexes`): whole frames, one after the other; no dictionary.
 *
 * The checksums (xxHash32) are not looked at: these are local files, and what is read from them is decided by nobody else's word.
 * Every length is checked against what is there, so that damage ends in an error and never beyond a buffer.
 */
import { GtpkgError } from '../model/index.js';

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const FIRST = 1 << 20;

/** Bytes that a match may have besides the four that every match has. */
const LONG = 15;

/** @throws GtpkgError CONTROL_MALFORMED for what is no whole LZ4, LIMIT_EXCEEDED past `maxOutput` bytes */
export function decodeLz4(input: Uint8Array, maxOutput: number): Buffer {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let at = 0;
  let out = Buffer.allocUnsafe(Math.min(maxOutput, FIRST));
  let size = 0;

  const take = (bytes: number): number => {
    const from = at;
    at += bytes;
    if (at > input.length) throw malformed();
    return from;
  };
  const word = (): number => {
    const from = at;
    if (from + 4 > input.length) throw malformed();
    at += 4;
    return view.getUint32(from, true);
  };

  while (at < input.length) {
    const magic = word();
    if (magic >= SKIPPABLE && magic < SKIPPABLE + 16) {
      take(word());
      continue;
    }
    if (magic !== MAGIC) throw malformed();
    const flags = input[take(2)] ?? 0;
    // version 01; a dictionary would be somewhere else
    if (flags >> 6 !== 1 || (flags & 1) !== 0) throw malformed();
    take((flags & 8) === 0 ? 1 : 9);
    for (let block = word(); block !== 0; block = word()) {
      const length = block & 0x7fffffff;
      const from = take(length);
      if (block >>> 31 === 1) {
        reserve(length);
        out.set(input.subarray(from, from + length), size);
        size += length;
      } else decodeBlock(from, from + length);
      if ((flags & 16) !== 0) take(4);
    }
    if ((flags & 4) !== 0) take(4);
  }
  return out.subarray(0, size);

  function reserve(more: number): void {
    if (size + more <= out.length) return;
    if (size + more > maxOutput)
      throw new GtpkgError('LIMIT_EXCEEDED', `LZ4 data grows beyond ${maxOutput} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(maxOutput, Math.max(out.length * 2, size + more)));
    out.copy(larger, 0, 0, size);
    out = larger;
  }

  function decodeBlock(from: number, end: number): void {
    let p = from;
    const extended = (length: number): number => {
      let total = length;
      for (let byte = 255; byte === 255;) {
        if (p >= end) throw malformed();
        byte = input[p++] ?? 0;
        total += byte;
      }
      return total;
    };
    while (p < end) {
      const token = input[p++] ?? 0;
      const literals = token >> 4 === LONG ? extended(LONG) : token >> 4;
      if (p + literals > end) throw malformed();
      reserve(literals);
      out.set(input.subarray(p, p + literals), size);
      size += literals;
      p += literals;
      // the last sequence has literals only
      if (p === end) return;
      if (p + 2 > end) throw malformed();
      const offset = (input[p] ?? 0) | ((input[p + 1] ?? 0) << 8);
      p += 2;
      const length = ((token & 15) === LONG ? extended(LONG) : token & 15) + 4;
      if (offset === 0 || offset > size) throw malformed();
      reserve(length);
      if (offset >= length) out.copyWithin(size, size - offset, size - offset + length);
      else for (let i = 0; i < length; i++) out[size + i] = out[size + i - offset] ?? 0;
      size += length;
    }
  }
}

function malformed(): GtpkgError {
  return new GtpkgError('CONTROL_MALFORMED', 'not LZ4 data, damaged, or cut short');
}

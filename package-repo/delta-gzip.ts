/**
 * .gz files inside packages: taken apart when they can be put together again byte for byte.
 */
import { gunzipSync } from 'node:zlib';
import { crc32 } from '../git/index.js';
import { limits } from '../model/index.js';
import { GZIP_HEAD, GZIP_LEVEL, GZIP_TAIL } from './delta-format.js';
import { gnuDeflate } from './gnu-gzip.js';

/** What is inside, if it is one member within bounds; undefined otherwise. */
export function gunzip(file: Uint8Array): Buffer | undefined {
  if (file.length < GZIP_HEAD.length + GZIP_TAIL || file[0] !== 0x1f || file[1] !== 0x8b) return undefined;
  try {
    return gunzipSync(file, { maxOutputLength: limits.MAX_DELTA_GZIP });
  } catch {
    return undefined;
  }
}

/** The file that `gzip -9n` makes. */
export function gzip(raw: Uint8Array): Buffer {
  const tail = Buffer.alloc(GZIP_TAIL);
  tail.writeUInt32LE(crc32(raw) >>> 0, 0);
  tail.writeUInt32LE(raw.length, 4);
  return Buffer.concat([GZIP_HEAD, gnuDeflate(raw, GZIP_LEVEL), tail]);
}

/** What is inside a file that gzip() makes again exactly; undefined for all others. */
export function gunzipExactly(file: Buffer): Buffer | undefined {
  if (!file.subarray(0, GZIP_HEAD.length).equals(GZIP_HEAD)) return undefined;
  const raw = gunzip(file);
  return raw !== undefined && gzip(raw).equals(file) ? raw : undefined;
}

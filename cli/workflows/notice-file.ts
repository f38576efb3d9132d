/**
 * Notices in a file, for roots that no network joins: `GTPKGN1\n`, then each behind its length, u32 little-endian. docs/formats/notices.md §6.
 */
import { writeFile } from 'node:fs/promises';
import { GtpkgError, limits } from '../../model/index.js';
import { readGiven } from '../files.js';

const MAGIC = Buffer.from('GTPKGN1\n', 'latin1');

/** @throws GtpkgError FILE_NOT_FOUND, NOTICE_MALFORMED, LIMIT_EXCEEDED */
export async function readNotices(path: string): Promise<Buffer[]> {
  const bytes = Buffer.from(await readGiven(path));
  const wrong = (what: string): GtpkgError =>
    new GtpkgError('NOTICE_MALFORMED', `${path} is no file of notices: ${what}`);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw wrong('it begins otherwise');
  const out: Buffer[] = [];
  for (let at = MAGIC.length; at < bytes.length;) {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Infinity;
    if (length > limits.MAX_NOTICE || at + 4 + length > bytes.length) throw wrong('it is cut short');
    if (out.length >= limits.MAX_NOTICES) throw wrong('there are too many in it');
    out.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}

/** @throws Error of the file system */
export async function writeNotices(path: string, notices: readonly Uint8Array[]): Promise<void> {
  const parts: Uint8Array[] = [MAGIC];
  for (const notice of notices) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(notice.byteLength);
    parts.push(length, notice);
  }
  await writeFile(path, Buffer.concat(parts));
}

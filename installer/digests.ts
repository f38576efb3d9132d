/** Several digests of one file in one reading. */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { Disk } from './disk.js';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Read at a time: more would leave the processor's cache. */
const PIECE = 256 * 1024;

/** In hex, in the order of `algorithms`; undefined when no regular file is there. Never follows a link. @throws the system's errors */
export function digestsAt(
  disk: Disk,
  path: string,
  algorithms: readonly string[],
): readonly string[] | undefined {
  if (disk.lstat(path)?.isFile() !== true) return undefined;
  const hashes = algorithms.map((each) => createHash(each));
  const buffer = Buffer.allocUnsafe(PIECE);
  const fd = openSync(disk.at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer))
      for (const hash of hashes) hash.update(buffer.subarray(0, got));
  } finally {
    closeSync(fd);
  }
  return hashes.map((hash) => hash.digest('hex'));
}

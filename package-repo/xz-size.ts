/**
 * Where an .xz stream ends (The .xz File Format 1.2.0): its footer and index say how long it is. The decoder that we use stops at
 * the stream's end without looking further, so what stands behind it is found here.
 */
import { open } from 'node:fs/promises';
import { GtpkgError } from '../model/index.js';
import type { FileRange } from './decompress.js';

const EDGE = 12; // stream header and stream footer
/** An index has ~8 bytes a block, blocks are megabytes. */
const MAX_INDEX = 1 << 20;

/** Checks that the range is exactly one .xz stream. @throws GtpkgError DEB_MALFORMED */
export async function checkXzSize(range: FileRange): Promise<void> {
  const file = await open(range.path, 'r');
  try {
    await checkXzStream(
      range.size,
      async (at, length) => (await file.read(Buffer.alloc(length), 0, length, range.offset + at)).buffer,
    );
  } finally {
    await file.close();
  }
}

/** The same for bytes that are read by `read(at, length)`. @throws GtpkgError DEB_MALFORMED */
export async function checkXzStream(
  size: number,
  read: (at: number, length: number) => Buffer | Promise<Buffer>,
): Promise<void> {
  if (size < 2 * EDGE) throw bad();
  const footer = await read(size - EDGE, EDGE);
  const indexSize = (footer.readUInt32LE(4) + 1) * 4;
  const at = size - EDGE - indexSize;
  if (footer.toString('latin1', 10) !== 'YZ' || indexSize > MAX_INDEX || at < 0) throw bad();
  if (blocksSize(await read(at, indexSize)) + indexSize + 2 * EDGE !== size) throw bad();
}

// §4: indicator 0, number of records, then unpadded and uncompressed size of each block
function blocksSize(index: Buffer): number {
  let at = 1;
  const integer = (): number => {
    let value = 0;
    for (let scale = 1, i = 0; i < 9; i++, scale *= 128) {
      const byte = index[at++] ?? 0x80;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw bad();
  };
  if (index[0] !== 0) throw bad();
  let total = 0;
  for (let records = integer(); records > 0; records--) {
    total += Math.ceil(integer() / 4) * 4;
    integer();
    if (at > index.length) throw bad();
  }
  return total;
}

function bad(): GtpkgError {
  return new GtpkgError('DEB_MALFORMED', 'An .xz stream is cut short, or bytes follow its end');
}

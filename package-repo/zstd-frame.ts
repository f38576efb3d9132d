/** Zstandard frames (RFC 8878 §3.1.1), cut into pieces that can do no harm one by one. */
import { GtpkgError } from '../model/index.js';
import type { ByteReader } from './reader.js';

/** Block_Maximum_Size: no block gives more. */
export const BLOCK = 128 * 1024;
/** zstd's own default bound: a larger window is refused, not allocated. */
const MAX_WINDOW = 128 * 1024 * 1024;

/** A frame's header, or one of its blocks (the last one with the checksum behind it). */
export interface FramePiece {
  readonly bytes: Buffer;
  /** whether a decoder must give something for it */
  readonly produces: boolean;
  /** the last of its frame */
  readonly last: boolean;
}

const MAGIC = 0xfd2f_b528;

/**
 * Cuts a stream of frames into pieces.
 * A piece is good until the next one is asked for.
 * @param many - several frames and skippable ones may follow each other; otherwise exactly one frame
 * @throws GtpkgError RELEASE_MALFORMED
 */
export async function* framePieces(reader: ByteReader, many: boolean): AsyncGenerator<FramePiece> {
  // a block's header, the block, a checksum
  const piece = Buffer.allocUnsafeSlow(3 + BLOCK + 4);
  for (let first = true; first || !(await reader.atEnd()); first = false) {
    if (!first && !many) throw malformed('bytes follow its end');
    // pieces of a reader are good until the next one is asked for: what is kept is copied
    const magic = Buffer.from(await need(reader, 4));
    if (magic.readUInt32LE() >>> 4 === 0x184d2a5 && many) {
      for (let left = (await need(reader, 4)).readUInt32LE(); left > 0;)
        left -= (await need(reader, Math.min(left, BLOCK))).length;
      continue;
    }
    if (magic.readUInt32LE() !== MAGIC) throw malformed('it is not zstd');
    const flags = (await need(reader, 1))[0] ?? 0;
    if ((flags & 0x03) !== 0) throw malformed('it needs a dictionary');
    if ((flags & 0x08) !== 0) throw malformed('a reserved bit is set');
    const single = (flags & 0x20) !== 0;
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
    const rest = await need(reader, (single ? 0 : 1) + sizeBytes);
    if (windowSize(rest, single, sizeBytes) > MAX_WINDOW)
      throw malformed('it wants more memory than is allowed');
    yield { bytes: Buffer.concat([magic, Buffer.from([flags]), rest]), produces: false, last: false };
    for (let last = false; !last;) {
      const word = (await need(reader, 3)).readUIntLE(0, 3);
      last = (word & 1) === 1;
      const type = (word >> 1) & 3;
      const size = word >> 3;
      if (type === 3 || size > BLOCK || (type === 2 && size < 2)) throw malformed('a block is malformed');
      const body = await need(reader, (type === 1 ? 1 : size) + (last && (flags & 0x04) !== 0 ? 4 : 0));
      piece.writeUIntLE(word, 0, 3);
      body.copy(piece, 3);
      yield { bytes: piece.subarray(0, 3 + body.length), produces: type === 2 || size > 0, last };
    }
  }
}

// RFC 8878 §3.1.1.1.2 and .4: what a decoder must be able to look back
function windowSize(rest: Buffer, single: boolean, sizeBytes: number): number {
  if (single)
    return sizeBytes === 8
      ? Number(rest.readBigUInt64LE())
      : rest.readUIntLE(0, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const descriptor = rest[0] ?? 0;
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

async function need(reader: ByteReader, count: number): Promise<Buffer> {
  const bytes = await reader.upTo(count);
  if (bytes.length < count) throw malformed('it is cut short');
  return bytes;
}

/** RELEASE_MALFORMED for compressed data. */
export function malformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `Compressed data is malformed: ${what}`, { cause });
}

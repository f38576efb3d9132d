/**
 * Zstandard, streaming (RFC 8878), with whichever library is at hand.
 *
 * Compression gives the same bytes on every machine: all engines run one version of the library (ZSTD_VERSION), with the
 * level as their only parameter, on blocks cut at the same places. Tests hold them to it.
 * Decompression is strict: whole frames, no dictionary, no bytes after the end, output and memory bounded.
 */
import { GtpkgError } from '../model/index.js';
import { ByteReader } from './reader.js';
import { zstdEngine, type ZstdEngine } from './zstd-engines.js';
import { BLOCK, framePieces, malformed } from './zstd-frame.js';

/** The library version whose output all engines give. Another one gives other bytes, and so other core keys. */
export const ZSTD_VERSION = '1.5.7';

export interface CompressOptions {
  /** 1..19; default 19 */
  readonly level?: number;
  /** for tests; default: the best that is here in version ZSTD_VERSION */
  readonly engine?: ZstdEngine;
}

export interface DecompressOptions {
  /** more output than this is an error; also bounds what a single block may allocate */
  readonly maxOutput: number;
  /** several frames one after the other, and skippable ones, as some .deb files have; default false: exactly one frame */
  readonly frames?: boolean;
  /** what comes out is overwritten by what comes next: for who looks at it at once */
  readonly reuse?: boolean;
  /** for tests; default: the best that is here */
  readonly engine?: ZstdEngine;
}

/**
 * Compresses to one frame, without content size or checksum (what travels is checked with SHA-256).
 * The bytes depend on the contents and the level only, not on how the chunks are cut.
 */
export async function* compress(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: CompressOptions = {},
): AsyncGenerator<Buffer> {
  const compressor = (await zstdEngine(options.engine, ZSTD_VERSION)).compressor(options.level ?? 19);
  const reader = new ByteReader(chunks);
  try {
    for (;;) {
      const block = await reader.upTo(BLOCK);
      if (block.length === 0) break;
      const out = await compressor.push(block);
      if (out.length > 0) yield out;
      // a block at level 19 takes a tenth of a second of this thread: let others in between
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield await compressor.end();
  } finally {
    compressor.close();
    await reader.close();
  }
}

/**
 * Decompresses block by block, so that no input, however small, makes more than 128 KiB before the bound is checked.
 * What `chunks` throws is passed on.
 * @throws GtpkgError RELEASE_MALFORMED for anything but well-formed frames, LIMIT_EXCEEDED past maxOutput
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(chunks);
  const decompressor = (await zstdEngine(options.engine)).decompressor(options.reuse === true);
  let total = 0;
  try {
    for await (const piece of framePieces(reader, options.frames === true)) {
      let out: Buffer;
      try {
        out = await decompressor.push(piece);
      } catch (cause) {
        throw malformed('it cannot be decompressed', cause);
      }
      total += out.length;
      if (total > options.maxOutput) {
        throw new GtpkgError('LIMIT_EXCEEDED', `Compressed data grows beyond ${options.maxOutput} bytes`);
      }
      if (out.length > 0) yield out;
    }
  } finally {
    decompressor.close();
    await reader.close();
  }
}

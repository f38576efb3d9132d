/**
 * The small streams of a delta: numbers as LEB128 (seven bits a byte, lowest first), in memory, bounded.
 */
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, brotliDecompressSync, constants } from 'node:zlib';
import { limits, type ByteSource } from '../model/index.js';
import { deltaMalformed, type DeltaExtent } from './delta-format.js';

const compressAsync = promisify(brotliCompress);
const decompressAsync = promisify(brotliDecompress);
const LARGEST_VARINT = 8;
/** Decompressed at once: most sections are smaller than what a round trip to the thread pool costs. */
const SMALL = 256 * 1024;

/** Parameters of a brotli stream; the bytes may differ between versions of the library, what they unpack to does not. */
export function brotliParameters(quality: number): { params: Record<number, number> } {
  return { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: 24 } };
}

/** Bytes and numbers to be written. */
export class StreamWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow();
    this.#bytes[this.#length++] = value;
  }

  add(bytes: Uint8Array): void {
    while (this.#length + bytes.length > this.#bytes.length) this.#grow();
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A number from 0 to 2^53. */
  number(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128)) this.byte((value % 128) | 128);
    this.byte(value);
  }

  /** True when the stream is larger than a reader takes. */
  get isTooLarge(): boolean {
    return this.#length > limits.MAX_DELTA_STREAM;
  }

  async compressed(): Promise<Buffer> {
    if (this.#length === 0) return Buffer.alloc(0);
    return compressAsync(this.#bytes.subarray(0, this.#length), brotliParameters(11));
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2);
    this.#bytes.copy(larger);
    this.#bytes = larger;
  }
}

/** Bytes and numbers as they were written. All methods throw GtpkgError RELEASE_MALFORMED past the end. */
export class StreamReader {
  readonly bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.#at++];
    if (value === undefined) throw deltaMalformed('a stream is cut short');
    return value;
  }

  number(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < LARGEST_VARINT; count++, factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw deltaMalformed('a number is too large');
  }
}

/** A brotli section in memory. @throws GtpkgError RELEASE_MALFORMED when it is not just as long as it must be */
export async function readWhole(source: ByteSource, extent: DeltaExtent): Promise<Buffer> {
  if (extent.length === 0) return Buffer.alloc(0);
  const parts: Uint8Array[] = [];
  for await (const chunk of source.read(extent.offset, extent.length)) parts.push(chunk);
  let bytes: Buffer;
  try {
    const options = { maxOutputLength: extent.rawLength };
    bytes =
      extent.rawLength <= SMALL
        ? brotliDecompressSync(Buffer.concat(parts), options)
        : await decompressAsync(Buffer.concat(parts), options);
  } catch (cause) {
    throw deltaMalformed('a section cannot be decompressed', cause);
  }
  if (bytes.length !== extent.rawLength)
    throw deltaMalformed('a section has another size than its header says');
  return bytes;
}

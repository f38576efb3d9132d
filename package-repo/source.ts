/** A plain file as a byte source. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ioError, withIo } from '../git/index.js';
import type { ByteSource } from '../model/index.js';

/**
 * The file at `path`, with the size it has now. Nothing is kept open between reads.
 * @throws GtpkgError FILE_NOT_FOUND, PERMISSION, IO_ERROR, now and while reading
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await withIo(`Cannot read ${path}`, () => stat(path));
  return { byteLength: size, read: (offset, length) => read(path, offset, length) };
}

async function* read(path: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
  if (length === 0) return;
  try {
    yield* createReadStream(path, {
      start: offset,
      end: offset + length - 1,
      highWaterMark: 256 * 1024,
    }) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw ioError(cause, `Cannot read ${path}`);
  }
}

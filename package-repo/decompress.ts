/** The compressions of deb(5), streaming: none, gzip, xz, zstd. Bytes after the compressed data are an error. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { GtpkgError, systemCode } from '../model/index.js';
import { ioError } from '../git/index.js';
import { checkXzSize, checkXzStream } from './xz-size.js';
import { decompress } from './zstd.js';

/** A range of a file. */
export interface FileRange {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** The bytes of a range, `size` exactly unless the file shrinks. */
export function readRange({ path, offset, size }: FileRange): AsyncIterable<Buffer> {
  if (size === 0) return Readable.from([]);
  return createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: 256 * 1024 });
}

/**
 * Decompressed contents of a member by its name's ending (`control.tar.xz`).
 * @throws GtpkgError DEB_MALFORMED when it is damaged, cut short, of an unknown kind, or gives more than `maxOutput`
 */
export async function* decompressMember(
  name: string,
  range: FileRange,
  maxOutput: number,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  try {
    for await (const chunk of open(/\.tar(?:\.(.*))?$/.exec(name)?.[1], range, maxOutput)) {
      total += chunk.length;
      if (total > maxOutput)
        throw new GtpkgError('LIMIT_EXCEEDED', `${name} grows beyond ${maxOutput} bytes`);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof GtpkgError && cause.code !== 'RELEASE_MALFORMED') throw cause;
    if (systemCode(cause)?.startsWith('E') === true && (cause as { syscall?: unknown }).syscall !== undefined)
      throw ioError(cause, `Cannot read ${range.path}`);
    throw new GtpkgError('DEB_MALFORMED', `${name} cannot be decompressed`, {
      hint: 'Fetch the file again.',
      cause,
    });
  }
}

function open(kind: string | undefined, range: FileRange, maxOutput: number): AsyncIterable<Uint8Array> {
  switch (kind) {
    case undefined:
      return readRange(range);
    case 'gz':
      return gunzip(range);
    case 'xz':
      return unxz(range);
    case 'zst':
      return decompress(readRange(range), { maxOutput, frames: true });
    default:
      throw new GtpkgError('DEB_MALFORMED', `The compression .${kind} is not one that gtpkg reads`, {
        hint: 'Repack it: dpkg-deb -R FILE DIR, then dpkg-deb -Zxz -b DIR.',
      });
  }
}

async function* gunzip(range: FileRange): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: 128 * 1024 });
  const input = Readable.from(readRange(range));
  input.on('error', (error) => stream.destroy(error));
  input.pipe(stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
    if (stream.bytesWritten !== range.size)
      throw new GtpkgError('DEB_MALFORMED', 'Bytes follow the compressed data');
  } finally {
    input.destroy();
    stream.destroy();
  }
}

/**
 * Decompresses bytes that are one whole file.
 * @throws GtpkgError DEB_MALFORMED, RELEASE_MALFORMED for what is damaged or cut short, LIMIT_EXCEEDED past `maxOutput`; and what the
 * decoder throws
 */
export async function* decompressBytes(
  kind: 'xz' | 'zst',
  bytes: Buffer,
  maxOutput: number,
): AsyncGenerator<Uint8Array> {
  if (kind === 'zst') return yield* decompress([bytes], { maxOutput, frames: true });
  await checkXzStream(bytes.length, (at, length) => bytes.subarray(at, at + length));
  let total = 0;
  for await (const chunk of xzStream([bytes])) {
    total += chunk.length;
    if (total > maxOutput) throw new GtpkgError('LIMIT_EXCEEDED', `grows beyond ${maxOutput} bytes`);
    yield chunk;
  }
}

async function* unxz(range: FileRange): AsyncGenerator<Uint8Array> {
  await checkXzSize(range);
  yield* xzStream(readRange(range));
}

async function* xzStream(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { XzReadableStream } = (await import('xz-decompress')).default;
  // One stream at a time in a process: the package makes the next one wait until this one has ended or is cancelled.
  const input = Readable.toWeb(Readable.from(bytes)) as ConstructorParameters<typeof XzReadableStream>[0];
  const reader = new XzReadableStream(input).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

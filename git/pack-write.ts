/**
 * Writes git packs (gitformat-pack(5), version 2): whole objects only, no deltas, in the order given.
 *
 * Level 0 is written here, not by zlib, so that its bytes are the same on every machine and in every version of
 * Node; other levels are deterministic only for one zlib.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createDeflate, deflateSync } from 'node:zlib';
import { GtpkgError } from '../model/index.js';
import { adler32, crc32 } from './checksum.js';
import type { ObjectType } from './hash.js';

/** An object to be written: contents in memory, or a way to stream them (called once per pass). */
export interface PackItem {
  readonly type: ObjectType;
  readonly size: number;
  readonly content: () => AsyncIterable<Uint8Array> | Uint8Array;
}

export interface WritePackOptions {
  /** zlib level 0..9; default 6, and 1 for objects over 1 MiB */
  readonly level?: number;
  /** told, after each object, where it starts in the pack and the CRC-32 of its packed bytes: what an index needs */
  readonly onObject?: (index: number, offset: number, crc: number) => void;
}

const TYPE: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
const LARGE = 1 << 20;
const STORED = 65_535;

// type and size: 4 bits of the size first, then 7 at a time
function objectHeader(type: ObjectType, size: number): Buffer {
  const out: number[] = [];
  let byte = (TYPE[type] << 4) | (size % 16);
  let rest = Math.floor(size / 16);
  while (rest > 0) {
    out.push(byte | 0x80);
    byte = rest % 128;
    rest = Math.floor(rest / 128);
  }
  out.push(byte);
  return Buffer.from(out);
}

// RFC 1950 and 1951 with stored blocks only: full ones, then the last. Does not depend on how the chunks are cut.
async function* store(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Buffer> {
  yield Buffer.from([0x78, 0x01]);
  let adler = 1;
  let left = size;
  let block = Buffer.alloc(Math.min(size, STORED));
  let fill = 0;
  const flush = (): Buffer => {
    const head = Buffer.alloc(5);
    left -= fill;
    head[0] = left === 0 ? 1 : 0;
    head.writeUInt16LE(fill, 1);
    head.writeUInt16LE(fill ^ 0xffff, 3);
    const out = Buffer.concat([head, block.subarray(0, fill)]);
    block = Buffer.alloc(Math.min(left, STORED));
    fill = 0;
    return out;
  };
  for await (const chunk of chunks) {
    adler = adler32(chunk, adler);
    for (let at = 0; at < chunk.length;) {
      if (fill === STORED) yield flush();
      const part = chunk.subarray(at, at + STORED - fill);
      block.set(part, fill);
      fill += part.length;
      at += part.length;
    }
  }
  yield flush();
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(adler);
  yield tail;
}

async function* deflate(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Buffer> {
  const stream = createDeflate({ level, chunkSize: 64 * 1024 });
  const input = Readable.from(chunks);
  input.on('error', (error) => stream.destroy(error));
  input.pipe(stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    input.destroy();
    stream.destroy();
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > size) break;
    yield chunk;
  }
  if (seen !== size)
    throw new GtpkgError(
      'OBJECT_CORRUPT',
      `an object of ${size} bytes came with ${seen > size ? 'more' : seen}`,
    );
}

async function* packed(item: PackItem, level: number | undefined): AsyncGenerator<Buffer> {
  let content = item.content();
  if (!(content instanceof Uint8Array)) {
    content = counted(content, item.size);
    // a stream object costs more than deflating a small blob in one go
    if (item.size <= LARGE) content = await gather(content);
  }
  if (content instanceof Uint8Array && content.length !== item.size) {
    throw new GtpkgError('OBJECT_CORRUPT', `an object of ${item.size} bytes came with ${content.length}`);
  }
  const chosen = level ?? (item.size > LARGE ? 1 : 6);
  const chunks = content instanceof Uint8Array ? [content] : content;
  if (chosen === 0) yield* store(chunks, item.size);
  else if (content instanceof Uint8Array && item.size <= LARGE) yield deflateSync(content, { level: chosen });
  else yield* deflate(chunks, chosen);
}

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/**
 * The bytes of a pack with `objects` in order; streams, so memory stays bounded whatever the objects' sizes.
 * @throws GtpkgError OBJECT_CORRUPT when an object's contents differ from its stated size
 */
export async function* writePack(
  objects: readonly PackItem[],
  options: WritePackOptions = {},
): AsyncGenerator<Buffer> {
  const sum = createHash('sha1');
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(objects.length, 8);
  sum.update(head);
  yield head;
  let offset = head.length;
  for (const [index, item] of objects.entries()) {
    const start = offset;
    const lead = objectHeader(item.type, item.size);
    let crc = crc32(lead);
    sum.update(lead);
    offset += lead.length;
    yield lead;
    for await (const chunk of packed(item, options.level)) {
      crc = crc32(chunk, crc);
      sum.update(chunk);
      offset += chunk.length;
      yield chunk;
    }
    options.onObject?.(index, start, crc);
  }
  yield sum.digest();
}

/**
 * One entry of a pack on this disk: where it is, what its head says, its contents. Deltas are followed by store.ts.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { createInflate, inflateSync } from 'node:zlib';
import { GtpkgError, limits, systemCode, type Oid } from '../model/index.js';
import type { ObjectType } from './hash.js';
import type { PackIndex } from './pack-index.js';

/** An object whose contents stream; `content` may be called more than once. */
export interface ObjectStream {
  readonly type: ObjectType;
  readonly size: number;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** A pack and where its entries begin. */
export interface Pack {
  readonly path: string;
  readonly index: PackIndex;
}

const TYPES: readonly (ObjectType | undefined)[] = [undefined, 'commit', 'tree', 'blob', 'tag'];
const OFS_DELTA = 6;
const REF_DELTA = 7;
/** Objects up to this size are read in one piece. */
const SMALL = 1 << 20;

/** Where an entry of a pack is. */
export interface Place {
  readonly pack: Pack;
  readonly offset: number;
}

/** The head of an entry, taken apart. */
export interface Entry extends Place {
  readonly code: number;
  readonly isDelta: boolean;
  /** of what is deflated in it */
  readonly size: number;
  /** first byte of what is deflated, and the byte after the entry */
  readonly start: number;
  readonly end: number;
  /** base of a delta: an id, or so many bytes back */
  readonly base: Oid | undefined;
  readonly back: number;
}

// small reads of local files: the synchronous calls take a tenth of the time
function withFile<T>(path: string, work: (file: number) => T): T {
  const file = openSync(path, 'r');
  try {
    return work(file);
  } finally {
    closeSync(file);
  }
}

/** Reads the head of an entry. @throws GtpkgError OBJECT_CORRUPT */
export function readEntry({ pack, offset }: Place): Entry {
  return withFile(pack.path, (file) => {
    const end = pack.index.next(offset) ?? fstatSync(file).size - 20;
    const head = readAt(file, offset, Math.min(64, end - offset));
    const { code, size, used } = entryHeader(head);
    const isDelta = code === OFS_DELTA || code === REF_DELTA;
    const entry = { pack, offset, code, isDelta, size, end, start: offset + used, base: undefined, back: 0 };
    if (code === REF_DELTA)
      return { ...entry, base: head.toString('hex', used, used + 20) as Oid, start: entry.start + 20 };
    if (code !== OFS_DELTA) return entry;
    let i = used;
    let byte = head[i++] ?? 0;
    let back = byte & 127;
    while (byte & 128) {
      byte = head[i++] ?? 0;
      back = (back + 1) * 128 + (byte & 127);
    }
    if (back <= 0 || back > offset) throw corrupt(`${pack.path}: a delta that points outside the pack`);
    return { ...entry, back, start: offset + i };
  });
}

/** What is deflated in an entry: an object or a delta. @throws GtpkgError OBJECT_CORRUPT */
export function contents({ pack, start, end, size }: Entry): Buffer {
  return inflate(
    withFile(pack.path, (file) => readAt(file, start, end - start)),
    size,
  );
}

/** An entry that is no delta. @throws GtpkgError OBJECT_CORRUPT */
export function whole(entry: Entry): ObjectStream {
  const { pack, code, size, start, end } = entry;
  const type = TYPES[code];
  if (type === undefined) throw corrupt(`${pack.path}: an object of type ${code}`);
  if (size > SMALL) return { type, size, content: () => inflateFile(pack.path, start, end) };
  const body = contents(entry);
  return { type, size, content: () => once(body) };
}

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(Math.max(0, length));
  for (let have = 0; have < buffer.length;) {
    const count = readSync(file, buffer, have, buffer.length - have, position + have);
    if (count === 0) throw corrupt('a pack is cut short');
    have += count;
  }
  return buffer;
}

function entryHeader(bytes: Buffer): { code: number; size: number; used: number } {
  let used = 0;
  let byte = bytes[used++] ?? 0;
  const code = (byte >> 4) & 7;
  let size = byte & 15;
  for (let scale = 16; byte & 128; scale *= 128) {
    byte = bytes[used++] ?? 0;
    size += (byte & 127) * scale;
  }
  return { code, size, used };
}

function inflate(bytes: Buffer, size: number): Buffer {
  try {
    const body = inflateSync(bytes, {
      maxOutputLength: Math.max(1, size),
      chunkSize: Math.min(Math.max(64, size + 1), SMALL),
    });
    if (body.length !== size) throw corrupt('an object is shorter than it says');
    return body;
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw corrupt('an object cannot be inflated', cause);
  }
}

/** Inflates from one byte of a file to another. @throws GtpkgError OBJECT_CORRUPT */
export async function* inflateFile(path: string, start: number, end?: number): AsyncGenerator<Buffer> {
  const input = createReadStream(path, {
    start,
    ...(end === undefined ? {} : { end: end - 1 }),
    highWaterMark: 256 * 1024,
  });
  const output = createInflate({ chunkSize: 256 * 1024 });
  input.on('error', (error) => output.destroy(error));
  input.pipe(output);
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } catch (cause) {
    throw systemCode(cause)?.startsWith('Z_') === true
      ? corrupt(`${path}: an object cannot be inflated`, cause)
      : cause;
  } finally {
    input.destroy();
    output.destroy();
  }
}

/** One chunk. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** All of a stream in one buffer of exactly `size` bytes. @throws GtpkgError OBJECT_CORRUPT */
export async function collect(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Buffer> {
  if (size > limits.MAX_GIT_SECTION * 8)
    throw new GtpkgError('LIMIT_EXCEEDED', `an object of ${size} bytes is too large to be held in memory`);
  const body = Buffer.alloc(size);
  let have = 0;
  for await (const chunk of chunks) {
    if (have + chunk.length > size) throw corrupt('an object is longer than it says');
    body.set(chunk, have);
    have += chunk.length;
  }
  if (have !== size) throw corrupt('an object is shorter than it says');
  return body;
}

// gitformat-pack(5), "Deltified representation".
/** What a delta makes of its base. @throws GtpkgError OBJECT_CORRUPT */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = delta[at++] ?? 0;
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value;
    }
  };
  if (varint() !== base.length) throw corrupt('a delta does not fit its base');
  const size = varint();
  const parts: Buffer[] = [];
  while (at < delta.length) {
    const op = delta[at++] ?? 0;
    if (op === 0) throw corrupt('a delta with a reserved instruction');
    if (!(op & 128)) {
      parts.push(delta.subarray(at, (at += op)));
      continue;
    }
    let offset = 0;
    let length = 0;
    for (let i = 0; i < 4; i++) if (op & (1 << i)) offset += (delta[at++] ?? 0) * 2 ** (8 * i);
    for (let i = 0; i < 3; i++) if (op & (16 << i)) length += (delta[at++] ?? 0) * 2 ** (8 * i);
    parts.push(base.subarray(offset, offset + (length === 0 ? 0x10000 : length)));
  }
  const body = Buffer.concat(parts);
  if (body.length !== size) throw corrupt('a delta gives the wrong size');
  return body;
}

/** OBJECT_CORRUPT, said in one way. */
export function corrupt(message: string, cause?: unknown): GtpkgError {
  return new GtpkgError('OBJECT_CORRUPT', message, { cause });
}

/**
 * Reads objects of a repository on this disk: loose ones and packs, with the deltas that plain `git gc` makes.
 *
 * Alternates, grafts and replace refs are not followed. Ids are checked by the caller (repository.ts); sizes are
 * trusted as far as our own disk is.
 */
import { closeSync, createReadStream, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInflate, inflateSync } from 'node:zlib';
import { GtpkgError, limits, systemCode, type Oid } from '../model/index.js';
import type { ObjectType } from './hash.js';
import { PackIndex } from './pack-index.js';

/** An object whose contents stream; `content` may be called more than once. */
export interface ObjectStream {
  readonly type: ObjectType;
  readonly size: number;
  readonly content: () => AsyncIterable<Uint8Array>;
}

interface Pack {
  readonly path: string;
  readonly index: PackIndex;
}

const TYPES: readonly (ObjectType | undefined)[] = [undefined, 'commit', 'tree', 'blob', 'tag'];
const OFS_DELTA = 6;
const REF_DELTA = 7;
/** git's own packs stop at 50 (4095 at the most). */
const MAX_DELTA_DEPTH = 4096;
/** Objects up to this size are read in one piece. */
const SMALL = 1 << 20;

/** The `objects` directory of a repository, for reading. */
export class ObjectStore {
  readonly #dir: string;
  readonly #packs = new Map<string, Pack>();
  #stamp = -1n;

  constructor(objectsDir: string) {
    this.#dir = objectsDir;
  }

  /** Whether the object is here. */
  async has(oid: Oid): Promise<boolean> {
    if ((await this.#find(oid)) !== undefined) return true;
    return this.#loosePath(oid) !== undefined;
  }

  /** The object as a stream; undefined when it is not here. @throws GtpkgError OBJECT_CORRUPT */
  async get(oid: Oid): Promise<ObjectStream | undefined> {
    try {
      const found = await this.#find(oid);
      if (found !== undefined) return await this.#packed(found.pack, found.offset, 0);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      // git gc replaced the packs that we know: look once more
      this.forget();
      await this.#rescan();
      const found = await this.#find(oid);
      if (found !== undefined) return this.#packed(found.pack, found.offset, 0);
    }
    const path = this.#loosePath(oid);
    return path === undefined ? undefined : loose(path);
  }

  #loosePath(oid: Oid): string | undefined {
    const path = join(this.#dir, oid.slice(0, 2), oid.slice(2));
    return statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : path;
  }

  async #find(oid: Oid): Promise<{ pack: Pack; offset: number } | undefined> {
    for (let fresh = false; ; fresh = true) {
      if (fresh && !(await this.#rescan())) return undefined;
      for (const pack of this.#packs.values()) {
        const offset = pack.index.find(oid);
        if (offset !== undefined) return { pack, offset };
      }
      if (fresh) return undefined;
    }
  }

  // Looks for new packs, if the directory changed since the last look. True when there may be something new.
  async #rescan(): Promise<boolean> {
    const dir = join(this.#dir, 'pack');
    const stat = statSync(dir, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeNs === this.#stamp) return false;
    const names = readdirSync(dir).filter((name) => name.endsWith('.idx'));
    const gone = new Set(this.#packs.keys());
    for (const name of names) {
      gone.delete(name);
      if (this.#packs.has(name)) continue;
      const path = join(dir, name);
      this.#packs.set(name, {
        path: `${path.slice(0, -4)}.pack`,
        index: new PackIndex(await readFile(path), path),
      });
    }
    for (const name of gone) this.#packs.delete(name);
    this.#stamp = stat.mtimeNs;
    return true;
  }

  /** Must be called after writing a pack: two writes may fall into one tick of the directory's clock. */
  forget(): void {
    this.#stamp = -1n;
  }

  async #packed(pack: Pack, offset: number, depth: number): Promise<ObjectStream> {
    if (depth > MAX_DELTA_DEPTH)
      throw corrupt(`${pack.path}: a chain of more than ${MAX_DELTA_DEPTH} deltas`);
    const end = pack.index.next(offset);
    // small reads of local files: the synchronous calls take a tenth of the time
    const file = openSync(pack.path, 'r');
    try {
      const length = (end ?? fstatSync(file).size - 20) - offset;
      const head = readAt(file, offset, Math.min(64, length));
      const { code, size, used } = entryHeader(head);
      if (code === OFS_DELTA || code === REF_DELTA) {
        const { base, skip } = await this.#base(pack, { code, offset, head, used, depth });
        const delta = inflate(readAt(file, offset + skip, length - skip), size);
        const body = applyDelta(await collect(base.content(), base.size), delta);
        return { type: base.type, size: body.length, content: () => once(body) };
      }
      const type = TYPES[code];
      if (type === undefined) throw corrupt(`${pack.path}: an object of type ${code}`);
      if (size <= SMALL) {
        const body = inflate(readAt(file, offset + used, length - used), size);
        return { type, size, content: () => once(body) };
      }
      return { type, size, content: () => inflateFile(pack.path, offset + used, offset + length) };
    } finally {
      closeSync(file);
    }
  }

  async #base(
    pack: Pack,
    at: { code: number; offset: number; head: Buffer; used: number; depth: number },
  ): Promise<{ base: ObjectStream; skip: number }> {
    if (at.code === REF_DELTA) {
      const oid = at.head.toString('hex', at.used, at.used + 20) as Oid;
      const offset = pack.index.find(oid);
      const base =
        offset === undefined ? await this.get(oid) : await this.#packed(pack, offset, at.depth + 1);
      if (base === undefined) throw corrupt(`${pack.path}: the base ${oid} of a delta is missing`);
      return { base, skip: at.used + 20 };
    }
    let i = at.used;
    let byte = at.head[i++] ?? 0;
    let back = byte & 127;
    while (byte & 128) {
      byte = at.head[i++] ?? 0;
      back = (back + 1) * 128 + (byte & 127);
    }
    if (back <= 0 || back > at.offset) throw corrupt(`${pack.path}: a delta that points outside the pack`);
    return { base: await this.#packed(pack, at.offset - back, at.depth + 1), skip: i };
  }
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

async function* inflateFile(path: string, start: number, end?: number): AsyncGenerator<Buffer> {
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

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
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

async function loose(path: string): Promise<ObjectStream> {
  const chunks = inflateFile(path, 0);
  let head = Buffer.alloc(0);
  for await (const chunk of chunks) {
    head = Buffer.concat([head, chunk]);
    if (head.includes(0) || head.length > 64) break;
  }
  const nul = head.indexOf(0);
  const match = /^(commit|tree|blob|tag) (0|[1-9]\d{0,15})$/.exec(
    nul < 0 ? '' : head.toString('latin1', 0, nul),
  );
  if (match === null) throw corrupt(`${path} is not a git object`);
  return {
    type: match[1] as ObjectType,
    size: Number(match[2]),
    content: async function* () {
      let skip = nul + 1;
      for await (const chunk of inflateFile(path, 0)) {
        if (skip < chunk.length) yield chunk.subarray(skip);
        skip = Math.max(0, skip - chunk.length);
      }
    },
  };
}

// gitformat-pack(5), "Deltified representation".
function applyDelta(base: Buffer, delta: Buffer): Buffer {
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

function corrupt(message: string, cause?: unknown): GtpkgError {
  return new GtpkgError('OBJECT_CORRUPT', message, { cause });
}

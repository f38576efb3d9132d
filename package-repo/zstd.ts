/**
 * Zstandard, streaming (RFC 8878), from whichever library is at hand: node:zlib, zstd-napi, or WebAssembly.
 *
 * Compression gives the same bytes on every machine: all engines run one version of the library (ZSTD_VERSION), with the
 * level as their only parameter, on blocks cut at the same places. Tests hold them to it.
 * Decompression is strict: whole frames, no dictionary, no bytes after the end, output and memory bounded.
 */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { GtpkgError } from '../model/index.js';
import { ByteReader } from './reader.js';

/** The library version whose output all engines give. Another one gives other bytes, and so other core keys. */
export const ZSTD_VERSION = '1.5.7';

/** The engines, best first. */
export type ZstdEngine = 'node' | 'napi' | 'wasm';

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
  /** for tests; default: the best that is here */
  readonly engine?: ZstdEngine;
}

/** One zstd block's worth: what an engine is fed, and flushes, at a time; a flush at a block's end changes nothing. */
const BLOCK = 128 * 1024;
/** zstd's own default bound: 128 MiB of window, more is refused rather than allocated. */
const MAX_WINDOW_LOG = 27;

interface Compressor {
  push(block: Buffer): Promise<Buffer> | Buffer;
  end(): Promise<Buffer> | Buffer;
  close(): void;
}

interface Decompressor {
  /** one whole piece of a frame: its header, or one block; gives at most 128 KiB and a little */
  push(piece: Buffer): Promise<Buffer> | Buffer;
  close(): void;
}

interface Engine {
  readonly version: string;
  compressor(level: number): Compressor;
  decompressor(): Decompressor;
}

// --- node:zlib, from 22.15 on (not in the types of Node 20)

interface NodeZstd {
  createZstdCompress(options: object): zlib.Zlib & NodeJS.ReadWriteStream;
  createZstdDecompress(options: object): zlib.Zlib & NodeJS.ReadWriteStream;
}

function nodeEngine(): Engine | undefined {
  const { createZstdCompress, createZstdDecompress } = zlib as unknown as Partial<NodeZstd>;
  if (createZstdCompress === undefined || createZstdDecompress === undefined) return undefined;
  const constants = zlib.constants as unknown as Record<string, number>;
  const of = (name: string): number => constants[name] ?? 0;
  return {
    version: (process.versions as Record<string, string>)['zstd'] ?? '',
    compressor: (level) =>
      transform(
        createZstdCompress({
          chunkSize: BLOCK,
          flush: of('ZSTD_e_flush'),
          params: { [of('ZSTD_c_compressionLevel')]: level },
        }),
      ),
    decompressor: () =>
      transform(
        createZstdDecompress({ chunkSize: BLOCK, params: { [of('ZSTD_d_windowLogMax')]: MAX_WINDOW_LOG } }),
      ),
  };
}

// A transform stream as calls: what came out by the time the input was taken in.
function transform(stream: NodeJS.ReadWriteStream & { destroy?: () => void }): Compressor & Decompressor {
  let out: Buffer[] = [];
  let failed: unknown;
  stream.on('data', (chunk: Buffer) => out.push(chunk));
  stream.on('error', (error: unknown) => (failed = error));
  const take = (): Buffer => {
    const all = out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
    out = [];
    return all;
  };
  const settle = (start: (done: () => void) => void): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const done = (): void => {
        stream.removeListener('error', done);
        // what is out already may still be on its way through the stream's own buffer
        if (failed === undefined) setImmediate(() => resolve(take()));
        else reject(failed instanceof Error ? failed : new Error(String(failed)));
      };
      stream.once('error', done);
      if (failed === undefined) start(done);
      else done();
    });
  return {
    push: (block) => settle((done) => void stream.write(block, done)),
    end: () => settle((done) => void stream.once('end', done).end()),
    close: () => void (stream as unknown as { destroy(): void }).destroy(),
  };
}

// --- zstd-napi, an optional dependency

interface Napi {
  versionString(): string;
  CCtx: new () => NapiCompress;
  DCtx: new () => NapiDecompress;
  CParameter: Record<string, number>;
  DParameter: Record<string, number>;
  EndDirective: Record<string, number>;
}
interface NapiCompress {
  setParameter(parameter: number | undefined, value: number): void;
  compressStream2(out: Uint8Array, input: Uint8Array, end: number | undefined): [number, number, number];
}
interface NapiDecompress {
  setParameter(parameter: number | undefined, value: number): void;
  decompressStream(out: Uint8Array, input: Uint8Array): [number, number, number];
}

function napiEngine(): Engine | undefined {
  let napi: Napi;
  try {
    napi = createRequire(import.meta.url)('zstd-napi/binding.js') as Napi;
  } catch {
    return undefined; // not installed, or not built for this machine
  }
  return {
    version: napi.versionString(),
    compressor: (level) => {
      const context = new napi.CCtx();
      context.setParameter(napi.CParameter['compressionLevel'], level);
      const run = (input: Buffer, directive: string): Buffer => {
        const out: Buffer[] = [];
        for (let rest = input; ;) {
          const buffer = Buffer.allocUnsafe(BLOCK);
          const [left, produced, consumed] = context.compressStream2(
            buffer,
            rest,
            napi.EndDirective[directive],
          );
          out.push(buffer.subarray(0, produced));
          rest = rest.subarray(consumed);
          if (left === 0 && rest.length === 0) return Buffer.concat(out);
        }
      };
      return {
        push: (block) => run(block, 'flush'),
        end: () => run(Buffer.alloc(0), 'end'),
        close: () => undefined,
      };
    },
    decompressor: () => {
      const context = new napi.DCtx();
      context.setParameter(napi.DParameter['windowLogMax'], MAX_WINDOW_LOG);
      return {
        push: (piece) => {
          const out: Buffer[] = [];
          for (let rest = piece; ;) {
            const buffer = Buffer.allocUnsafe(BLOCK);
            const [, produced, consumed] = context.decompressStream(buffer, rest);
            if (produced > 0) out.push(buffer.subarray(0, produced));
            rest = rest.subarray(consumed);
            if (rest.length === 0 && produced < buffer.length)
              return out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
          }
        },
        close: () => undefined,
      };
    },
  };
}

// --- WebAssembly. Its wrapper copies byte by byte (6 MB/s) and has one stream only, so we call what is inside.

interface WasmStream {
  reset(): void;
  setCompressionLevel(level: number): void;
  compressChunk(out: number, outSize: number, input: number, size: number): number;
  compressEnd(out: number, outSize: number): number;
  decompressChunk(out: number, outSize: number, input: number, size: number): number;
  delete(): void;
}
interface Wasm {
  _zstdClass: { new (): WasmStream; version(): string; isError(code: number): number };
  _mainModule: { _module: { HEAPU8: Uint8Array; _malloc(size: number): number; _free(at: number): void } };
}

/** Holds what 128 KiB may become in either direction, and what the compressor had kept back. */
const WASM_BUFFER = 4 * BLOCK;

async function wasmEngine(): Promise<Engine> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const { _zstdClass: library, _mainModule } = (await Zstd.load()) as unknown as Wasm;
  const memory = _mainModule._module;
  const open = (level: number | undefined): Compressor & Decompressor => {
    const stream = new library();
    const at = memory._malloc(2 * WASM_BUFFER);
    stream.reset();
    if (level !== undefined) stream.setCompressionLevel(level);
    const run = (input: Uint8Array, call: (size: number) => number): Buffer => {
      if (input.length > WASM_BUFFER) throw new Error('a piece is too large');
      memory.HEAPU8.set(input, at);
      const size = call(input.length);
      if (library.isError(size) || size > WASM_BUFFER) throw new Error(`zstd error ${size}`);
      return Buffer.from(memory.HEAPU8.subarray(at + WASM_BUFFER, at + WASM_BUFFER + size));
    };
    const out = at + WASM_BUFFER;
    return {
      push: (piece) =>
        run(piece, (size) =>
          level === undefined
            ? stream.decompressChunk(out, WASM_BUFFER, at, size)
            : stream.compressChunk(out, WASM_BUFFER, at, size),
        ),
      end: () => run(new Uint8Array(0), () => stream.compressEnd(out, WASM_BUFFER)),
      close: () => {
        memory._free(at);
        stream.delete();
      },
    };
  };
  return { version: library.version(), compressor: open, decompressor: () => open(undefined) };
}

async function engine(wanted: ZstdEngine | undefined, version?: string): Promise<Engine> {
  for (const name of wanted === undefined ? (['node', 'napi', 'wasm'] as const) : [wanted]) {
    const found = name === 'node' ? nodeEngine() : name === 'napi' ? napiEngine() : await wasmEngine();
    if (found !== undefined && (version === undefined || found.version === version || wanted !== undefined))
      return found;
  }
  throw new GtpkgError('TOOL_MISSING', `No zstd library ${version ?? wanted ?? ''} is here`, {
    hint: 'Run npm ci again.',
  });
}

/** Which engines this machine has, with the version of each: for tests and bug reports. */
export async function zstdEngines(): Promise<ReadonlyMap<ZstdEngine, string>> {
  const all = [
    ['node', nodeEngine()],
    ['napi', napiEngine()],
    ['wasm', await wasmEngine()],
  ] as const;
  return new Map(
    all.flatMap(([name, found]) => (found === undefined ? [] : [[name, found.version] as const])),
  );
}

/**
 * Compresses to one frame, without content size or checksum (what travels is checked with SHA-256).
 * The bytes depend on the contents and the level only, not on how the chunks are cut.
 */
export async function* compress(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: CompressOptions = {},
): AsyncGenerator<Buffer> {
  const compressor = (await engine(options.engine, ZSTD_VERSION)).compressor(options.level ?? 19);
  const reader = new ByteReader(chunks);
  try {
    for (;;) {
      const block = await reader.upTo(BLOCK);
      if (block.length === 0) break;
      const out = await compressor.push(block);
      if (out.length > 0) yield out;
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
  const decompressor = (await engine(options.engine)).decompressor();
  let total = 0;
  try {
    for await (const piece of pieces(reader, options.frames === true)) {
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

const MAGIC = 0xfd2f_b528;

// RFC 8878 §3.1.1: cuts frames into their header and their blocks (the last one with the checksum).
async function* pieces(reader: ByteReader, many: boolean): AsyncGenerator<Buffer> {
  for (let first = true; first || !(await reader.atEnd()); first = false) {
    if (!first && !many) throw malformed('bytes follow its end');
    const magic = await need(reader, 4);
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
    const rest = await need(reader, (single ? 0 : 1) + ([single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0));
    yield Buffer.concat([magic, Buffer.from([flags]), rest]);
    for (let last = false; !last;) {
      const head = await need(reader, 3);
      const word = head.readUIntLE(0, 3);
      last = (word & 1) === 1;
      const type = (word >> 1) & 3;
      const size = word >> 3;
      if (type === 3 || size > BLOCK) throw malformed('a block is malformed');
      const body = await need(reader, (type === 1 ? 1 : size) + (last && (flags & 0x04) !== 0 ? 4 : 0));
      yield Buffer.concat([head, body]);
    }
  }
}

async function need(reader: ByteReader, count: number): Promise<Buffer> {
  const bytes = await reader.upTo(count);
  if (bytes.length < count) throw malformed('it is cut short');
  return bytes;
}

function malformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `Compressed data is malformed: ${what}`, { cause });
}

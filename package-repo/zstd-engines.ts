/**
 * The zstd libraries that gtpkg can use, behind one interface: node:zlib, zstd-napi (optional dependency), WebAssembly.
 *
 * A compressor flushes at every block's end, which changes nothing as long as blocks are full: so all engines of one version
 * give the same bytes.
 */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { GtpkgError } from '../model/index.js';
import { BLOCK, type FramePiece } from './zstd-frame.js';

/** The engines, best first. */
export type ZstdEngine = 'node' | 'napi' | 'wasm';

/** Makes one frame. */
export interface Compressor {
  /** BLOCK bytes, fewer only the last time */
  push(block: Buffer): Promise<Buffer> | Buffer;
  end(): Promise<Buffer> | Buffer;
  close(): void;
}

/** What it throws means that the input is malformed. */
export interface Decompressor {
  /** one whole piece of a frame; gives at most BLOCK bytes */
  push(piece: FramePiece): Promise<Buffer> | Buffer;
  close(): void;
}

/** One library. */
export interface Engine {
  readonly version: string;
  compressor(level: number): Compressor;
  /** @param reuse - what push() gives is good until the next push() */
  decompressor(reuse: boolean): Decompressor;
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
    decompressor: () => {
      const stream = transform(createZstdDecompress({ chunkSize: BLOCK }));
      return { push: ({ bytes }) => stream.push(bytes), close: () => stream.close() };
    },
  };
}

// A transform stream as calls: what came out by the time the input was taken in.
function transform(stream: NodeJS.ReadWriteStream): Compressor & { push(block: Buffer): Promise<Buffer> } {
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
  EndDirective: Record<string, number>;
  ResetDirective: Record<string, number>;
}
interface NapiCompress {
  setParameter(parameter: number | undefined, value: number): void;
  compressStream2(out: Uint8Array, input: Uint8Array, end: number | undefined): [number, number, number];
}
interface NapiDecompress {
  reset(what: number | undefined): void;
  decompressStream(out: Uint8Array, input: Uint8Array): [number, number, number];
}

/** A context holds as much memory as the largest window that it has met, and the garbage collector does not know that: so they are used again. */
const idle: NapiDecompress[] = [];
const IDLE = 4;

/** Lets go of contexts that nobody uses: their memory goes when the garbage collector has seen that. */
export function forgetContexts(): void {
  idle.length = 0;
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
    decompressor: (reuse) => {
      const context = idle.pop() ?? new napi.DCtx();
      const kept = reuse ? Buffer.allocUnsafeSlow(BLOCK) : undefined;
      return {
        push: ({ bytes }) => {
          const out: Buffer[] = [];
          for (let rest = bytes; ;) {
            const buffer = out.length === 0 && kept !== undefined ? kept : Buffer.allocUnsafe(BLOCK);
            const [, produced, consumed] = context.decompressStream(buffer, rest);
            if (produced > 0) out.push(buffer.subarray(0, produced));
            rest = rest.subarray(consumed);
            if (rest.length === 0 && produced < buffer.length)
              return out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
          }
        },
        close: () => {
          if (idle.length >= IDLE) return;
          context.reset(napi.ResetDirective['sessionOnly']);
          idle.push(context);
        },
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

type WasmRun = (input: Uint8Array, call: (out: number, at: number) => number) => Buffer;

/** Holds what 128 KiB may become in either direction, and what the compressor had kept back. */
const WASM_BUFFER = 4 * BLOCK;

/** A frame that gives "A". */
const PROBE = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x09, 0x00, 0x00, 0x41]);

async function wasmEngine(): Promise<Engine> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const { _zstdClass: library, _mainModule } = (await Zstd.load()) as unknown as Wasm;
  const memory = _mainModule._module;
  const open = (): { stream: WasmStream; run: WasmRun; close: () => void } => {
    const stream = new library();
    const at = memory._malloc(2 * WASM_BUFFER);
    const out = at + WASM_BUFFER;
    stream.reset();
    return {
      stream,
      run: (input, call) => {
        if (input.length > WASM_BUFFER) throw new Error('a piece is too large');
        memory.HEAPU8.set(input, at); // asked for each time: the heap moves when it grows
        const size = call(out, at);
        if (library.isError(size) || size > WASM_BUFFER) throw new Error(`zstd error ${size}`);
        return Buffer.from(memory.HEAPU8.subarray(out, out + size));
      },
      close: () => {
        memory._free(at);
        stream.delete();
      },
    };
  };
  return {
    version: library.version(),
    compressor: (level) => {
      const { stream, run, close } = open();
      stream.setCompressionLevel(level);
      return {
        push: (block) => run(block, (out, at) => stream.compressChunk(out, WASM_BUFFER, at, block.length)),
        end: () => run(Buffer.alloc(0), (out) => stream.compressEnd(out, WASM_BUFFER)),
        close,
      };
    },
    decompressor: () => {
      const { stream, run, close } = open();
      const feed = (bytes: Buffer): Buffer =>
        run(bytes, (out, at) => stream.decompressChunk(out, WASM_BUFFER, at, bytes.length));
      return {
        push: ({ bytes, produces, last }) => {
          const out = feed(bytes);
          // Errors are swallowed inside. A bad block shows as one that gives nothing; a bad checksum, at the end of the frame, as a
          // stream that does not take another frame.
          if (produces && out.length === 0) throw new Error('a block gives nothing');
          if (last && feed(PROBE).toString('latin1') !== 'A') throw new Error('the frame does not end well');
          return out;
        },
        close,
      };
    },
  };
}

/**
 * The wanted engine, or the best that is here.
 * @param version - which version it must have, when none is wanted by name
 * @throws GtpkgError TOOL_MISSING
 */
export async function zstdEngine(wanted: ZstdEngine | undefined, version?: string): Promise<Engine> {
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

/**
 * Static cores: content cut into RELEASE_CHUNK blocks, under a key that is computed from it.
 *
 * Storing goes in two passes: the first computes the key, the second hands every block to hypercore with its Merkle
 * path, exactly as a peer would, so hypercore itself refuses what does not belong under the key (a file that changed
 * in between, a bug here). Blocks are written in any order and number: a half written core is an ordinary
 * partial one, completed by the next attempt or from peers.
 */
import { open, type FileHandle } from 'node:fs/promises';
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import { decodeCoreKey, GtpkgError, limits, systemCode, type CoreRef } from '../model/index.js';
import { fileFailure, storeFailure } from './failure.js';
import { blockCount, blockLength, TreeBuilder, type StaticShape } from './merkle.js';
import { readRecords } from './records.js';
import { discoveryKeyOf } from './store.js';

/** Blocks on their way into the store at once: enough for RocksDB to batch, 8 MiB of memory. */
const WRITING = 16;

/** Where the blocks of a core to be stored come from, twice the same. */
export interface BlockReader {
  readonly byteLength: number;
  /** may return fewer bytes than the block has when the source shrank */
  block(index: number): Promise<Uint8Array>;
}

/** A file's blocks, and how to let go of it. @throws GtpkgError FILE_NOT_FOUND, PERMISSION, USAGE (empty, no regular file) */
export async function openFile(path: string): Promise<BlockReader & { close(): Promise<void> }> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw fileFailure(path, cause);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new GtpkgError('USAGE', `${path} is no regular file`);
    if (stat.size === 0) throw new GtpkgError('USAGE', `${path} is empty`);
    return {
      byteLength: stat.size,
      async block(index) {
        const buffer = Buffer.allocUnsafe(blockLength(stat.size, index));
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await file.read(
            buffer,
            filled,
            buffer.length - filled,
            index * limits.RELEASE_CHUNK + filled,
          );
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      },
      close: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    throw fileFailure(path, cause);
  }
}

/** Bytes in memory as blocks. @throws GtpkgError USAGE when there are none */
export function bytesReader(bytes: Uint8Array): BlockReader {
  if (bytes.byteLength === 0) throw new GtpkgError('USAGE', 'an empty core cannot be stored');
  return {
    byteLength: bytes.byteLength,
    block: (index) => {
      const start = index * limits.RELEASE_CHUNK;
      return Promise.resolve(bytes.subarray(start, start + blockLength(bytes.byteLength, index)));
    },
  };
}

/** First pass: the key and tree of some content. @throws GtpkgError IO_ERROR when the source shrinks meanwhile */
export async function measure(reader: BlockReader): Promise<StaticShape> {
  const tree = new TreeBuilder();
  for (let index = 0; index < blockCount(reader.byteLength); index++) {
    const block = await reader.block(index);
    if (block.byteLength !== blockLength(reader.byteLength, index)) throw changed();
    tree.push(block);
  }
  return tree.finish();
}

/** Stores content under its key; writes only blocks that are not held. @throws GtpkgError IO_ERROR, NO_SPACE */
export async function putStatic(store: Corestore, reader: BlockReader): Promise<CoreRef> {
  const shape = await measure(reader);
  const ref = Object.freeze({ key: shape.key, byteLength: shape.byteLength });
  try {
    const core = store.get({ key: decodeCoreKey(shape.key), manifest: shape.manifest, active: false });
    await core.ready();
    try {
      if (core.contiguousLength < shape.blocks) await fill(core, reader, shape);
    } finally {
      await core.close();
    }
  } catch (cause) {
    if (systemCode(cause) === 'INVALID_CHECKSUM') throw changed(cause);
    throw storeFailure(cause);
  }
  return ref;
}

const COMMON = { fork: 0, hash: null, seek: null, manifest: null } as const;

/** Tells an empty core its length and roots, so that blocks can be put into it. */
export async function begin(core: Hypercore, shape: StaticShape): Promise<void> {
  if (core.length > 0) return;
  const upgrade = {
    start: 0,
    length: shape.blocks,
    nodes: shape.roots,
    additionalNodes: [],
    signature: null,
  };
  await core.applyProof({ ...COMMON, block: null, upgrade });
}

/** Hands one block to hypercore, which refuses what does not belong there: its INVALID_CHECKSUM is thrown. */
export async function putBlock(
  core: Hypercore,
  shape: StaticShape,
  block: { readonly index: number; readonly value: Uint8Array },
): Promise<void> {
  const { index, value } = block;
  await core.applyProof({ ...COMMON, block: { index, value, nodes: shape.path(index) }, upgrade: null });
  // false also means that a peer was faster with the same block
  if (!(await core.has(index)))
    throw new GtpkgError('INTERNAL', `block ${index} of ${shape.key} was not accepted`);
}

async function fill(core: Hypercore, reader: BlockReader, shape: StaticShape): Promise<void> {
  await begin(core, shape);
  const put = async (index: number): Promise<void> => {
    const value = await reader.block(index);
    if (value.byteLength !== blockLength(shape.byteLength, index)) throw changed();
    await putBlock(core, shape, { index, value });
  };
  for (let start = 0; start < shape.blocks; start += WRITING) {
    const round: Promise<void>[] = [];
    for (let index = start; index < Math.min(start + WRITING, shape.blocks); index++) {
      if (!(await core.has(index))) round.push(put(index));
    }
    const results = await Promise.allSettled(round); // none may still run when the core is closed
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

function changed(cause?: unknown): GtpkgError {
  return new GtpkgError('IO_ERROR', 'the file changed while it was being stored', {
    hint: 'Try again when nothing writes to it.',
    cause,
  });
}

/** Bytes of each core that are in the store; opens only what is held in part. @throws GtpkgError IO_ERROR */
export async function heldBytes(store: Corestore, refs: readonly CoreRef[]): Promise<number[]> {
  const discoveryKeys = refs.map((ref) => discoveryKeyOf(decodeCoreKey(ref.key)));
  const records = await readRecords(store, discoveryKeys);
  const found = new Map(records.map((record) => [record.key, record]));
  return refs.map(({ key, byteLength }) => {
    const record = found.get(key);
    return record?.fixed === true && record.byteLength === byteLength ? record.held : 0;
  });
}

/** A session on a core that the store knows, without asking any peer; undefined when it does not. */
export async function openHeld(store: Corestore, ref: CoreRef): Promise<Hypercore | undefined> {
  const key = decodeCoreKey(ref.key);
  try {
    if (!(await store.storage.hasCore(discoveryKeyOf(key)))) return undefined;
    const core = store.get({ key, active: false });
    await core.ready();
    return core;
  } catch (cause) {
    throw storeFailure(cause);
  }
}

/** What the store has of a core. */
interface Shape {
  readonly manifest: Hypercore['manifest'];
  /** blocks */
  readonly length: number;
  readonly byteLength: number | undefined;
}

/** Whether it is static and has just the announced size. */
export function isShape({ manifest, length, byteLength }: Shape, ref: CoreRef): boolean {
  const blocks = blockCount(ref.byteLength);
  return (
    manifest !== null &&
    manifest.quorum === 0 &&
    manifest.signers.length === 0 &&
    manifest.prologue?.length === blocks &&
    length === blocks &&
    byteLength === ref.byteLength
  );
}

/** @throws GtpkgError CORE_MISMATCH unless the opened core is static and has just that size */
export function checkShape(core: Hypercore, ref: CoreRef): void {
  const { manifest, length } = core;
  if (isShape({ manifest, length, byteLength: core.core.state?.byteLength }, ref)) return;
  throw mismatch(
    ref,
    `core ${ref.key} is not the immutable core of ${ref.byteLength} bytes that was announced`,
  );
}

/** What is under a key is not what was announced with it. */
export function mismatch(ref: CoreRef, what: string): GtpkgError {
  return new GtpkgError('CORE_MISMATCH', what, {
    hint: 'Whoever published its address made a mistake or means harm; ask the distribution.',
    data: { core: ref.key, byteLength: ref.byteLength },
  });
}

/**
 * A static core that lies in a file behind the hashes of its blocks, as in a bundle (docs/formats/bundle.md §4), and those hashes
 * of a core that is held.
 *
 * The hashes alone give the key, so nothing is read of content that was not asked for. Each block goes to hypercore with its Merkle path, as
 * from a peer; blocks that are not there or are wrong are left out, and the core stays a partial one.
 */
import type { FileHandle } from 'node:fs/promises';
import type Corestore from 'corestore';
import type Hypercore from 'hypercore';
import { decodeCoreKey, GtpkgError, limits, systemCode, type CoreRef } from '../model/index.js';
import type { FetchOptions, PartTaken, StaticPart } from './contract.js';
import { openRegular, readAt } from './disk.js';
import { aborted, storeFailure } from './failure.js';
import { blockCount, blockLength, TreeBuilder, type StaticShape } from './merkle.js';
import { begin, checkShape, heldBytes, openHeld, putBlock } from './static-core.js';

/** Bytes of a block's hash. */
export const LEAF = 32;
/** Blocks on their way into the store at once. */
const WRITING = 16;
/** Nodes read from the disk at once. */
const READING = 4096;

/** The tree over known hashes of blocks. @throws GtpkgError CORE_MISMATCH when it is not that of `ref` */
export function shapeFromLeaves(ref: CoreRef, leaves: Uint8Array): StaticShape {
  const tree = new TreeBuilder();
  const blocks = blockCount(ref.byteLength);
  if (leaves.byteLength === blocks * LEAF) {
    for (let index = 0; index < blocks; index++)
      tree.pushLeaf(leaves.subarray(index * LEAF, (index + 1) * LEAF), blockLength(ref.byteLength, index));
    const shape = tree.finish();
    if (shape.key === ref.key) return shape;
  }
  throw new GtpkgError('CORE_MISMATCH', `these are not the hashes of core ${ref.key}`, {
    hint: 'The file is damaged or forged; copy it again.',
    data: { core: ref.key },
  });
}

/** The hashes of a core's blocks, one after the other. @throws GtpkgError BLOCKS_MISSING when it is not held whole, CORE_MISMATCH */
export async function leavesOf(store: Corestore, ref: CoreRef): Promise<Buffer> {
  const core = await openHeld(store, ref);
  try {
    if (core === undefined || core.length === 0) throw absent(ref);
    checkShape(core, ref);
    const blocks = blockCount(ref.byteLength);
    const out = Buffer.alloc(blocks * LEAF);
    for (let start = 0; start < blocks; start += READING) {
      const reader = core.core.state?.storage.read();
      if (reader === undefined) throw absent(ref);
      const count = Math.min(READING, blocks - start);
      const reads = Array.from({ length: count }, (_, i) => reader.getTreeNode(2 * (start + i)));
      reader.tryFlush();
      for (const [i, node] of (await Promise.all(reads)).entries()) {
        if (node === null) throw absent(ref);
        out.set(node.hash, (start + i) * LEAF);
      }
    }
    return out;
  } catch (cause) {
    throw storeFailure(cause);
  } finally {
    await core?.close();
  }
}

/**
 * Takes what is genuine and not held yet of a core in a file.
 * @throws GtpkgError CORE_MISMATCH when its hashes are not there or not those of the key; FILE_NOT_FOUND, USAGE (no regular file), NO_SPACE, IO_ERROR
 */
export async function putPart(
  store: Corestore,
  part: StaticPart,
  options: Pick<FetchOptions, 'signal' | 'onProgress'> = {},
): Promise<PartTaken> {
  const { ref, path, leavesAt } = part;
  const file = await openRegular(path);
  try {
    const leaves = await readAt(file, leavesAt, blockCount(ref.byteLength) * LEAF);
    const shape = shapeFromLeaves(ref, leaves);
    const core = store.get({ key: decodeCoreKey(ref.key), manifest: shape.manifest, active: false });
    await core.ready();
    try {
      await begin(core, shape);
      const from = { file, dataAt: leavesAt + leaves.byteLength };
      const wrong = core.contiguousLength < shape.blocks ? await take(core, shape, from, options) : 0;
      const [held = 0] = await heldBytes(store, [ref]);
      options.onProgress?.({ done: held, total: ref.byteLength, peers: 0, finished: [] });
      return { held, wrong };
    } finally {
      await core.close();
    }
  } catch (cause) {
    throw storeFailure(cause);
  } finally {
    await file.close();
  }
}

async function take(
  core: Hypercore,
  shape: StaticShape,
  { file, dataAt }: { readonly file: FileHandle; readonly dataAt: number },
  { signal, onProgress }: Pick<FetchOptions, 'signal' | 'onProgress'>,
): Promise<number> {
  let wrong = 0;
  let done = 0;
  let over = false;
  const put = async (index: number): Promise<void> => {
    const length = blockLength(shape.byteLength, index);
    done += length;
    if (await core.has(index)) return;
    const value = await readAt(file, dataAt + index * limits.RELEASE_CHUNK, length);
    if (value.byteLength < length) {
      over = true; // the file ends here; what comes after it is not there either
      return;
    }
    try {
      await putBlock(core, shape, { index, value });
    } catch (cause) {
      if (systemCode(cause) !== 'INVALID_CHECKSUM') throw cause;
      wrong++;
    }
  };
  for (let start = 0; start < shape.blocks && !over; start += WRITING) {
    if (signal?.aborted) throw aborted(signal);
    const end = Math.min(start + WRITING, shape.blocks);
    const round = await Promise.allSettled(Array.from({ length: end - start }, (_, i) => put(start + i)));
    for (const result of round) if (result.status === 'rejected') throw result.reason;
    onProgress?.({ done, total: shape.byteLength, peers: 0, finished: [] });
  }
  return wrong;
}

function absent(ref: CoreRef): GtpkgError {
  return new GtpkgError('BLOCKS_MISSING', `core ${ref.key} is not here as a whole`, {
    hint: 'Fetch it first.',
    data: { missing: [{ core: ref.key }] },
  });
}

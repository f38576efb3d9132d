/**
 * Reads immutable cores that are held. One that is here whole is read from the store's records: opening it, which sets up all that exchange with peers
 * needs, takes longer than reading what a release says of itself, and it stays open for seconds.
 */
import type { default as Corestore, CoreStorage } from 'corestore';
import {
  decodeCoreKey,
  encodeCoreKey,
  GtpkgError,
  limits,
  type ByteSource,
  type CoreRef,
} from '../model/index.js';
import { storeFailure } from './failure.js';
import { blockCount, blockLength } from './merkle.js';
import { bytesIn } from './records.js';
import { checkShape, isShape, mismatch, openHeld } from './static-core.js';
import { discoveryKeyOf } from './store.js';

/** Random access to a core that is held. Reading throws GtpkgError BLOCKS_MISSING, CORE_MISMATCH. */
export function coreSource(store: Corestore, ref: CoreRef): ByteSource {
  return {
    byteLength: ref.byteLength,
    read: (offset, length) => readHeld(store, ref, offset, length),
  };
}

/** The blocks of one core, for as long as it is not closed. */
interface Blocks {
  /** null: it is not here */
  get(index: number): Promise<Buffer | null>;
  close(): Promise<void>;
}

const blockAt = (offset: number): number => Math.floor(offset / limits.RELEASE_CHUNK);

async function* readHeld(
  store: Corestore,
  ref: CoreRef,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  if (!(
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= ref.byteLength
  )) {
    const where = `core ${ref.key} of ${ref.byteLength} bytes`;
    throw mismatch(ref, `bytes ${offset} to ${offset + length} are outside ${where}`);
  }
  if (length === 0) return;
  const end = offset + length;
  const [from, last] = [blockAt(offset), blockAt(end - 1)];
  const blocks = await blocksOf(store, ref, from);
  try {
    const fetch = (index: number): Promise<Buffer | null> => {
      const block = blocks.get(index);
      block.catch(() => undefined); // the caller may stop before it is awaited
      return block;
    };
    let ahead = fetch(from);
    for (let index = from; index <= last; index++) {
      const block = await ahead;
      if (index < last) ahead = fetch(index + 1);
      if (block === null) throw missing(ref, index);
      const start = index * limits.RELEASE_CHUNK;
      if (block.byteLength !== blockLength(ref.byteLength, index)) throw miscut(ref);
      yield block.subarray(Math.max(0, offset - start), Math.min(block.byteLength, end - start));
    }
  } catch (cause) {
    throw storeFailure(cause);
  } finally {
    await blocks.close();
  }
}

/** @param first - the block that will be asked for first */
async function blocksOf(store: Corestore, ref: CoreRef, first: number): Promise<Blocks> {
  try {
    return (await stored(store, ref, first)) ?? (await opened(store, ref));
  } catch (cause) {
    throw storeFailure(cause);
  }
}

/**
 * As its records say, when they say that it is the announced core and here whole.
 * @param first - the block that will be asked for first: it comes with the records
 */
async function stored(store: Corestore, ref: CoreRef, first: number): Promise<Blocks | undefined> {
  const storage = await store.storage.resumeCore(discoveryKeyOf(decodeCoreKey(ref.key)));
  if (storage === null) return undefined;
  let isWhole = false;
  try {
    const records = storage.read();
    let known: Promise<Buffer | null> | undefined = records.getBlock(first);
    const says = saysWhole(records, ref);
    records.tryFlush();
    const [whole] = await Promise.all([says, known]);
    isWhole = whole;
    if (!isWhole) return undefined;
    const get = (index: number): Promise<Buffer | null> => {
      const early = index === first ? known : undefined;
      known = undefined;
      if (early !== undefined) return early;
      const batch = storage.read();
      const block = batch.getBlock(index);
      batch.tryFlush();
      return block;
    };
    return { get, close: () => storage.close() };
  } finally {
    if (!isWhole) await storage.close();
  }
}

async function saysWhole(records: ReturnType<CoreStorage['read']>, ref: CoreRef): Promise<boolean> {
  const count = blockCount(ref.byteLength);
  const [auth, head, hints, byteLength] = await Promise.all([
    records.getAuth(),
    records.getHead(),
    records.getHints(),
    bytesIn(records, count),
  ]);
  if (auth === null || encodeCoreKey(auth.key) !== ref.key) return false;
  if ((hints?.contiguousLength ?? 0) < count || (hints?.recovering ?? 0) !== 0) return false;
  return isShape({ manifest: auth.manifest, length: head?.length ?? 0, byteLength }, ref);
}

/** As hypercore says: what is held in part, or is not what was announced. */
async function opened(store: Corestore, ref: CoreRef): Promise<Blocks> {
  const core = await openHeld(store, ref);
  if (core === undefined || core.length === 0) {
    await core?.close();
    throw missing(ref, 0);
  }
  try {
    checkShape(core, ref);
  } catch (error) {
    await core.close();
    throw error;
  }
  return { get: (index) => core.get(index, { wait: false }), close: () => core.close() };
}

function miscut(ref: CoreRef): GtpkgError {
  return mismatch(ref, `core ${ref.key} is not cut into blocks of ${limits.RELEASE_CHUNK} bytes`);
}

function missing(ref: CoreRef, block: number): GtpkgError {
  return new GtpkgError('BLOCKS_MISSING', `block ${block} of core ${ref.key} is not here`, {
    hint: 'Fetch it first.',
    data: { missing: [{ core: ref.key, blocks: [[block, block + 1]] }] },
  });
}

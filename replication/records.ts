/**
 * What the store's own records say of its cores, read without opening any: an open core costs memory and stays for seconds.
 */
import type { default as Corestore, CoreStorage } from 'corestore';
import { encodeCoreKey, type CoreKey } from '../model/index.js';
import { storeFailure } from './failure.js';
import { rootsOf } from './flat-tree.js';

/** Cores whose records are read together. */
const TOGETHER = 256;

/** One stored core. */
export interface CoreRecord {
  readonly key: CoreKey;
  readonly discoveryKey: Buffer;
  /** immutable: nobody may sign more of it */
  readonly fixed: boolean;
  /** blocks that there are */
  readonly length: number;
  /** bytes that there are */
  readonly byteLength: number;
  /** bytes that are here */
  readonly held: number;
  /** blocks that are here */
  readonly blocks: number;
}

/** Every stored core. @throws GtpkgError IO_ERROR */
export async function* allRecords(store: Corestore): AsyncGenerator<CoreRecord> {
  let some: Buffer[] = [];
  for await (const discoveryKey of store.list()) {
    some.push(discoveryKey);
    if (some.length < TOGETHER) continue;
    yield* await readRecords(store, some);
    some = [];
  }
  yield* await readRecords(store, some);
}

/** The records of these cores; those that the store does not know are left out. @throws GtpkgError IO_ERROR */
export async function readRecords(store: Corestore, discoveryKeys: readonly Buffer[]): Promise<CoreRecord[]> {
  try {
    const found: CoreRecord[] = [];
    for (let start = 0; start < discoveryKeys.length; start += TOGETHER) {
      const infos = await store.storage.getInfos(discoveryKeys.slice(start, start + TOGETHER));
      const records = await Promise.all(
        infos.map((info) => (info === null ? undefined : record(store, info))),
      );
      found.push(...records.filter((each) => each !== undefined));
    }
    return found;
  } catch (cause) {
    throw storeFailure(cause);
  }
}

type Info = NonNullable<Awaited<ReturnType<Corestore['storage']['getInfos']>>[number]>;

async function record(
  store: Corestore,
  { discoveryKey, auth, head, hints }: Info,
): Promise<CoreRecord | undefined> {
  if (auth === null) return undefined;
  const length = head?.length ?? 0;
  const byteLength = await sizeOf(store, discoveryKey, length);
  const whole = (hints?.contiguousLength ?? 0) >= length;
  const { blocks, held } = whole
    ? { blocks: length, held: byteLength }
    : await count(store, discoveryKey, length);
  return {
    key: encodeCoreKey(auth.key),
    discoveryKey,
    fixed: auth.manifest !== null && auth.manifest.signers.length === 0,
    length,
    byteLength,
    held,
    blocks,
  };
}

/** The size of a core stands in the roots of its tree. Reads with the rest of the batch. @param length - in blocks */
export async function bytesIn(
  batch: Pick<ReturnType<CoreStorage['read']>, 'getTreeNode'>,
  length: number,
): Promise<number> {
  const roots = await Promise.all(rootsOf(length).map(({ index }) => batch.getTreeNode(index)));
  return roots.reduce((sum, node) => sum + (node?.size ?? 0), 0);
}

async function sizeOf(store: Corestore, discoveryKey: Buffer, length: number): Promise<number> {
  if (length === 0) return 0;
  const storage = await store.storage.resumeCore(discoveryKey);
  if (storage === null) return 0;
  try {
    const batch = storage.read();
    const size = bytesIn(batch, length);
    batch.tryFlush();
    return await size;
  } finally {
    await storage.close();
  }
}

/** Of a core that is held in part. The size of a block is that of its leaf. */
async function count(
  store: Corestore,
  discoveryKey: Buffer,
  length: number,
): Promise<{ blocks: number; held: number }> {
  const core = store.get({ discoveryKey, active: false });
  await core.ready();
  try {
    let blocks = 0;
    const leaves: number[] = [];
    for (let index = 0; index < length; index++) {
      if (!(await core.has(index))) continue;
      blocks++;
      leaves.push(2 * index);
    }
    const storage = await store.storage.resumeCore(discoveryKey);
    if (storage === null) return { blocks: 0, held: 0 };
    try {
      const batch = storage.read();
      const nodes = Promise.all(leaves.map((index) => batch.getTreeNode(index)));
      batch.tryFlush();
      return { blocks, held: (await nodes).reduce((sum, node) => sum + (node?.size ?? 0), 0) };
    } finally {
      await storage.close();
    }
  } finally {
    await core.close();
  }
}

/**
 * Gives the disk of cores back. Clearing only marks their blocks as gone; the files shrink when RocksDB writes what is left of them
 * anew, which costs as much writing as there is left. So old files are done first, where most that is gone has been, and no more of them
 * than it takes.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type Corestore from 'corestore';
import { storeFailure } from './failure.js';

/** Parts of the files that are written anew, the oldest first. */
const SHARES = [0.25, 0.5, 1] as const;
/** rocksdb-native: blob files are cleaned now and not by its own lights, down to the last level. */
const FORCE = { blobGarbageCollectionPolicy: 1, bottommostLevelCompaction: 2 } as const;

/** Drops all blocks of a core; peers that are connected are told. @throws GtpkgError IO_ERROR, NO_SPACE */
export async function clearCore(store: Corestore, discoveryKey: Buffer): Promise<void> {
  try {
    const core = store.get({ discoveryKey, active: false });
    await core.ready();
    try {
      if (core.length > 0) await core.clear(0, core.length);
    } finally {
      await core.close();
    }
  } catch (cause) {
    throw storeFailure(cause);
  }
}

/** Shrinks the store's files to `goal` bytes, or as far as it goes. Gives their size then. @throws GtpkgError IO_ERROR, NO_SPACE */
export async function reclaim(store: Corestore, home: string, goal: number): Promise<number> {
  try {
    const { db } = store.storage;
    await db.flush();
    for (const share of SHARES) {
      if ((await diskBytes(home)) <= goal) break;
      await db.compactRange({ ...FORCE, blobGarbageCollectionAgeCutoff: share });
    }
    return await diskBytes(home);
  } catch (cause) {
    throw storeFailure(cause);
  }
}

/** What the store takes on disk. */
export async function diskBytes(home: string): Promise<number> {
  const directory = join(home, 'store', 'db');
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ blocks }) => blocks * 512,
        () => 0, // gone meanwhile
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

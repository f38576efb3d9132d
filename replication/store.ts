/**
 * The corestore of a home, opened so that its defaults cannot hurt us:
 * no core in it, opened by us or on a peer's demand, ever follows a fork or a truncation.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import Corestore from 'corestore';
import Hypercore from 'hypercore';
import { decodeCoreKey, type CoreKey } from '../model/index.js';
import { steerDownloads } from './downloads.js';
import { storeFailure } from './failure.js';
import { takeRequests } from './uploads.js';

/** How long a core that nobody here reads goes on listening: short, so that channels close (default 20-40 s). */
const LINGER = 500;

/** What RocksDB gathers in memory before it writes, twice: its own 64 MiB cost 100 MB of memory and were no faster. */
const WRITE_BUFFER = 8 * 1024 * 1024;

/** @throws GtpkgError HOME_BUSY, NO_SPACE, READ_ONLY, PERMISSION, IO_ERROR */
export async function openStore(home: string): Promise<Corestore> {
  let store: Corestore | undefined;
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    // wait:false: a held lock is an answer, not a reason to wait
    store = new Corestore(
      Hypercore.defaultStorage(join(home, 'store'), { wait: false, writeBufferSize: WRITE_BUFFER }),
    );
    await store.ready();
  } catch (cause) {
    await store?.close().catch(() => undefined);
    throw storeFailure(cause);
  }
  quietenHypercore();
  // Peers open cores by discovery key with corestore's default, allowFork: true, so the option of get() is not enough.
  store.watch((core) => {
    takeRequests(core.replicator);
    steerDownloads(core.replicator);
    core.replicator.allowFork = false;
    core.replicator._notDownloadingLinger = LINGER;
  });
  return store;
}

/** Closes the store, also one that could not be written any more and cannot be closed in order: its lock is let go of in any case. */
export async function closeStore(store: Corestore): Promise<void> {
  try {
    await store.close();
  } catch {
    const { rocks, deviceFile } = store.storage;
    await rocks.close({ force: true }).catch(() => undefined);
    await deviceFile?.close().catch(() => undefined);
  }
}

/** Whether the database takes writes: after a full disk it takes none until it is opened again, however much room there is by then. */
export async function isWritable(store: Corestore): Promise<boolean> {
  return store.storage.rocks.flush().then(
    () => true,
    () => false,
  );
}

let quiet = false;

/** hypercore prints "conflict detected" to stdout, where `--json` promises one document; the event tells us (log-core.ts). */
function quietenHypercore(): void {
  if (quiet) return;
  quiet = true;
  const log = console.log.bind(console);
  console.log = (...words: unknown[]) => {
    if (!(typeof words[0] === 'string' && words[0].startsWith('[hypercore] conflict detected')))
      log(...words);
  };
}

/** What a core is asked for by: knowing it does not give the core away. */
export function discoveryKeyOf(key: Uint8Array): Buffer {
  return Hypercore.discoveryKey(key);
}

/** An index core's topic, as peers name it. */
export function topicOf(key: CoreKey): string {
  return discoveryKeyOf(decodeCoreKey(key)).toString('hex');
}

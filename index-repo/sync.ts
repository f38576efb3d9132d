/**
 * A client's side: bring the trusted state of an index up to date from its index core. All or nothing.
 *
 * Order: read the newest record; decide what to read (sync-plan.ts); fetch packs; rehash every object; let the trust machine
 * judge; read every changed shard strictly; only then write objects, refs, and last of all the state file, each atomically.
 * Refused updates leave no trace, except that two signed states with one number are kept as evidence beside the state.
 */
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  GtpkgError,
  parseIntroduction,
  systemCode,
  type CoreKey,
  type CoreRef,
  type Introduction,
  type Oid,
} from '../model/index.js';
import { writeAtomically } from '../git/io.js';
import type { EntryCounts } from './entry-changes.js';
import { requireDecided } from './evidence-file.js';
import type { LogReader } from './exchange.js';
import { checkFresh, parseState, type TrustedState } from './state.js';
import { newestRecord, planSync, type SyncPlan } from './sync-plan.js';
import type { Notice } from './notice.js';
import type { IndexRecord } from './record.js';

/** What a sync needs. */
export interface SyncOptions {
  /** the client's bare repository of this source; made when it is not there */
  readonly dir: string;
  /** the file that says what is trusted */
  readonly statePath: string;
  readonly introduction: Introduction;
  readonly now: Date;
  readonly log: LogReader;
  /** bytes of a static core, or the path of a file that holds them */
  readonly fetchCore: (core: CoreRef) => Promise<Uint8Array | string>;
  /** told what is about to be fetched */
  readonly onPlan?: (plan: { readonly bytes: number; readonly cores: readonly CoreRef[] }) => void;
}

/** What a sync did. */
export interface SyncResult {
  readonly changed: boolean;
  /** the log that answered ends before what is known: an old copy, not an attack */
  readonly stale: boolean;
  readonly commit: Oid;
  /** head before; absent for a new client */
  readonly previous?: Oid;
  readonly name: string;
  readonly sequence: number;
  readonly validUntil: Date;
  /** the log that the head names */
  readonly indexCore: CoreKey | undefined;
  readonly entries: EntryCounts;
  /** bytes of packs that were fetched */
  readonly bytes: number;
}

/** The state file: what is trusted, and where in the log it came from. */
export interface StoredIndex {
  readonly trusted: TrustedState;
  readonly block: number;
  /** blocks of the log that were seen */
  readonly length: number;
}

/** What was stored; undefined when nothing is trusted yet. Loads neither git nor openpgp. @throws GtpkgError INDEX_CORRUPT */
export async function readStoredIndex(statePath: string): Promise<StoredIndex | undefined> {
  let text: string;
  try {
    text = await readFile(statePath, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new GtpkgError('IO_ERROR', `Cannot read ${statePath}`, { cause: error });
  }
  try {
    const json = JSON.parse(text) as Partial<StoredIndex>;
    const trusted = parseState(json.trusted);
    if (!Number.isSafeInteger(json.block) || !Number.isSafeInteger(json.length))
      throw new Error('no position');
    return { trusted, block: Number(json.block), length: Number(json.length) };
  } catch (cause) {
    if (cause instanceof GtpkgError) throw cause;
    throw new GtpkgError('INDEX_CORRUPT', `${statePath} cannot be read`, {
      hint: 'Remove the source and add it again.',
      cause,
    });
  }
}

/**
 * Brings `dir` and the state file to the newest state of the log, if it can be trusted.
 *
 * A log that ends before what is known is an old copy: nothing new, no error. A longer log whose newest state is older is a
 * rollback attack. When nothing is newer and the head has expired, INDEX_EXPIRED is thrown: perhaps somebody holds updates back.
 * @throws GtpkgError as TrustedIndex.update; INDEX_NOT_FOUND, ENTRY_MALFORMED, PACK_MALFORMED, CORE_MISMATCH; what log and fetchCore throw
 */
export async function syncIndex(options: SyncOptions): Promise<SyncResult> {
  const { introduction, statePath, now, log } = options;
  const stored = await readStoredIndex(statePath);
  const known = stored?.trusted;
  if (known !== undefined && !sameTrust(introduction, parseIntroduction(known.introduction))) {
    throw new GtpkgError('INTRODUCTION_MISMATCH', 'What is stored was trusted by another introduction', {
      hint: 'Remove the source and add it again.',
    });
  }
  // index.md §9: roots that signed two histories are not followed until the user has decided
  await requireDecided(statePath, known?.name ?? introduction.indexCore.slice(0, 12));
  const newest = await newestRecord(log);
  const stale =
    stored !== undefined && newest.record.sequence < stored.trusted.sequence && log.length <= stored.length;
  const same = known !== undefined && newest.record.commit === known.head && existsSync(options.dir);
  if (known !== undefined && stored !== undefined && (stale || same)) {
    checkFresh(known, now);
    if (!stale && log.length !== stored.length)
      await store(statePath, { trusted: known, block: newest.block, length: log.length });
    return result(known, {
      changed: false,
      stale,
      previous: known.head,
      entries: { added: 0, removed: 0, changed: 0 },
      bytes: 0,
    });
  }
  const { importPlan } = await import('./sync-import.js');
  const plan = await planSync(
    log,
    newest,
    stored === undefined || !existsSync(options.dir)
      ? undefined
      : { block: stored.block, head: stored.trusted.head },
  );
  const cores = plan.records.flatMap(({ pack }) => ('cores' in pack ? pack.cores : []));
  options.onPlan?.({ bytes: plan.bytes, cores });
  const { trusted, entries } = await importPlan({
    ...options,
    known,
    plan,
    packs: packsOf(plan, options.fetchCore),
  });
  const changed = trusted.head !== known?.head;
  await store(statePath, { trusted, block: plan.block, length: log.length });
  return result(trusted, {
    changed,
    stale: false,
    ...(known === undefined ? {} : { previous: known.head }),
    entries,
    bytes: plan.bytes,
  });
}

/**
 * Brings the state on by commits that came beside the log: those that say where the index has moved to. Judged as everything else.
 * @throws GtpkgError as syncIndex; INDEX_NOT_FOUND when nothing is trusted yet
 */
export async function syncNotice(
  options: Omit<SyncOptions, 'log' | 'onPlan'>,
  notice: Notice,
): Promise<SyncResult> {
  const stored = await readStoredIndex(options.statePath);
  if (stored === undefined)
    throw new GtpkgError('INDEX_NOT_FOUND', 'No state of this index is trusted yet', {
      hint: 'Run gtpkg update.',
    });
  const { trusted: known } = stored;
  await requireDecided(options.statePath, known.name);
  const { importPlan } = await import('./sync-import.js');
  const { commit, parent, sequence, pack, cores = [] } = notice;
  const record: IndexRecord = {
    kind: 'update',
    commit,
    ...(parent === undefined ? {} : { parent }),
    anchor: known.anchor,
    sequence,
    snapshotDistance: 0,
    pack: { inline: pack },
  };
  const records = [record, ...(cores.length === 0 ? [] : [{ ...record, pack: { cores } }])];
  const plan = { newest: record, block: stored.block, records, bytes: pack.length };
  const { trusted, entries } = await importPlan({
    ...options,
    known,
    plan,
    packs: packsOf(plan, options.fetchCore),
  });
  await store(options.statePath, { trusted, block: stored.block, length: stored.length });
  const rest = { changed: trusted.head !== known.head, stale: false, previous: known.head, entries };
  return result(trusted, { ...rest, bytes: pack.length });
}

type Rest = Pick<SyncResult, 'changed' | 'stale' | 'previous' | 'entries' | 'bytes'>;

function result(state: TrustedState, rest: Rest): SyncResult {
  const { head, name, sequence, validUntil, indexCore } = state;
  return { commit: head, name, sequence, validUntil: new Date(validUntil), indexCore, ...rest };
}

// Whom we trust: the index core only says where to ask, and moves (index.md §13).
function sameTrust(a: Introduction, b: Introduction): boolean {
  return a.threshold === b.threshold && a.roots.join() === b.roots.join();
}

async function store(path: string, stored: StoredIndex): Promise<void> {
  await writeAtomically(path, (handle) => handle.writeFile(`${JSON.stringify(stored, null, 1)}\n`));
}

/** The bytes of each record's pack, in order. */
export type Packs = () => AsyncGenerator<AsyncIterable<Uint8Array> | Uint8Array>;

/** Static cores fetched ahead of the one that is read. */
const AHEAD = 4;

function packsOf(plan: SyncPlan, fetchCore: SyncOptions['fetchCore']): Packs {
  return async function* () {
    const waiting: Promise<Uint8Array | string>[][] = [];
    const start = (record: IndexRecord | undefined): void => {
      if (record !== undefined)
        waiting.push('cores' in record.pack ? record.pack.cores.map((core) => quiet(fetchCore(core))) : []);
    };
    plan.records.slice(0, AHEAD).forEach(start);
    for (const [i, record] of plan.records.entries()) {
      const parts = waiting.shift() ?? [];
      start(plan.records[i + AHEAD]);
      yield 'inline' in record.pack ? record.pack.inline : joined(record.pack.cores, parts);
    }
  };
}

// A fetch that fails before it is awaited must not end the process.
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function* joined(
  cores: readonly CoreRef[],
  parts: readonly Promise<Uint8Array | string>[],
): AsyncGenerator<Uint8Array> {
  for (const [i, part] of parts.entries()) {
    const expected = cores[i]?.byteLength ?? 0;
    let have = 0;
    const bytes = await part;
    for await (const chunk of typeof bytes === 'string'
      ? (createReadStream(bytes) as AsyncIterable<Uint8Array>)
      : [bytes]) {
      have += chunk.length;
      if (have > expected) break;
      yield chunk;
    }
    if (have !== expected) {
      throw new GtpkgError('CORE_MISMATCH', `An index pack of ${expected} bytes came with ${have}`, {
        data: { core: cores[i]?.key, expected, actual: have },
      });
    }
  }
}

/**
 * Decides which records of an index core a client reads. Nothing here is trusted or verified; a plan only says what to fetch.
 */
import { GtpkgError, limits, type Oid } from '../model/index.js';
import type { LogReader } from './exchange.js';
import { checkHeader, decodeRecord, packSize, type IndexRecord } from './record.js';

/** Where a client stands in a log. */
export interface Position {
  /** block of the record that brought the trusted head */
  readonly block: number;
  readonly head: Oid;
}

/** Records to apply, in order. */
export interface SyncPlan {
  readonly newest: IndexRecord;
  /** block of `newest` */
  readonly block: number;
  readonly records: readonly IndexRecord[];
  /** bytes of their packs */
  readonly bytes: number;
}

/** Blocks read at once. */
const PARALLEL = 16;
/** Updates that a client follows one by one before it takes a snapshot without looking. */
const MAX_FOLLOWED = 2 * limits.MAX_UPDATES_BEFORE_SNAPSHOT;

/** The newest record. @throws GtpkgError INDEX_NOT_FOUND while nothing is published, INDEX_MALFORMED, LIMIT_EXCEEDED */
export async function newestRecord(log: LogReader): Promise<{ record: IndexRecord; block: number }> {
  if (log.length < 2)
    throw new GtpkgError('INDEX_NOT_FOUND', 'Nothing is published on this index core yet', {
      hint: 'Try again later, or check the introduction.',
    });
  const block = log.length - 1;
  const [header, bytes] = await Promise.all([log.get(0), log.get(block)]);
  checkHeader(header);
  return { record: decodeRecord(bytes, block), block };
}

/**
 * From the own record forward or from the newest snapshot, whichever is fewer bytes.
 * @param position - absent for a new client
 * @throws GtpkgError INDEX_MALFORMED when the records do not form a chain, LIMIT_EXCEEDED
 */
export async function planSync(
  log: LogReader,
  newest: { record: IndexRecord; block: number },
  position?: Position,
): Promise<SyncPlan> {
  const { record, block } = newest;
  const cache = new Map<number, IndexRecord>([[block, record]]);
  const read = async (from: number): Promise<IndexRecord[]> => {
    const numbers = Array.from({ length: block - from + 1 }, (_, i) => from + i);
    for (let i = 0; i < numbers.length; i += PARALLEL) {
      await Promise.all(
        numbers.slice(i, i + PARALLEL).map(async (number) => {
          if (!cache.has(number)) cache.set(number, decodeRecord(await log.get(number), number));
        }),
      );
    }
    return numbers.map((number) => cache.get(number) as IndexRecord);
  };
  const plan = (records: readonly IndexRecord[]): SyncPlan => {
    const bytes = records.reduce((sum, { pack }) => sum + packSize(pack), 0);
    if (bytes > limits.MAX_INDEX_PACK)
      throw new GtpkgError('LIMIT_EXCEEDED', `An index update of ${bytes} bytes`);
    return { newest: record, block, records, bytes };
  };
  const snapshot = block - record.snapshotDistance;
  let forward: SyncPlan | undefined;
  if (
    position !== undefined &&
    position.block >= Math.max(1, log.from ?? 1) &&
    position.block <= block &&
    block - position.block <= MAX_FOLLOWED
  ) {
    const [own, ...rest] = await read(position.block);
    const followed = own?.commit === position.head ? follow(rest, own.commit) : undefined;
    if (followed !== undefined) forward = plan(followed);
    // the snapshot cannot be fewer bytes when all that is newer is
    if (forward !== undefined && snapshot <= position.block) return forward;
  }
  if (record.snapshotDistance > 2 * MAX_FOLLOWED)
    throw new GtpkgError(
      'LIMIT_EXCEEDED',
      `The newest snapshot of the index is ${record.snapshotDistance} records back`,
    );
  const [first, ...rest] = await read(snapshot);
  // the same state stands elsewhere in another log, after a move (index.md §13)
  const own = position === undefined ? -1 : rest.findLastIndex(({ commit }) => commit === position.head);
  const onward =
    own < 0 || forward !== undefined ? undefined : follow(rest.slice(own + 1), rest[own]?.commit as Oid);
  if (onward !== undefined) return plan(onward);
  const followed = first?.kind === 'snapshot' ? follow(rest, first.commit) : undefined;
  if (first === undefined || followed === undefined) {
    if (forward !== undefined) return forward;
    throw new GtpkgError('INDEX_MALFORMED', 'The records of the index core do not follow each other', {
      data: { block, snapshot },
    });
  }
  const full = plan(rest.length > 0 && followed[0]?.kind === 'snapshot' ? followed : [first, ...followed]);
  return forward !== undefined && forward.bytes <= full.bytes ? forward : full;
}

// Records that lead on from a commit. A snapshot of another commit stands for the updates before it.
function follow(records: readonly IndexRecord[], from: Oid): IndexRecord[] | undefined {
  let chain: IndexRecord[] = [];
  let at = from;
  for (const record of records) {
    if (record.commit === at) continue;
    if (record.kind === 'snapshot') chain = [];
    else if (record.parent !== at) return undefined;
    chain.push(record);
    at = record.commit;
  }
  return chain;
}

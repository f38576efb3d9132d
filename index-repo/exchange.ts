/**
 * Puts an index on its index core: which records to append, and what a fork copies. docs/formats/index-core.md §2, §4.
 *
 * The log is only transport: nothing here signs, and nothing that stands in a log is trusted.
 */
import { GtpkgError, limits, type CoreRef, type Oid } from '../model/index.js';
import { headOf, isAnchor, openIndex, viewIndex } from './index-view.js';
import { collectSnapshot, collectUpdate, packObjects } from './packs.js';
import {
  checkHeader,
  decodeRecord,
  encodeHeader,
  encodeRecord,
  packSize,
  type IndexRecord,
  type RecordPack,
} from './record.js';

/** An index core to read. */
export interface LogReader {
  readonly length: number;
  /** blocks before this cannot be had, block 0 excepted: a part of a log, as in a bundle */
  readonly from?: number;
  get(number: number): Promise<Uint8Array>;
}

/** An index core of our own. */
export interface LogWriter extends LogReader {
  /** all blocks or none */
  append(blocks: Uint8Array[]): Promise<unknown>;
}

/** Sizes since the newest snapshot, in bytes. */
export interface SinceSnapshot {
  readonly updates: number;
  readonly updateBytes: number;
  readonly snapshotBytes: number;
}

/** A snapshot is due when a new client would read half as much again in updates, or too many of them. */
export function needsSnapshot({ updates, updateBytes, snapshotBytes }: SinceSnapshot): boolean {
  return (
    updates >= limits.MAX_UPDATES_BEFORE_SNAPSHOT ||
    updateBytes > Math.max(limits.MAX_INLINE_PACK, snapshotBytes / 2)
  );
}

/** What publishing did. */
export interface Published {
  readonly commit: Oid;
  readonly sequence: number;
  /** blocks appended; 0 when the log was up to date */
  readonly appended: number;
  /** static cores that the new records name */
  readonly cores: readonly CoreRef[];
}

/**
 * Brings the log up to the head of the index in `dir`.
 * @param putCore - keeps bytes as a static core (Depot.putStaticBytes)
 * @throws GtpkgError INDEX_NOT_FOUND, INDEX_NOT_DESCENDANT when the log holds a state that the index does not continue
 */
export async function publishIndex(
  dir: string,
  { log, putCore }: { log: LogWriter; putCore: (bytes: Uint8Array) => Promise<CoreRef> },
): Promise<Published> {
  const repository = await openIndex(dir);
  const commit = await headOf(repository);
  const read = (oid: Oid) => repository.read(oid);
  const { distribution } = await viewIndex(read, commit);
  const { sequence } = distribution;
  const last = log.length > 1 ? decodeRecord(await log.get(log.length - 1), log.length - 1) : undefined;
  if (last?.commit === commit) return { commit, sequence, appended: 0, cores: [] };
  const blocks: Uint8Array[] = log.length === 0 ? [encodeHeader()] : [];
  const cores: CoreRef[] = [];
  const place = async (pack: Buffer): Promise<RecordPack> => {
    if (pack.length <= limits.MAX_INLINE_PACK) return { inline: pack };
    const core = await putCore(pack);
    cores.push(core);
    return { cores: [core] };
  };
  const parent = last === undefined ? {} : { parent: last.commit };
  const update =
    last === undefined ? undefined : await packObjects(await collectUpdate(repository, last.commit, commit));
  const since = last === undefined ? undefined : await sinceSnapshot(log, last);
  const due =
    since === undefined ||
    needsSnapshot({
      ...since,
      updates: since.updates + 1,
      updateBytes: since.updateBytes + (update?.length ?? 0),
    });
  const snapshot = due ? await collectSnapshot(repository, commit) : undefined;
  const full = snapshot === undefined ? undefined : await packObjects(snapshot.objects);
  // a snapshot stands for an update that is nearly as large
  if (update !== undefined && last !== undefined && (full === undefined || update.length < full.length / 2)) {
    const view = await viewIndex(read, commit);
    const anchor = isAnchor(view) ? commit : await newestAnchor(repository, commit, last);
    blocks.push(
      encodeRecord({
        kind: 'update',
        commit,
        ...parent,
        anchor,
        sequence,
        snapshotDistance: last.snapshotDistance + 1,
        pack: await place(update),
      }),
    );
  }
  if (snapshot !== undefined && full !== undefined) {
    blocks.push(
      encodeRecord({
        kind: 'snapshot',
        commit,
        ...parent,
        anchor: snapshot.anchor,
        sequence,
        snapshotDistance: 0,
        pack: await place(full),
      }),
    );
  }
  await log.append(blocks);
  return { commit, sequence, appended: blocks.length, cores };
}

// The anchor of the record before still holds unless a fork began since.
async function newestAnchor(
  repository: Awaited<ReturnType<typeof openIndex>>,
  commit: Oid,
  last: IndexRecord,
): Promise<Oid> {
  const read = (oid: Oid) => repository.read(oid);
  for (let oid: Oid | undefined = commit; oid !== undefined && oid !== last.commit;) {
    const view = await viewIndex(read, oid);
    if (isAnchor(view)) return oid;
    oid = view.commit.parents[0];
  }
  return last.anchor;
}

async function sinceSnapshot(log: LogReader, last: IndexRecord): Promise<SinceSnapshot> {
  let updates = 0;
  let updateBytes = 0;
  let record = last;
  for (
    let number = log.length - 1;
    record.kind === 'update';
    record = decodeRecord(await log.get(number), number)
  ) {
    updates++;
    updateBytes += packSize(record.pack);
    number--;
  }
  return { updates, updateBytes, snapshotBytes: packSize(record.pack) };
}

/**
 * What a fork's log begins with: upstream's newest snapshot at or before `commit`, and the records after it up to `commit`,
 * byte for byte; they name upstream's static cores, so nothing is copied but these blocks.
 * @throws GtpkgError INDEX_NOT_FOUND when the log does not hold `commit`
 */
export async function forkBlocks(log: LogReader, commit: Oid): Promise<Uint8Array[]> {
  for (let number = log.length - 1; number >= 1; number--) {
    const record = decodeRecord(await log.get(number), number);
    if (record.commit !== commit) continue;
    const blocks: Uint8Array[] = [encodeHeader()];
    for (let i = number - record.snapshotDistance; i <= number; i++) blocks.push(await log.get(i));
    return blocks;
  }
  throw new GtpkgError('INDEX_NOT_FOUND', `The upstream log does not hold the state ${commit}`, {
    hint: 'Run gtpkg update, then fork again.',
    data: { commit },
  });
}

/** What a new client reads of a log. */
export interface LivePart {
  /** block of the newest snapshot; the header is needed too */
  readonly from: number;
  /** what the newest record brings */
  readonly commit: Oid;
  readonly sequence: number;
  /** static cores that these records name */
  readonly cores: readonly CoreRef[];
}

/** The newest snapshot of a log and what follows; undefined while nothing is published. @throws GtpkgError INDEX_MALFORMED */
export async function livePart(log: LogReader): Promise<LivePart | undefined> {
  if (log.length < 2) return undefined;
  checkHeader(await log.get(0));
  const newest = decodeRecord(await log.get(log.length - 1), log.length - 1);
  const from = log.length - 1 - newest.snapshotDistance;
  const cores: CoreRef[] = [];
  for (let number = from; number < log.length; number++) {
    const { pack } = decodeRecord(await log.get(number), number);
    if ('cores' in pack) cores.push(...pack.cores);
  }
  return { from, commit: newest.commit, sequence: newest.sequence, cores };
}

/** Static cores that a new client would need: what a seeder of this index holds beside the log. */
export async function liveCores(log: LogReader): Promise<readonly CoreRef[]> {
  return (await livePart(log))?.cores ?? [];
}

/**
 * Blocks of an index core: a header, then one record per published state. docs/formats/index-core.md, version 1. Pure.
 *
 * Nothing in a record is trusted: it only says which bytes to fetch. A record is a deb822 paragraph, an empty line,
 * and for `Pack: inline` the bytes of a pack.
 */
import {
  GtpkgError,
  Paragraph,
  limits,
  parseCoreKey,
  parseOid,
  parseParagraph,
  type CoreRef,
  type Oid,
} from '../model/index.js';

/** One record. */
export interface IndexRecord {
  /** `update`: what is new since `parent`; `snapshot`: everything that a new client needs */
  readonly kind: 'update' | 'snapshot';
  /** the index commit that this record brings */
  readonly commit: Oid;
  /** commit of the record before; absent in the first */
  readonly parent?: Oid;
  /** oldest commit that the newest snapshot's introduction has to authorise */
  readonly anchor: Oid;
  readonly sequence: number;
  /** how many blocks back the newest snapshot stands; 0 in a snapshot. Relative, so that a fork copies records as they are */
  readonly snapshotDistance: number;
  readonly pack: RecordPack;
}

/** Where a record's pack is: in the block itself, or in static cores to be read one after the other. */
export type RecordPack = { readonly inline: Buffer } | { readonly cores: readonly CoreRef[] };

const MAX_CORES = 64;
const MAX_SEQUENCE = 999_999_999_999_999;

/** Bytes of a record's pack. */
export function packSize(pack: RecordPack): number {
  return 'inline' in pack ? pack.inline.length : pack.cores.reduce((sum, core) => sum + core.byteLength, 0);
}

/** Block 0 of an index core. */
export function encodeHeader(): Buffer {
  return Buffer.from('Format: gtpkg-index-core 1\n', 'utf8');
}

/** @throws GtpkgError INDEX_MALFORMED when block 0 is not of an index core that this program reads */
export function checkHeader(block: Uint8Array): void {
  const fields = parseParagraph(text(block.subarray(0, limits.MAX_INDEX_FILE)), {
    where: 'index core, block 0',
    code: 'INDEX_MALFORMED',
  });
  const format = fields.get('Format') ?? '';
  if (format !== 'gtpkg-index-core 1') {
    throw new GtpkgError(
      'INDEX_MALFORMED',
      `The index core has the format "${format.slice(0, 60)}", this program reads "gtpkg-index-core 1"`,
      {
        hint: 'A newer gtpkg may read it.',
      },
    );
  }
}

/** The block of a record. @throws GtpkgError LIMIT_EXCEEDED for an inline pack over MAX_INLINE_PACK */
export function encodeRecord(record: IndexRecord): Buffer {
  const inline = 'inline' in record.pack ? record.pack.inline : undefined;
  if (inline !== undefined && inline.length > limits.MAX_INLINE_PACK) {
    throw new GtpkgError(
      'LIMIT_EXCEEDED',
      `A pack of ${inline.length} bytes is too large to stand in an index core's block`,
    );
  }
  const cores = 'cores' in record.pack ? formatCores(record.pack.cores) : undefined;
  const head = Paragraph.of([
    ['Format', 'gtpkg-index-record 1'],
    ['Kind', record.kind],
    ['Commit', record.commit],
    ['Parent-Commit', record.parent],
    ['Anchor', record.anchor],
    ['Sequence', String(record.sequence)],
    ['Snapshot-Distance', String(record.snapshotDistance)],
    ['Pack', inline === undefined ? 'cores' : 'inline'],
    ['Cores', cores],
  ]).toString();
  return Buffer.concat([Buffer.from(`${head}\n`, 'utf8'), inline ?? Buffer.alloc(0)]);
}

/** Reads a block. @throws GtpkgError INDEX_MALFORMED, LIMIT_EXCEEDED */
export function decodeRecord(block: Uint8Array, number: number): IndexRecord {
  const where = `index core, block ${number}`;
  if (block.length > limits.MAX_INDEX_BLOCK)
    throw new GtpkgError('LIMIT_EXCEEDED', `${where}: larger than ${limits.MAX_INDEX_BLOCK} bytes`);
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const cut = bytes.indexOf('\n\n');
  if (cut < 0 || cut > limits.MAX_INDEX_FILE) throw malformed(where, 'a record without an empty line');
  try {
    return readRecord(
      parseParagraph(text(bytes.subarray(0, cut + 1)), { where, code: 'INDEX_MALFORMED' }),
      bytes.subarray(cut + 2),
      number,
    );
  } catch (cause) {
    if (cause instanceof GtpkgError && (cause.code === 'INDEX_MALFORMED' || cause.code === 'LIMIT_EXCEEDED'))
      throw cause;
    throw malformed(where, cause instanceof Error ? cause.message : 'unreadable', cause);
  }
}

function readRecord(fields: Paragraph, rest: Buffer, number: number): IndexRecord {
  const where = `index core, block ${number}`;
  const need = (name: string): string => fields.get(name) ?? fail(`the field ${name} is missing`);
  const fail = (what: string): never => {
    throw malformed(where, what);
  };
  const format = need('Format');
  if (format !== 'gtpkg-index-record 1') fail(`the format is "${format.slice(0, 60)}"`);
  const kind = need('Kind');
  if (kind !== 'update' && kind !== 'snapshot') fail(`Kind is "${kind.slice(0, 40)}"`);
  const sequence = count(need('Sequence'));
  const snapshotDistance = count(need('Snapshot-Distance'));
  if (sequence === undefined || sequence < 1) fail('Sequence is not a number');
  // block 0 is the header, so the snapshot is at 1 or after it
  if (
    snapshotDistance === undefined ||
    snapshotDistance > number - 1 ||
    (kind === 'snapshot') !== (snapshotDistance === 0)
  )
    fail('Snapshot-Distance does not fit');
  const parent = fields.get('Parent-Commit');
  if (parent === undefined && kind === 'update') fail('an update without Parent-Commit');
  return {
    kind: kind as 'update' | 'snapshot',
    commit: parseOid(need('Commit')),
    ...(parent === undefined ? {} : { parent: parseOid(parent) }),
    anchor: parseOid(need('Anchor')),
    sequence: sequence ?? 0,
    snapshotDistance: snapshotDistance ?? 0,
    pack: readPackField(fields, rest, fail),
  };
}

function readPackField(fields: Paragraph, rest: Buffer, fail: (what: string) => never): RecordPack {
  const where = fields.get('Pack');
  if (where === 'inline') {
    if (fields.has('Cores')) fail('an inline pack beside Cores');
    if (rest.length > limits.MAX_INLINE_PACK)
      throw new GtpkgError('LIMIT_EXCEEDED', `an inline pack of ${rest.length} bytes`);
    return { inline: rest };
  }
  if (where !== 'cores' || rest.length > 0) return fail('Pack is neither inline nor cores, or bytes follow');
  return { cores: parseCores(fields.get('Cores') ?? '', fail) };
}

/** The lines of `Cores`. @throws whatever `fail` throws; GtpkgError LIMIT_EXCEEDED */
export function parseCores(text: string, fail: (what: string) => never): CoreRef[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0 || lines.length > MAX_CORES) fail('Cores is empty or too long');
  let total = 0;
  return lines.map((line) => {
    const [, key, bytes] = /^(\S+) ([1-9]\d{0,14})$/.exec(line) ?? fail('a line of Cores is malformed');
    total += Number(bytes);
    if (total > limits.MAX_INDEX_PACK)
      throw new GtpkgError('LIMIT_EXCEEDED', `an index pack of more than ${limits.MAX_INDEX_PACK} bytes`);
    return { key: parseCoreKey(key ?? ''), byteLength: Number(bytes) };
  });
}

/** The reverse of parseCores. */
export function formatCores(cores: readonly CoreRef[]): string {
  return cores.map((core) => `\n ${core.key} ${core.byteLength}`).join('');
}

function count(value: string): number | undefined {
  return /^(0|[1-9]\d{0,14})$/.test(value) && Number(value) <= MAX_SEQUENCE ? Number(value) : undefined;
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GtpkgError('INDEX_MALFORMED', 'A block of the index core is not UTF-8', { cause });
  }
}

function malformed(where: string, what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('INDEX_MALFORMED', `${where}: ${what}`, { data: { where }, cause });
}

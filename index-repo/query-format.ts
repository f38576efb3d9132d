/**
 * Layout of a compiled query file, docs/formats/query.md, version 2: tables that are used as they lie on disk.
 *
 * The file never leaves the machine: tables are in its byte order, the header is little-endian. Sections start at multiples of eight bytes, in
 * the order below. From `meta` on they are read at once; what stands before is read where it is needed.
 */
import { GtpkgError } from '../model/errors.js';
import type { Oid } from '../model/ids.js';

/** Sections, in file order. N names, E entries, P provided names, L links from provided names to entries, W words, H postings. */
export const SECTIONS = [
  /** the entries as they stand in the shards, grouped by name */
  'entries',
  /** of each name's highest version: version and summary, with a line break between, UTF-8 */
  'summaries',
  /** words to search for, UTF-8, sorted by bytes, back to back */
  'words',
  /** u32[W+1] into `words` */
  'wordOffsets',
  /** u32[W+1] into `postings` */
  'wordStarts',
  /** u32[H]: number of a name × 8 + where the word stands (search-words.ts) */
  'postings',
  /** JSON, see QueryMeta */
  'meta',
  /** u32[N+1] into `names` */
  'nameOffsets',
  /** u32[N+1]: entries of each name */
  'nameEntries',
  /** u16[N]: first three hex digits of the name's SHA-256 */
  'nameShards',
  /** u32[E+1] into `entries` */
  'entryOffsets',
  /** u16[E]: index into meta.places */
  'entryPlaces',
  /** u32[N+1] into `summaries` */
  'summaryOffsets',
  /** u32[P+1] into `provided` */
  'providedOffsets',
  /** u32[P+1] into `providedLinks` */
  'providedStarts',
  /** u32[L]: entry numbers */
  'providedLinks',
  /** package names, sorted by bytes, back to back */
  'names',
  /** provided names, likewise */
  'provided',
] as const;
export type Section = (typeof SECTIONS)[number];

/** What a file was compiled from. */
export interface QueryMeta {
  /** of which entries were taken, beside `all` */
  readonly architectures: readonly string[];
  /** suite and architecture of entries */
  readonly places: readonly (readonly [suite: string, architecture: string])[];
  /** false: no entry has co-signatures, so none has to be looked for */
  readonly cosigned?: boolean;
}

/** Where a section is. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

const MAGIC = Buffer.from('GTPKGQ2\n', 'latin1');
/** Magic, 20 bytes of commit, 4 of padding, then offset and length of each section as u64. */
export const HEADER_BYTES = 32 + SECTIONS.length * 16;

/** The next multiple of eight. */
export function aligned(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

export function encodeQueryHeader(commit: Oid, extents: Readonly<Record<Section, Extent>>): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  Buffer.from(commit, 'hex').copy(header, 8);
  SECTIONS.forEach((section, i) => {
    header.writeBigUInt64LE(BigInt(extents[section].offset), 32 + i * 16);
    header.writeBigUInt64LE(BigInt(extents[section].length), 40 + i * 16);
  });
  return header;
}

/**
 * @param size - of the whole file: a file that was cut short is refused
 * @throws GtpkgError INDEX_CORRUPT
 */
export function decodeQueryHeader(
  header: Buffer,
  size: number,
): { commit: Oid; extents: Record<Section, Extent> } {
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC))
    throw corrupt('it is not a query file of version 2');
  const extents = {} as Record<Section, Extent>;
  let end = HEADER_BYTES;
  SECTIONS.forEach((section, i) => {
    const offset = Number(header.readBigUInt64LE(32 + i * 16));
    const length = Number(header.readBigUInt64LE(40 + i * 16));
    if (offset % 8 !== 0 || offset < end || offset + length > size) throw corrupt('its sections do not fit');
    extents[section] = { offset, length };
    end = offset + length;
  });
  if (end !== size) throw corrupt('it was cut short');
  return { commit: header.toString('hex', 8, 28) as Oid, extents };
}

export function corrupt(what: string): GtpkgError {
  return new GtpkgError('INDEX_CORRUPT', `The compiled query file cannot be used: ${what}`, {
    hint: 'Run gtpkg update: it is made anew.',
  });
}

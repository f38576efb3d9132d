/**
 * The delta image's header and words: docs/formats/delta.md, version 1. Pure.
 *
 * magic `GTPKGD1\n` · Tree-SHA256 of the older release (32) · per section: u64le length, u64le length before compression. Then the
 * sections, one after the other. `tree256` is as it is, the others are brotli streams (RFC 7932), empty when they hold nothing.
 */
import { GtpkgError, limits, type ByteSource, type Sha256 } from '../model/index.js';
import { ByteReader } from './reader.js';

/** Sections of a delta, in order. */
export const DELTA_SECTIONS = [
  /** a pack: tag, commit, root tree, control, conffiles, scripts */
  'git',
  /** as in a release image */
  'tree256',
  /** how each file is made */
  'plan',
  /** stretches of old files, and how much of new bytes between them */
  'moves',
  /** how many bytes of the stretches are right before one that is not */
  'gaps',
  /** by how much that one is off */
  'values',
  /** new bytes */
  'fresh',
] as const;
export type DeltaSection = (typeof DELTA_SECTIONS)[number];

/** Where a section is. */
export interface DeltaExtent {
  readonly offset: number;
  readonly length: number;
  readonly rawLength: number;
}
export type DeltaExtents = Readonly<Record<DeltaSection, DeltaExtent>>;

const MAGIC = 'GTPKGD1\n';
const ROW = 16;
export const DELTA_HEADER_SIZE = 8 + 32 + DELTA_SECTIONS.length * ROW;

const BOUNDS: Readonly<Record<DeltaSection, number>> = {
  git: limits.MAX_GIT_SECTION,
  tree256: 32,
  plan: limits.MAX_DELTA_STREAM,
  moves: limits.MAX_DELTA_STREAM,
  gaps: limits.MAX_DELTA_STREAM,
  values: limits.MAX_DELTA_STREAM,
  fresh: limits.MAX_PAYLOAD,
};

/** The header of a delta with these sections. */
export function encodeDeltaHeader(
  from: Sha256,
  sections: Readonly<Record<DeltaSection, Pick<DeltaExtent, 'length' | 'rawLength'>>>,
): Buffer {
  const out = Buffer.alloc(DELTA_HEADER_SIZE);
  out.write(MAGIC, 'latin1');
  out.write(from, 8, 'hex');
  DELTA_SECTIONS.forEach((name, i) => {
    out.writeBigUInt64LE(BigInt(sections[name].length), 40 + i * ROW);
    out.writeBigUInt64LE(BigInt(sections[name].rawLength), 48 + i * ROW);
  });
  return out;
}

/** @throws GtpkgError RELEASE_MALFORMED, LIMIT_EXCEEDED; what the source throws */
export async function readDeltaHeader(
  source: ByteSource,
): Promise<{ readonly from: Sha256; readonly sections: DeltaExtents }> {
  if (source.byteLength < DELTA_HEADER_SIZE) throw deltaMalformed('it is cut short');
  const reader = new ByteReader(source.read(0, DELTA_HEADER_SIZE));
  const bytes = await reader.upTo(DELTA_HEADER_SIZE);
  await reader.close();
  if (bytes.length !== DELTA_HEADER_SIZE || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw deltaMalformed('it is not a delta of version 1');
  const sections = {} as Record<DeltaSection, DeltaExtent>;
  let offset = DELTA_HEADER_SIZE;
  DELTA_SECTIONS.forEach((name, i) => {
    const length = Number(bytes.readBigUInt64LE(40 + i * ROW));
    const rawLength = Number(bytes.readBigUInt64LE(48 + i * ROW));
    if (rawLength > BOUNDS[name])
      throw new GtpkgError(
        'LIMIT_EXCEEDED',
        `The section ${name} of a delta is larger than ${BOUNDS[name]} bytes`,
      );
    if ((length === 0) !== (rawLength === 0)) throw deltaMalformed(`the section ${name} has no proper size`);
    if (length > source.byteLength - offset) throw deltaMalformed(`the section ${name} is cut short`);
    sections[name] = { offset, length, rawLength };
    offset += length;
  });
  if (offset !== source.byteLength) throw deltaMalformed('bytes follow its end');
  return { from: bytes.toString('hex', 8, 40) as Sha256, sections };
}

/** How a file is made. The numbers are those of the format; a base other than the file of the same path comes after the number. */
export const MAKE = { fresh: 0, freshGzip: 1, copy: 2, diff: 3, diffGzip: 4 } as const;
/** Added to copy, diff and diffGzip when another file is the base: then its place follows, as a difference to the last such place. */
export const OTHER_BASE = 3;

/** What `gzip -9n` puts before the deflated bytes: no name, no time, best compression, Unix. */
export const GZIP_HEAD = Buffer.from('1f8b0800000000000203', 'hex');
export const GZIP_LEVEL = 9;
/** CRC-32 and size. */
export const GZIP_TAIL = 8;

/** Signed to unsigned, small ones staying small. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** RELEASE_MALFORMED of a delta. */
export function deltaMalformed(what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `The delta is malformed: ${what}`, { cause });
}

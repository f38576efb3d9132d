/**
 * The release image's header: docs/formats/release-core.md, version 1. Pure.
 *
 * magic `GTPKGR1\n` · u32le number of sections · per section: name (8 bytes, ASCII, zero-padded), u64le offset, u64le length,
 * u64le length before compression, SHA-256 of the section's bytes (32). Then the sections, one after the other.
 * The digests are there to name damage early; trust comes from the signed tag.
 */
import { GtpkgError, limits, type ByteSource, type Sha256 } from '../model/index.js';
import { ByteReader } from './reader.js';

export type SectionName = 'git' | 'tree256' | 'payload';

export interface Section {
  readonly name: SectionName;
  readonly offset: number;
  /** bytes in the image */
  readonly length: number;
  /** bytes before compression */
  readonly rawLength: number;
  readonly sha256: Sha256;
}

/** Version 1 has these, in this order. */
export const SECTIONS: readonly SectionName[] = ['git', 'tree256', 'payload'];

const MAGIC = 'GTPKGR1\n';
const ROW = 64;
/** Bytes of the header. */
export const HEADER_SIZE = 12 + SECTIONS.length * ROW;

/** The header of an image with these sections; offsets follow from the lengths. */
export function encodeHeader(
  sections: Readonly<Record<SectionName, Pick<Section, 'length' | 'rawLength' | 'sha256'>>>,
): Buffer {
  const out = Buffer.alloc(HEADER_SIZE);
  out.write(MAGIC, 'latin1');
  out.writeUInt32LE(SECTIONS.length, 8);
  let offset = HEADER_SIZE;
  SECTIONS.forEach((name, i) => {
    const { length, rawLength, sha256 } = sections[name];
    const at = 12 + i * ROW;
    out.write(name, at, 'latin1');
    out.writeBigUInt64LE(BigInt(offset), at + 8);
    out.writeBigUInt64LE(BigInt(length), at + 16);
    out.writeBigUInt64LE(BigInt(rawLength), at + 24);
    out.write(sha256, at + 32, 'hex');
    offset += length;
  });
  return out;
}

const BOUNDS: Readonly<Record<SectionName, number>> = {
  git: limits.MAX_GIT_SECTION,
  tree256: 32,
  payload: limits.MAX_PAYLOAD,
};

/**
 * Reads and checks the header: one spelling only, sections contiguous to the end of the image.
 * @throws GtpkgError RELEASE_MALFORMED, LIMIT_EXCEEDED; what the source throws
 */
export async function readHeader(source: ByteSource): Promise<Readonly<Record<SectionName, Section>>> {
  if (source.byteLength < HEADER_SIZE) throw malformed('it is cut short');
  const reader = new ByteReader(source.read(0, HEADER_SIZE));
  const bytes = await reader.upTo(HEADER_SIZE);
  await reader.close();
  if (bytes.toString('latin1', 0, 8) !== MAGIC) throw malformed('it is not a release image of version 1');
  if (bytes.length !== HEADER_SIZE || bytes.readUInt32LE(8) !== SECTIONS.length)
    throw malformed('its table of sections is malformed');
  const sections = {} as Record<SectionName, Section>;
  let end = HEADER_SIZE;
  SECTIONS.forEach((name, i) => {
    const row = bytes.subarray(12 + i * ROW, 12 + (i + 1) * ROW);
    const length = Number(row.readBigUInt64LE(16));
    const rawLength = Number(row.readBigUInt64LE(24));
    if (row.toString('latin1', 0, 8) !== name.padEnd(8, '\0') || Number(row.readBigUInt64LE(8)) !== end)
      throw malformed(`the section ${name} is not where it must be`);
    if (rawLength > BOUNDS[name])
      throw new GtpkgError(
        'LIMIT_EXCEEDED',
        `The section ${name} of the release is larger than ${BOUNDS[name]} bytes`,
      );
    end += length;
    if (end > source.byteLength) throw malformed(`the section ${name} is cut short`);
    sections[name] = {
      name,
      offset: end - length,
      length,
      rawLength,
      sha256: row.toString('hex', 32) as Sha256,
    };
  });
  if (end !== source.byteLength) throw malformed('bytes follow its end');
  return sections;
}

function malformed(what: string): GtpkgError {
  return new GtpkgError('RELEASE_MALFORMED', `The release image is malformed: ${what}`);
}

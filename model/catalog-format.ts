/**
 * Layout of a catalog, docs/formats/catalog.md, version 2: releases and their relations as tables that are used as they
 * lie on disk. It never leaves the machine: words are in its byte order.
 */
import { GtpkgError } from './errors.js';

/** Sections in file order. N names, V versions, R releases, Q relations, C lists of alternatives. */
export const CATALOG_SECTIONS = [
  /** JSON, see CatalogMeta */
  'meta',
  /** u32[N+1] into `names`; names are sorted by bytes */
  'nameOffsets',
  /** u32[N+1]: releases of each name, in the order of the text */
  'nameReleases',
  /** u32[N+1] into `providers` */
  'nameProviders',
  /** releases that provide a name */
  'providers',
  /** u32[V+1] into `versions` */
  'versionOffsets',
  /** u32[R] */
  'releaseVersions',
  /** u32[R]: architecture, Multi-Arch, Essential; see packKind */
  'releaseKinds',
  /** u32[R], KiB on disk */
  'releaseSizes',
  /** u32[R], bytes to fetch */
  'releaseDownloads',
  /** u32[R+1] into `fields` */
  'releaseFields',
  /** of each release: a bit for each field that it has, then of each such field how many clauses, and these */
  'fields',
  /** u32[Q]: the name */
  'relationNames',
  /** u32[Q]: operator (low three bits), architecture after the colon (the rest), each 0 for none */
  'relationKinds',
  /** u32[Q]: number of the version, meaningless without an operator */
  'relationVersions',
  /** u32[C+1] into `alternatives` */
  'clauseOffsets',
  /** relations; a clause below Q is that relation alone, one from Q on is the list of that number less Q */
  'alternatives',
  /** names back to back */
  'names',
  /** versions back to back */
  'versions',
] as const;
export type CatalogSection = (typeof CATALOG_SECTIONS)[number];

/** Fields of a release, by bit. */
export const CATALOG_FIELDS = [
  'preDepends',
  'depends',
  'recommends',
  'suggests',
  'enhances',
  'conflicts',
  'breaks',
  'replaces',
  'provides',
] as const;
export const MULTI_ARCH = ['no', 'same', 'foreign', 'allowed'] as const;
export const OPERATORS = ['', '<<', '<=', '=', '>=', '>>'] as const;

/** Where the releases of a catalog come from. */
export interface CatalogOrigin {
  readonly source: string;
  readonly suite: string;
}

/** What is not a table. */
export interface CatalogMeta {
  readonly architectures: readonly string[];
  /** what stands after a colon in relations; the first is '' */
  readonly qualifiers: readonly string[];
  /** what it was compiled from, in the words of whoever keeps it */
  readonly stamp: string;
}

/** Architecture (16 bits), Multi-Arch (2), Essential (1). */
export const packKind = (architecture: number, multiArch: number, essential: boolean): number =>
  architecture | (multiArch << 16) | (essential ? 1 << 18 : 0);

const MAGIC = 'GTPKGC2\n';
const HEADER = 8 + CATALOG_SECTIONS.length * 8;
const BYTES: readonly CatalogSection[] = ['meta', 'names', 'versions'];

/** The sections as one file. */
export function encodeCatalog(sections: Readonly<Record<CatalogSection, Uint32Array | Buffer>>): ArrayBuffer {
  let offset = HEADER;
  const extents = CATALOG_SECTIONS.map((section) => {
    const start = Math.ceil(offset / 8) * 8;
    offset = start + sections[section].byteLength;
    return start;
  });
  const file = new ArrayBuffer(Math.ceil(offset / 8) * 8);
  const out = Buffer.from(file);
  out.write(MAGIC, 'latin1');
  CATALOG_SECTIONS.forEach((section, i) => {
    const { buffer, byteOffset, byteLength } = sections[section];
    out.writeUInt32LE(extents[i] ?? 0, 8 + i * 8);
    out.writeUInt32LE(byteLength, 12 + i * 8);
    out.set(new Uint8Array(buffer, byteOffset, byteLength), extents[i]);
  });
  return file;
}

/** Views into a file, nothing copied. @throws GtpkgError INDEX_CORRUPT when it is none, or was cut short */
export function decodeCatalog(file: ArrayBuffer): {
  readonly meta: CatalogMeta;
  readonly table: (section: CatalogSection) => Uint32Array;
  readonly bytes: (section: CatalogSection) => Buffer;
} {
  const head = Buffer.from(file, 0, Math.min(HEADER, file.byteLength));
  if (head.length < HEADER || head.toString('latin1', 0, 8) !== MAGIC)
    throw corrupt('it is not of version 2');
  const at = new Map(
    CATALOG_SECTIONS.map((section, i) => {
      const [offset, length] = [head.readUInt32LE(8 + i * 8), head.readUInt32LE(12 + i * 8)];
      const whole = BYTES.includes(section) || length % 4 === 0;
      if (offset % 8 !== 0 || offset + length > file.byteLength || !whole)
        throw corrupt('its tables do not fit');
      return [section, { offset, length }];
    }),
  );
  const extent = (section: CatalogSection): { offset: number; length: number } =>
    at.get(section) ?? { offset: 0, length: 0 };
  const bytes = (section: CatalogSection): Buffer =>
    Buffer.from(file, extent(section).offset, extent(section).length);
  return {
    meta: JSON.parse(bytes('meta').toString('utf8')) as CatalogMeta,
    table: (section) => new Uint32Array(file, extent(section).offset, extent(section).length / 4),
    bytes,
  };
}

function corrupt(what: string): GtpkgError {
  return new GtpkgError('INDEX_CORRUPT', `The compiled packages cannot be used: ${what}`, {
    hint: 'They are compiled again from what they were made of.',
  });
}

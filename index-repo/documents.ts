/**
 * The two small files at the top of an index: `distribution` and `authorizations`. docs/formats/index.md §2, §3. Pure.
 */
import {
  GtpkgError,
  Paragraph,
  isArchitecture,
  limits,
  parseCoreKey,
  parseFingerprint,
  parseIntroduction,
  parseOid,
  parseParagraph,
  type CoreKey,
  type Fingerprint,
  type Oid,
} from '../model/index.js';

/** What the index says of itself. */
export interface Distribution {
  readonly name: string;
  /** 1, 2, …: one more than the parent's */
  readonly sequence: number;
  readonly date: Date;
  readonly validUntil: Date;
  readonly suites: readonly string[];
  /** without `all` */
  readonly architectures: readonly string[];
  /** the log that it is published on */
  readonly indexCore: CoreKey;
  /** introduction of the index that this one is a fork of */
  readonly forkedFrom?: string;
  /** the upstream commit that the fork stands on */
  readonly forkedCommit?: Oid;
  /** fields of later versions, kept as they are */
  readonly others?: readonly (readonly [string, string])[];
}

/** Who may sign the next commit. */
export interface Authorizations {
  readonly threshold: number;
  /** sequence of the commit that set them */
  readonly since: number;
  /** primary fingerprints, sorted */
  readonly roots: readonly Fingerprint[];
}

const KNOWN = [
  'Format',
  'Name',
  'Sequence',
  'Date',
  'Valid-Until',
  'Suites',
  'Architectures',
  'Index-Core',
  'Forked-From',
  'Forked-Commit',
];

/** A name for a distribution or a suite: it becomes a path component. */
export function isIndexName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$/.test(text) && !text.endsWith('.lock');
}

/** RFC 3339 in UTC, whole seconds. */
export function formatDate(date: Date): string {
  return `${new Date(Math.floor(date.getTime() / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** The bytes of `distribution`. */
export function formatDistribution(d: Distribution): Buffer {
  const fields = Paragraph.of([
    ['Format', 'gtpkg-index 1'],
    ['Name', d.name],
    ['Sequence', String(d.sequence)],
    ['Date', formatDate(d.date)],
    ['Valid-Until', formatDate(d.validUntil)],
    ['Suites', d.suites.join(' ')],
    ['Architectures', [...d.architectures].sort().join(' ')],
    ['Index-Core', d.indexCore],
    ['Forked-From', d.forkedFrom],
    ['Forked-Commit', d.forkedCommit],
    ...(d.others ?? []),
  ]);
  return Buffer.from(fields.toString(), 'utf8');
}

/** @throws GtpkgError INDEX_MALFORMED */
export function parseDistribution(bytes: Uint8Array): Distribution {
  return reading('distribution', bytes, 'gtpkg-index 1', (need, fields) => {
    const name = need('Name');
    if (!isIndexName(name)) throw malformed('distribution', 'Name is not a name');
    const suites = words(need('Suites'));
    if (suites.length === 0 || !suites.every(isIndexName))
      throw malformed('distribution', 'Suites is not a list of names');
    const architectures = words(fields.get('Architectures') ?? '');
    if (!architectures.every(isArchitecture))
      throw malformed('distribution', 'Architectures is not a list of architectures');
    const date = parseDate(need('Date'));
    const validUntil = parseDate(need('Valid-Until'));
    if (validUntil <= date) throw malformed('distribution', 'Valid-Until is not after Date');
    const forkedFrom = fields.get('Forked-From');
    const forkedCommit = fields.get('Forked-Commit');
    if ((forkedFrom === undefined) !== (forkedCommit === undefined))
      throw malformed('distribution', 'Forked-From and Forked-Commit go together');
    if (forkedFrom !== undefined) parseIntroduction(forkedFrom);
    const others = [...fields.entries()].filter(
      ([field]) => !KNOWN.some((known) => known.toLowerCase() === field.toLowerCase()),
    );
    return {
      name,
      sequence: parseSequence('distribution', need('Sequence')),
      date,
      validUntil,
      suites,
      architectures,
      indexCore: parseCoreKey(need('Index-Core')),
      ...(forkedFrom === undefined || forkedCommit === undefined
        ? {}
        : { forkedFrom, forkedCommit: parseOid(forkedCommit) }),
      ...(others.length === 0 ? {} : { others }),
    };
  });
}

/** The bytes of `authorizations`. */
export function formatAuthorizations(a: Authorizations): Buffer {
  const roots = [...a.roots].sort().map((fingerprint) => `\n ${fingerprint}`);
  const fields = Paragraph.of([
    ['Format', 'gtpkg-authorizations 1'],
    ['Threshold', String(a.threshold)],
    ['Since', String(a.since)],
    ['Roots', roots.join('')],
  ]);
  return Buffer.from(fields.toString(), 'utf8');
}

/** @throws GtpkgError INDEX_MALFORMED */
export function parseAuthorizations(bytes: Uint8Array): Authorizations {
  return reading('authorizations', bytes, 'gtpkg-authorizations 1', (need) => {
    const roots = words(need('Roots')).map(parseFingerprint);
    if (new Set(roots).size !== roots.length) throw malformed('authorizations', 'a root stands twice');
    if (roots.length > limits.MAX_ROOTS)
      throw malformed('authorizations', `more than ${limits.MAX_ROOTS} roots`);
    const text = need('Threshold');
    const threshold = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : 0;
    if (threshold < 1 || threshold > roots.length)
      throw malformed(
        'authorizations',
        `the threshold "${text.slice(0, 20)}" does not fit ${roots.length} roots`,
      );
    return { threshold, since: parseSequence('authorizations', need('Since')), roots: roots.sort() };
  });
}

/** Whether two authorizations name the same roots and threshold. */
export function sameAuthorizations(
  a: Pick<Authorizations, 'roots' | 'threshold'>,
  b: Pick<Authorizations, 'roots' | 'threshold'>,
): boolean {
  return a.threshold === b.threshold && [...a.roots].sort().join() === [...b.roots].sort().join();
}

type Need = (field: string) => string;

function reading<T>(
  file: string,
  bytes: Uint8Array,
  format: string,
  read: (need: Need, fields: Paragraph) => T,
): T {
  if (bytes.length > limits.MAX_INDEX_FILE)
    throw malformed(file, `larger than ${limits.MAX_INDEX_FILE} bytes`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const fields = parseParagraph(text, { where: file, code: 'INDEX_MALFORMED' });
    const need: Need = (field) => {
      const value = fields.get(field);
      if (value === undefined || value === '') throw malformed(file, `the field ${field} is missing`);
      return value;
    };
    if (need('Format') !== format) {
      throw new GtpkgError(
        'INDEX_MALFORMED',
        `${file}: the format is "${need('Format').slice(0, 60)}", this program reads "${format}"`,
        {
          hint: 'A newer gtpkg may read it.',
        },
      );
    }
    return read(need, fields);
  } catch (cause) {
    if (cause instanceof GtpkgError && cause.code === 'INDEX_MALFORMED') throw cause;
    throw malformed(file, cause instanceof Error ? cause.message : 'unreadable', cause);
  }
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function parseDate(text: string): Date {
  const date = new Date(text);
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ||
    Number.isNaN(date.getTime()) ||
    formatDate(date) !== text
  ) {
    throw malformed('distribution', `"${text.slice(0, 40)}" is not a date`);
  }
  return date;
}

function parseSequence(file: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw malformed(file, `"${text.slice(0, 40)}" is not a sequence number`);
  return Number(text);
}

function malformed(file: string, what: string, cause?: unknown): GtpkgError {
  return new GtpkgError('INDEX_MALFORMED', `${file}: ${what}`, { data: { file }, cause });
}

/**
 * Fields of an index entry that an index adds: when it was listed, its deltas, its co-signatures. docs/formats/index.md §4. Pure; loads neither git
 * nor openpgp. All throw GtpkgError ENTRY_MALFORMED on anything but the one spelling.
 */
import { GtpkgError } from '../model/errors.js';
import { parseCoreKey, parseFingerprint } from '../model/ids.js';
import { MAX_COSIGNATURE, MAX_COSIGNATURES, MAX_DELTAS } from '../model/limits.js';
import type { Cosignature, DeltaRef, ReleasePin } from '../model/release.js';

// One a line: version, first 16 digits of the older release's Tree-SHA256, core, bytes. In the order that they have there.
const DELTA = /^ (\S+) ([0-9a-f]{16}) ([a-z0-9]{52}) ([1-9]\d{0,14})$/;

/** The lines of `Deltas`; none when there is no such field. */
export function parseDeltas(text: string | undefined, { name }: ReleasePin): readonly DeltaRef[] {
  if (text === undefined) return [];
  const [first, ...lines] = text.split('\n');
  if (first !== '' || lines.length === 0 || lines.length > MAX_DELTAS)
    throw malformed(name, 'the field Deltas has no proper lines');
  const deltas = lines.map((line): DeltaRef => {
    const [, version = '', from = '', key = '', size] = DELTA.exec(line) ?? [];
    if (size === undefined) throw malformed(name, 'a line of the field Deltas is malformed');
    return { version, from, core: { key: parseCoreKey(key), byteLength: Number(size) } };
  });
  if (new Set(deltas.map(({ from }) => from)).size !== deltas.length)
    throw malformed(name, 'two of its deltas build upon the same release');
  return deltas;
}

/** The reverse of parseDeltas. */
export function formatDeltas(deltas: readonly DeltaRef[]): string {
  return deltas
    .map(({ version, from, core }) => `\n ${version} ${from} ${core.key} ${core.byteLength}`)
    .join('');
}

/** RFC 3339, UTC, whole seconds, as `Date` in `distribution`. */
export function parseListed(text: string, name: string): Date {
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) || formatListed(date) !== text)
    throw malformed(name, 'Listed is not a date');
  return date;
}

/** The reverse of parseListed; '' for no date. */
export function formatListed(date: Date): string {
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, 19)}Z`;
}

// One a line: the primary fingerprint claimed, and the raw tag object in base64. Sorted by fingerprint, none twice.
const COSIGNATURE = /^ ([0-9A-F]{40}) ([A-Za-z0-9+/]+={0,2})$/;

/** The lines of `Cosignatures`, unchecked; none when there is no such field. */
export function parseCosignatures(text: string | undefined, { name }: ReleasePin): readonly Cosignature[] {
  if (text === undefined) return [];
  const [first, ...lines] = text.split('\n');
  if (first !== '' || lines.length === 0 || lines.length > MAX_COSIGNATURES)
    throw malformed(name, 'the field Cosignatures has no proper lines');
  const found = lines.map((line): Cosignature => {
    const [, signer = '', base64 = ''] = COSIGNATURE.exec(line) ?? [];
    const tag = Buffer.from(base64, 'base64');
    if (tag.length === 0 || tag.length > MAX_COSIGNATURE || tag.toString('base64') !== base64)
      throw malformed(name, 'a line of the field Cosignatures is malformed');
    return { signer: parseFingerprint(signer), tag };
  });
  if (found.some(({ signer }, i) => i > 0 && signer <= (found[i - 1] as Cosignature).signer))
    throw malformed(name, 'its co-signatures are out of order, or one stands twice');
  return found;
}

/** The reverse of parseCosignatures, in order. */
export function formatCosignatures(all: readonly Cosignature[]): string {
  return [...all]
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
    .map(({ signer, tag }) => `\n ${signer} ${Buffer.from(tag).toString('base64')}`)
    .join('');
}

/** ENTRY_MALFORMED, said in one way. */
export function malformed(name: string, what: string, cause?: unknown): GtpkgError {
  const shown = name.slice(0, 128);
  return new GtpkgError('ENTRY_MALFORMED', `The index entry of "${shown}" is malformed: ${what}`, {
    data: { package: shown },
    cause,
  });
}

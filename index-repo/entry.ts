/**
 * Index entries and the shards that hold them. docs/formats/index.md §4. Pure; loads neither git nor openpgp.
 *
 * An entry is the release's whole control paragraph, then five fields that pin the release, in this order: Core,
 * Core-Size, Release-Tag, Tree-SHA256, Signer; then, where it is known, when it was listed, its deltas, its co-signatures. A shard has one canonical spelling: formatShard(parseShard(x)) = x.
 */
import { createHash } from 'node:crypto';
import { controlFrom, type Control } from '../model/control.js';
import { parseParagraph, parseParagraphs, type Paragraph } from '../model/deb822.js';
import { GtpkgError } from '../model/errors.js';
import { parseCoreKey, parseFingerprint, parseOid, parseSha256 } from '../model/ids.js';
import { MAX_CONTROL, MAX_SHARD } from '../model/limits.js';
import type { Cosignature, DeltaRef, ReleasePin } from '../model/release.js';
import { compareVersions } from '../model/version.js';
import {
  formatCosignatures,
  formatDeltas,
  formatListed,
  malformed,
  parseCosignatures,
  parseDeltas,
  parseListed,
} from './entry-fields.js';

/** One release in a suite. */
export interface IndexEntry {
  readonly pin: ReleasePin;
  /** other cores that give the same files to whoever has an older release */
  readonly deltas: readonly DeltaRef[];
  /** further signatures on the release; unchecked */
  readonly cosignatures: readonly Cosignature[];
  /** the release's own control paragraph, without the index's own fields */
  readonly control: Control;
  /** all fields of the entry */
  readonly fields: Paragraph;
}

const PIN_FIELDS = [
  'Core',
  'Core-Size',
  'Release-Tag',
  'Tree-SHA256',
  'Signer',
  'Listed',
  'Deltas',
  'Cosignatures',
] as const;

/** What an entry has beside its pin. */
type Extra = Pick<IndexEntry, 'deltas' | 'cosignatures'>;

// The control paragraph is typed on first use: a reader of 63,000 entries looks into few of them.
class LazyEntry implements IndexEntry {
  readonly pin: ReleasePin;
  readonly deltas: readonly DeltaRef[];
  readonly cosignatures: readonly Cosignature[];
  readonly fields: Paragraph;
  #control: Control | undefined;

  constructor(pin: ReleasePin, extra: Extra, fields: Paragraph) {
    this.pin = pin;
    this.deltas = extra.deltas;
    this.cosignatures = extra.cosignatures;
    this.fields = fields;
  }

  get control(): Control {
    return (this.#control ??= controlFrom(withoutPin(this.fields), `the entry of ${this.pin.name}`));
  }
}

function withoutPin(fields: Paragraph): Paragraph {
  const control = fields.clone();
  for (const name of PIN_FIELDS) control.delete(name);
  return control;
}

/**
 * The entry of a release.
 * @throws GtpkgError ENTRY_MALFORMED when the control paragraph uses a pin field's name, disagrees with the pin, or
 * cannot be written as one paragraph
 */
export function entryFrom(control: Control, pin: ReleasePin, deltas: readonly DeltaRef[] = []): IndexEntry {
  return makeEntry(control, pin, { deltas, cosignatures: [] });
}

/** The same release with another date of listing, deltas or co-signatures. @throws GtpkgError ENTRY_MALFORMED */
export function amendEntry(
  entry: IndexEntry,
  change: Partial<Extra> & { readonly listed?: Date },
): IndexEntry {
  const { control, pin, deltas, cosignatures } = entry;
  const { listed = pin.listed, ...extra } = change;
  return makeEntry(
    control,
    { ...pin, ...(listed === undefined ? {} : { listed }) },
    { deltas, cosignatures, ...extra },
  );
}

function makeEntry(control: Control, pin: ReleasePin, extra: Extra): IndexEntry {
  const fields = control.fields.clone();
  for (const name of PIN_FIELDS) {
    if (fields.has(name))
      throw malformed(pin.name, `its control paragraph has a field ${name}, which belongs to the index`);
  }
  const text = written(setPin(fields, pin, extra), pin.name);
  if (Buffer.byteLength(text) > MAX_CONTROL)
    throw malformed(pin.name, `it is larger than ${MAX_CONTROL} bytes`);
  // what is written must read back as the same one paragraph: no smuggled line breaks
  const entry = entryOf(parseParagraph(text, { where: `the entry of ${pin.name}`, code: 'ENTRY_MALFORMED' }));
  if (entry.fields.toString() !== text) throw malformed(pin.name, 'a field cannot be written in deb822');
  if (
    entry.pin.name !== pin.name ||
    entry.pin.version !== pin.version ||
    entry.pin.architecture !== pin.architecture
  ) {
    throw malformed(pin.name, 'its control paragraph names another release');
  }
  return checkControl(entry);
}

function written(fields: Paragraph, name: string): string {
  try {
    return fields.toString();
  } catch (cause) {
    throw malformed(name, cause instanceof Error ? cause.message : 'a field cannot be written', cause);
  }
}

/** Types one entry paragraph; the control part only when it is asked for. @throws GtpkgError ENTRY_MALFORMED */
export function entryOf(fields: Paragraph): IndexEntry {
  const name = fields.get('Package') ?? '';
  const need = (field: string): string => {
    const value = fields.get(field);
    if (value === undefined || value === '') throw malformed(name, `the field ${field} is missing`);
    return value;
  };
  const size = need('Core-Size');
  if (!/^[1-9]\d{0,14}$/.test(size)) throw malformed(name, 'Core-Size is not a number of bytes');
  try {
    const pin: ReleasePin = {
      name: need('Package'),
      version: need('Version'),
      architecture: need('Architecture'),
      core: { key: parseCoreKey(need('Core')), byteLength: Number(size) },
      tag: parseOid(need('Release-Tag')),
      tree: parseSha256(need('Tree-SHA256')),
      signer: parseFingerprint(need('Signer')),
      ...(fields.has('Listed') ? { listed: parseListed(need('Listed'), name) } : {}),
    };
    const extra = {
      deltas: parseDeltas(fields.get('Deltas'), pin),
      cosignatures: parseCosignatures(fields.get('Cosignatures'), pin),
    };
    return new LazyEntry(pin, extra, fields);
  } catch (cause) {
    if (cause instanceof GtpkgError && cause.code === 'ENTRY_MALFORMED') throw cause;
    throw malformed(name, cause instanceof Error ? cause.message : 'a field is malformed', cause);
  }
}

// Forces the control paragraph: names, version, relations.
function checkControl(entry: IndexEntry): IndexEntry {
  try {
    void entry.control;
    return entry;
  } catch (cause) {
    throw malformed(
      entry.pin.name,
      cause instanceof Error ? cause.message : 'its control paragraph is malformed',
      cause,
    );
  }
}

/** Shard of a package, `xx/y`: the first three hex digits of the SHA-256 of its name, so ~15 of 63,000 share one. */
export function shardPath(name: string): string {
  const digest = createHash('sha256').update(name, 'utf8').digest('hex');
  return `${digest.slice(0, 2)}/${digest.slice(2, 3)}`;
}

/** The order inside a shard: name, then dpkg's version order, then the version's bytes. */
export function compareEntries(a: IndexEntry, b: IndexEntry): number {
  if (a.pin.name !== b.pin.name) return a.pin.name < b.pin.name ? -1 : 1;
  const order = compareVersions(a.pin.version, b.pin.version);
  return order !== 0 ? order : a.pin.version < b.pin.version ? -1 : a.pin.version > b.pin.version ? 1 : 0;
}

/** The bytes of a shard, entries in any order. @throws GtpkgError ENTRY_MALFORMED for a release that stands twice */
export function formatShard(entries: readonly IndexEntry[]): Buffer {
  const sorted = [...entries].sort(compareEntries);
  sorted.forEach((entry, i) => {
    const before = sorted[i - 1];
    if (before !== undefined && compareEntries(before, entry) === 0)
      throw malformed(entry.pin.name, 'it stands twice');
  });
  return Buffer.from(sorted.map((entry) => entry.fields.toString()).join('\n'), 'utf8');
}

/** Where a shard stands, so that nothing passes under another package's or architecture's place. */
export interface ShardPlace {
  /** shown in messages: the shard's path */
  readonly where: string;
  /** what every entry's Architecture must be */
  readonly architecture?: string;
  /** `xx/y` that every entry's name must hash to */
  readonly shard?: string;
}

/**
 * Reads a shard strictly: canonical spelling, order, every entry complete with well-formed relations.
 * @throws GtpkgError ENTRY_MALFORMED, with `data.where`
 */
export function parseShard(bytes: Uint8Array, place: ShardPlace = { where: 'shard' }): IndexEntry[] {
  const fail = (what: string, cause?: unknown): GtpkgError =>
    new GtpkgError('ENTRY_MALFORMED', `${place.where}: ${what}`, { data: { where: place.where }, cause });
  if (bytes.length > MAX_SHARD) throw fail(`larger than ${MAX_SHARD} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw fail('not UTF-8', cause);
  }
  const entries = parseParagraphs(text, { where: place.where, code: 'ENTRY_MALFORMED' }).map((fields) =>
    checkControl(entryOf(fields)),
  );
  if (entries.length === 0) throw fail('an empty shard');
  entries.forEach((entry, i) => {
    const before = entries[i - 1];
    if (before !== undefined && compareEntries(before, entry) >= 0)
      throw fail(`${entry.pin.name} ${entry.pin.version} is out of order or stands twice`);
    if (place.architecture !== undefined && entry.pin.architecture !== place.architecture) {
      throw fail(`${entry.pin.name} is for ${entry.pin.architecture} and does not belong here`);
    }
    if (
      place.shard !== undefined &&
      before?.pin.name !== entry.pin.name &&
      shardPath(entry.pin.name) !== place.shard
    ) {
      throw fail(`${entry.pin.name} belongs into shard ${shardPath(entry.pin.name)}`);
    }
  });
  // index.md §4: one spelling. Pin fields last and in order, no comments, no stray white space.
  const canonical = entries.map((entry) => canonicalText(entry)).join('\n');
  if (canonical !== text) throw fail('not in canonical form');
  return entries;
}

function canonicalText(entry: IndexEntry): string {
  return setPin(entry.control.fields.clone(), entry.pin, entry).toString();
}

function setPin(fields: Paragraph, pin: ReleasePin, { deltas, cosignatures }: Extra): Paragraph {
  fields.set('Core', pin.core.key).set('Core-Size', String(pin.core.byteLength)).set('Release-Tag', pin.tag);
  fields.set('Tree-SHA256', pin.tree).set('Signer', pin.signer);
  if (pin.listed !== undefined) fields.set('Listed', formatListed(pin.listed));
  if (deltas.length > 0) fields.set('Deltas', formatDeltas(deltas));
  return cosignatures.length === 0 ? fields : fields.set('Cosignatures', formatCosignatures(cosignatures));
}

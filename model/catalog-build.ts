/**
 * Makes a catalog: releases in, in any order; tables out. docs/formats/catalog.md.
 *
 * Each relation and each list of alternatives is parsed and kept once, however many releases have it.
 */
import {
  CATALOG_FIELDS,
  encodeCatalog,
  MULTI_ARCH,
  OPERATORS,
  packKind,
  type CatalogMeta,
} from './catalog-format.js';
import { accumulate, bump, count1, moved, offsets } from './catalog-tables.js';
import { checkPackageName, isArchitecture } from './control.js';
import { GtpkgError } from './errors.js';
import { MAX_CATALOG_ARCHITECTURES, MAX_RELATIONS } from './limits.js';
import { slotOf, STANZA_FIELDS, type Stanza } from './packages-text.js';
import { parseRelation } from './relation.js';
import { parseVersion } from './version.js';

const PACKAGE = slotOf('Package');
const VERSION = slotOf('Version');
const ARCHITECTURE = slotOf('Architecture');
const MULTI = slotOf('Multi-Arch');
const ESSENTIAL = slotOf('Essential');
const INSTALLED_SIZE = slotOf('Installed-Size');
const SIZE = slotOf('Size');
/** slots of CATALOG_FIELDS */
const FIELD_SLOTS = (
  [
    'Pre-Depends',
    'Depends',
    'Recommends',
    'Suggests',
    'Enhances',
    'Conflicts',
    'Breaks',
    'Replaces',
    'Provides',
  ] as const
).map(slotOf);
const FIRST_PLAIN = CATALOG_FIELDS.indexOf('conflicts');
const PROVIDES = CATALOG_FIELDS.indexOf('provides');
const MAX_U32 = 0xffff_ffff;

/** Numbers for texts, in the order in which they come. */
class Numbers {
  readonly #known = new Map<string, number>();
  readonly texts: string[] = [];

  find(text: string): number | undefined {
    return this.#known.get(text);
  }

  add(text: string): number {
    const number = this.texts.push(text) - 1;
    this.#known.set(text, number);
    return number;
  }

  of(text: string): number {
    return this.#known.get(text) ?? this.add(text);
  }
}

/** A list of numbers for each text that has more than one alternative, and numbers of single relations. */
export class CatalogBuilder {
  readonly #names = new Numbers();
  readonly #versions = new Numbers();
  readonly #architectures = new Numbers();
  readonly #qualifiers = new Numbers();
  /** text of one relation → number */
  readonly #relations = new Numbers();
  /** text of several alternatives → number of the list */
  readonly #lists = new Numbers();
  readonly #relationNames: number[] = [];
  readonly #relationKinds: number[] = [];
  readonly #relationVersions: number[] = [];
  readonly #listOffsets: number[] = [0];
  readonly #alternatives: number[] = [];
  /** by release; clauses are relations, or ~list, until the number of relations is known */
  readonly #releaseNames: number[] = [];
  readonly #releaseVersions: number[] = [];
  readonly #releaseKinds: number[] = [];
  readonly #releaseSizes: number[] = [];
  readonly #releaseDownloads: number[] = [];
  readonly #releaseFields: number[] = [];
  readonly #fields: number[] = [];
  /** pairs: name, release */
  readonly #provided: number[] = [];

  constructor() {
    this.#qualifiers.of('');
  }

  /** Number of releases so far. */
  get size(): number {
    return this.#releaseNames.length;
  }

  /**
   * Adds one release.
   * @throws GtpkgError CONTROL_MALFORMED, BAD_NAME, BAD_VERSION, BAD_RELATION, LIMIT_EXCEEDED with `FILE:LINE`
   */
  add(stanza: Stanza): void {
    const release = this.#releaseNames.length;
    this.#releaseNames.push(this.#checked(stanza, PACKAGE, this.#names, checkPackageName));
    this.#releaseVersions.push(this.#checked(stanza, VERSION, this.#versions, parseVersion));
    const multiArch = stanza.get(MULTI);
    const kind = multiArch === undefined ? 0 : (MULTI_ARCH as readonly string[]).indexOf(multiArch);
    if (kind < 0)
      throw stanza.error(
        `Multi-Arch "${(multiArch ?? '').slice(0, 40)}" is not no, same, foreign or allowed`,
        {
          slot: MULTI,
        },
      );
    const architecture = this.#checked(stanza, ARCHITECTURE, this.#architectures, (text) => {
      if (!isArchitecture(text) || this.#architectures.texts.length >= MAX_CATALOG_ARCHITECTURES)
        throw new GtpkgError('CONTROL_MALFORMED', `"${text.slice(0, 80)}" is not an architecture`);
    });
    this.#releaseKinds.push(packKind(architecture, kind, stanza.get(ESSENTIAL) === 'yes'));
    this.#releaseSizes.push(sizeOf(stanza.get(INSTALLED_SIZE)));
    this.#releaseDownloads.push(sizeOf(stanza.get(SIZE)));
    this.#releaseFields.push(this.#fields.length);
    this.#addFields(stanza, release);
  }

  #checked(stanza: Stanza, slot: number, numbers: Numbers, check: (text: string) => unknown): number {
    const text = stanza.get(slot);
    if (text === undefined || text === '') throw stanza.error(`the field ${STANZA_FIELDS[slot]} is missing`);
    const known = numbers.find(text);
    if (known !== undefined) return known;
    try {
      check(text);
    } catch (cause) {
      throw stanza.error(cause instanceof Error ? cause.message : String(cause), { slot, cause });
    }
    return numbers.add(text);
  }

  #addFields(stanza: Stanza, release: number): void {
    const fields = this.#fields;
    const mask = fields.push(0) - 1;
    for (let field = 0; field < FIELD_SLOTS.length; field++) {
      const text = stanza.get(FIELD_SLOTS[field] ?? 0);
      if (text === undefined || text === '') continue;
      const count = fields.push(0) - 1;
      try {
        this.#addClauses(text, field, release);
      } catch (cause) {
        throw stanza.error(cause instanceof Error ? cause.message : String(cause), {
          slot: FIELD_SLOTS[field] ?? 0,
          cause,
        });
      }
      fields[count] = fields.length - count - 1;
      fields[mask] = (fields[mask] ?? 0) | (1 << field);
    }
  }

  #addClauses(text: string, field: number, release: number): void {
    const from = this.#fields.length;
    for (let start = 0; start <= text.length;) {
      let end = text.indexOf(',', start);
      if (end < 0) end = text.length;
      // nearly always ", ": trimming less than all of it saves a third of the time
      const clause = text.slice(text.charCodeAt(start) === 32 ? start + 1 : start, end).trim();
      start = end + 1;
      if (clause === '') continue;
      const number = this.#clause(clause, field);
      this.#fields.push(number);
      if (this.#fields.length - from > MAX_RELATIONS)
        throw new GtpkgError('LIMIT_EXCEEDED', `${nameOf(field)}: more than ${MAX_RELATIONS} relations`);
      if (field === PROVIDES) this.#addProvided(number, release);
    }
  }

  #addProvided(relation: number, release: number): void {
    const operator = OPERATORS[(this.#relationKinds[relation] ?? 0) & 7];
    if (operator !== '' && operator !== '=')
      throw new GtpkgError(
        'BAD_RELATION',
        `Provides: ${this.#relations.texts[relation] ?? ''} must name one version, with =`,
      );
    this.#provided.push(this.#relationNames[relation] ?? 0, release);
  }

  #clause(text: string, field: number): number {
    const known = this.#relations.find(text);
    if (known !== undefined) return known;
    if (!text.includes('|')) return this.#relation(text, field);
    if (field >= FIRST_PLAIN)
      throw new GtpkgError(
        'BAD_RELATION',
        `${nameOf(field)}: alternatives (|) are not allowed in this field`,
      );
    const list = this.#lists.find(text);
    if (list !== undefined) return ~list;
    const parts = text.split('|');
    if (parts.length > MAX_RELATIONS)
      throw new GtpkgError('LIMIT_EXCEEDED', `${nameOf(field)}: more than ${MAX_RELATIONS} alternatives`);
    for (const part of parts) {
      const one = part.trim();
      this.#alternatives.push(this.#relations.find(one) ?? this.#relation(one, field));
    }
    this.#listOffsets.push(this.#alternatives.length);
    return ~this.#lists.add(text);
  }

  #relation(text: string, field: number): number {
    const { name, archQualifier = '', operator = '', version } = parseRelation(text, nameOf(field));
    const qualifier = this.#qualifiers.of(archQualifier);
    if (qualifier >= MAX_CATALOG_ARCHITECTURES)
      throw new GtpkgError('LIMIT_EXCEEDED', `${nameOf(field)}: too many architectures after colons`);
    this.#relationNames.push(this.#names.of(name));
    this.#relationKinds.push(OPERATORS.indexOf(operator) | (qualifier << 3));
    this.#relationVersions.push(version === undefined ? 0 : this.#versions.of(version));
    return this.#relations.add(text);
  }

  /** The finished file. @param stamp - see CatalogMeta */
  finish(stamp: string): ArrayBuffer {
    const names = this.#names.texts;
    const sorted = names.map((_, i) => i).sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
    const rank = new Uint32Array(names.length);
    sorted.forEach((number, place) => (rank[number] = place));
    const count = this.size;
    // releases by name, those of one name in the order in which they came
    const nameReleases = new Uint32Array(names.length + 1);
    for (const name of this.#releaseNames) count1(nameReleases, rank[name] ?? 0);
    accumulate(nameReleases);
    const place = new Uint32Array(count);
    const next = nameReleases.slice();
    this.#releaseNames.forEach((name, release) => (place[release] = bump(next, rank[name] ?? 0)));
    const nameProviders = new Uint32Array(names.length + 1);
    for (let i = 0; i < this.#provided.length; i += 2)
      count1(nameProviders, rank[this.#provided[i] ?? 0] ?? 0);
    accumulate(nameProviders);
    const providers = new Uint32Array(this.#provided.length / 2);
    const free = nameProviders.slice();
    for (let i = 0; i < this.#provided.length; i += 2)
      providers[bump(free, rank[this.#provided[i] ?? 0] ?? 0)] = place[this.#provided[i + 1] ?? 0] ?? 0;
    const meta: CatalogMeta = {
      architectures: this.#architectures.texts,
      qualifiers: this.#qualifiers.texts,
      stamp,
    };
    const sortedNames = sorted.map((number) => names[number] ?? '');
    return encodeCatalog({
      meta: Buffer.from(JSON.stringify(meta), 'utf8'),
      nameOffsets: offsets(sortedNames),
      nameReleases,
      nameProviders,
      providers,
      versionOffsets: offsets(this.#versions.texts),
      releaseVersions: moved(this.#releaseVersions, place),
      releaseKinds: moved(this.#releaseKinds, place),
      releaseSizes: moved(this.#releaseSizes, place),
      releaseDownloads: moved(this.#releaseDownloads, place),
      ...this.#finishFields(place),
      relationNames: Uint32Array.from(this.#relationNames, (name) => rank[name] ?? 0),
      relationKinds: Uint32Array.from(this.#relationKinds),
      relationVersions: Uint32Array.from(this.#relationVersions),
      clauseOffsets: Uint32Array.from(this.#listOffsets),
      alternatives: Uint32Array.from(this.#alternatives),
      names: Buffer.from(sortedNames.join(''), 'latin1'),
      versions: Buffer.from(this.#versions.texts.join(''), 'latin1'),
    });
  }

  #finishFields(place: Uint32Array): { releaseFields: Uint32Array; fields: Uint32Array } {
    const relations = this.#relationNames.length;
    const fields = new Uint32Array(this.#fields.length);
    const releaseFields = new Uint32Array(place.length + 1);
    const old = new Uint32Array(place.length);
    place.forEach((to, from) => (old[to] = from));
    let at = 0;
    old.forEach((from, to) => {
      releaseFields[to] = at;
      const end = this.#releaseFields[from + 1] ?? this.#fields.length;
      for (let i = this.#releaseFields[from] ?? 0; i < end; i++) {
        const value = this.#fields[i] ?? 0;
        fields[at++] = value < 0 ? relations + ~value : value;
      }
    });
    releaseFields[place.length] = at;
    return { releaseFields, fields };
  }
}

const nameOf = (field: number): string => STANZA_FIELDS[FIELD_SLOTS[field] ?? 0] ?? '';

// dpkg takes any text here; sizes that are no sane number must not poison the sums of a plan.
function sizeOf(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,12}$/.test(text) ? Math.min(Number(text), MAX_U32) : 0;
}

/**
 * Makes a catalog: releases in, in any order; tables out. docs/formats/catalog.md.
 *
 * Each relation and each list of alternatives is parsed and kept once, however many releases have it. All is done on bytes: making strings of
 * fifty megabytes takes four times as long.
 */
import { CATALOG_FIELDS, encodeCatalog, MULTI_ARCH, packKind, type CatalogMeta } from './catalog-format.js';
import { sortWords } from './byte-sort.js';
import { ByteWords } from './byte-words.js';
import { CatalogRelations } from './catalog-relations.js';
import { accumulate, bump, count1, moved } from './catalog-tables.js';
import { checkPackageName, isArchitecture } from './control.js';
import { GtpkgError } from './errors.js';
import { Growing } from './growing.js';
import { MAX_CATALOG_ARCHITECTURES, MAX_RELATIONS } from './limits.js';
import { isBlank, slotOf, STANZA_FIELDS, type Stanza } from './packages-text.js';
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

const COMMA = 44;
const BAR = 124;

/** Takes releases, and makes a file of them at the end. */
export class CatalogBuilder {
  readonly #relations = new CatalogRelations();
  readonly #architectures = new ByteWords();
  /** by release; clauses are relations, or ~list, until the number of relations is known */
  readonly #releaseNames = new Growing();
  readonly #releaseVersions = new Growing();
  readonly #releaseKinds = new Growing();
  readonly #releaseSizes = new Growing();
  readonly #releaseDownloads = new Growing();
  readonly #releaseFields = new Growing();
  readonly #fields = new Growing();
  /** pairs: name, release */
  readonly #provided = new Growing();

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
    this.#releaseNames.push(this.#checked(stanza, PACKAGE, this.#relations.names, checkPackageName));
    this.#releaseVersions.push(this.#checked(stanza, VERSION, this.#relations.versions, parseVersion));
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
      if (!isArchitecture(text) || this.#architectures.size >= MAX_CATALOG_ARCHITECTURES)
        throw new GtpkgError('CONTROL_MALFORMED', `"${text.slice(0, 80)}" is not an architecture`);
    });
    this.#releaseKinds.push(packKind(architecture, kind, stanza.get(ESSENTIAL) === 'yes'));
    this.#releaseSizes.push(sizeOf(stanza, INSTALLED_SIZE));
    this.#releaseDownloads.push(sizeOf(stanza, SIZE));
    this.#releaseFields.push(this.#fields.length);
    this.#addFields(stanza, release);
  }

  #checked(stanza: Stanza, slot: number, words: ByteWords, check: (text: string) => unknown): number {
    const [text, start, end] = [stanza.bytes(slot), stanza.start(slot), stanza.end(slot)];
    if (!stanza.has(slot) || start === end) throw stanza.error(`the field ${STANZA_FIELDS[slot]} is missing`);
    const known = words.find(text, start, end);
    if (known >= 0) return known;
    try {
      check(stanza.get(slot) ?? '');
    } catch (cause) {
      throw stanza.error(cause instanceof Error ? cause.message : String(cause), { slot, cause });
    }
    return words.add(text, start, end);
  }

  #addFields(stanza: Stanza, release: number): void {
    const fields = this.#fields;
    const mask = fields.push(0) - 1;
    for (let field = 0; field < FIELD_SLOTS.length; field++) {
      const slot = FIELD_SLOTS[field] ?? 0;
      if (!stanza.has(slot) || stanza.start(slot) === stanza.end(slot)) continue;
      const count = fields.push(0) - 1;
      try {
        this.#relations.enter(STANZA_FIELDS[slot] ?? '');
        const [from, clauses] = [fields.length, this.#addClauses(stanza, slot, field < FIRST_PLAIN)];
        if (clauses > MAX_RELATIONS)
          throw new GtpkgError(
            'LIMIT_EXCEEDED',
            `${STANZA_FIELDS[slot]}: more than ${MAX_RELATIONS} relations`,
          );
        if (field === PROVIDES) this.#addProvided(from, release);
      } catch (cause) {
        throw stanza.error(cause instanceof Error ? cause.message : String(cause), { slot, cause });
      }
      fields.set(count, fields.length - count - 1);
      fields.set(mask, fields.at(mask) | (1 << field));
    }
  }

  // Gives how many there are; looking stops where they are too many.
  #addClauses(stanza: Stanza, slot: number, mayChoose: boolean): number {
    const [text, to] = [stanza.bytes(slot), stanza.end(slot)];
    let count = 0;
    for (let start = stanza.start(slot); start <= to && count <= MAX_RELATIONS;) {
      let next = start;
      let alternatives = false;
      for (; next < to; next++) {
        const code = text[next];
        if (code === COMMA) break;
        if (code === BAR) alternatives = true;
      }
      let end = next;
      while (start < end && isBlank(text[start] ?? 0)) start++;
      while (start < end && isBlank(text[end - 1] ?? 0)) end--;
      if (start < end) {
        if (alternatives && !mayChoose)
          throw new GtpkgError(
            'BAD_RELATION',
            `${STANZA_FIELDS[slot]}: alternatives (|) are not allowed in this field`,
          );
        this.#fields.push(
          alternatives ? this.#relations.list(text, start, end) : this.#relations.relation(text, start, end),
        );
        count++;
      }
      start = next + 1;
    }
    return count;
  }

  #addProvided(from: number, release: number): void {
    for (let at = from; at < this.#fields.length; at++) {
      this.#provided.push(this.#relations.provided(this.#fields.at(at)));
      this.#provided.push(release);
    }
  }

  /** The finished file. @param stamp - see CatalogMeta */
  finish(stamp: string): ArrayBuffer {
    const { names, versions, qualifiers, tables } = this.#relations;
    const sorted = sortWords(names);
    const rank = new Uint32Array(names.size);
    for (let place = 0; place < sorted.length; place++) rank[sorted[place] ?? 0] = place;
    const releaseNames = this.#releaseNames.values;
    // releases by name, those of one name in the order in which they came
    const nameReleases = new Uint32Array(names.size + 1);
    for (const name of releaseNames) count1(nameReleases, rank[name] ?? 0);
    accumulate(nameReleases);
    const place = new Uint32Array(this.size);
    const next = nameReleases.slice();
    for (let release = 0; release < place.length; release++)
      place[release] = bump(next, rank[releaseNames[release] ?? 0] ?? 0);
    const provided = this.#provided.values;
    const nameProviders = new Uint32Array(names.size + 1);
    for (let i = 0; i < provided.length; i += 2) count1(nameProviders, rank[provided[i] ?? 0] ?? 0);
    accumulate(nameProviders);
    const providers = new Uint32Array(provided.length / 2);
    const free = nameProviders.slice();
    for (let i = 0; i < provided.length; i += 2)
      providers[bump(free, rank[provided[i] ?? 0] ?? 0)] = place[provided[i + 1] ?? 0] ?? 0;
    const meta: CatalogMeta = {
      architectures: this.#architectures.texts(),
      qualifiers: qualifiers.texts(),
      stamp,
    };
    const { bytes: nameBytes, offsets: nameOffsets } = inOrder(names, sorted);
    return encodeCatalog({
      meta: Buffer.from(JSON.stringify(meta), 'utf8'),
      nameOffsets,
      nameReleases,
      nameProviders,
      providers,
      versionOffsets: versions.tables.offsets,
      releaseVersions: moved(this.#releaseVersions.values, place),
      releaseKinds: moved(this.#releaseKinds.values, place),
      releaseSizes: moved(this.#releaseSizes.values, place),
      releaseDownloads: moved(this.#releaseDownloads.values, place),
      ...this.#finishFields(place),
      relationNames: tables.names.map((name) => rank[name] ?? 0),
      relationKinds: tables.kinds,
      relationVersions: tables.versions,
      clauseOffsets: tables.listOffsets,
      alternatives: tables.alternatives,
      names: nameBytes,
      versions: versions.tables.bytes,
    });
  }

  #finishFields(place: Uint32Array): { releaseFields: Uint32Array; fields: Uint32Array } {
    const relations = this.#relations.size;
    const fields = new Uint32Array(this.#fields.length);
    const releaseFields = new Uint32Array(place.length + 1);
    const old = new Uint32Array(place.length);
    for (let from = 0; from < place.length; from++) old[place[from] ?? 0] = from;
    let at = 0;
    for (let to = 0; to < old.length; to++) {
      const from = old[to] ?? 0;
      releaseFields[to] = at;
      const end = from + 1 < this.size ? this.#releaseFields.at(from + 1) : this.#fields.length;
      for (let i = this.#releaseFields.at(from); i < end; i++) {
        const value = this.#fields.at(i);
        fields[at++] = value < 0 ? relations + ~value : value;
      }
    }
    releaseFields[place.length] = at;
    return { releaseFields, fields };
  }
}

// dpkg takes any text here; sizes that are no sane number must not poison the sums of a plan.
function sizeOf(stanza: Stanza, slot: number): number {
  const [text, start, end] = [stanza.bytes(slot), stanza.start(slot), stanza.end(slot)];
  if (!stanza.has(slot) || start === end || end - start > 12) return 0;
  let size = 0;
  for (let at = start; at < end; at++) {
    const digit = (text[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return 0;
    size = size * 10 + digit;
  }
  return Math.min(size, MAX_U32);
}

function inOrder(words: ByteWords, order: Uint32Array): { bytes: Buffer; offsets: Uint32Array } {
  const { bytes: from, offsets: at } = words.tables;
  const bytes = Buffer.allocUnsafeSlow(from.length);
  const offsets = new Uint32Array(order.length + 1);
  let used = 0;
  for (let place = 0; place < order.length; place++) {
    const word = order[place] ?? 0;
    for (let i = at[word] ?? 0; i < (at[word + 1] ?? 0); i++) bytes[used++] = from[i] ?? 0;
    offsets[place + 1] = used;
  }
  return { bytes, offsets };
}

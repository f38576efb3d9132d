/**
 * A catalog as a universe: releases and relations become objects when they are asked for, each once, so that whoever asks
 * twice gets the same object. docs/formats/catalog.md. Pure.
 */
import {
  type CATALOG_FIELDS,
  decodeCatalog,
  MULTI_ARCH,
  OPERATORS,
  type CatalogMeta,
  type CatalogOrigin,
} from './catalog-format.js';
import { FieldReader } from './catalog-fields.js';
import type { MultiArch, Relations } from './control.js';
import type { Clause, Relation } from './relation.js';
import type { Candidate, Universe } from './universe.js';

const NOTHING: readonly never[] = Object.freeze([]);

/** One release; its relations are read when they are asked for. */
class Release implements Candidate {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: MultiArch;
  readonly essential: boolean;
  readonly source: string;
  readonly suite: string;
  readonly installedSize: number;
  readonly downloadSize: number;
  readonly #catalog: Catalog;
  readonly #index: number;
  #relations: Relations | undefined = undefined;

  constructor(catalog: Catalog, index: number, facts: ReleaseFacts) {
    const { kind } = facts;
    this.name = facts.name;
    this.version = facts.version;
    this.architecture = catalog.meta.architectures[kind & 0xffff] ?? '';
    this.multiArch = MULTI_ARCH[(kind >>> 16) & 3] ?? 'no';
    this.essential = (kind & (1 << 18)) !== 0;
    this.source = catalog.origin.source;
    this.suite = catalog.origin.suite;
    this.installedSize = facts.installedSize;
    this.downloadSize = facts.downloadSize;
    this.#catalog = catalog;
    this.#index = index;
  }

  get relations(): Relations {
    return (this.#relations ??= this.#catalog.relationsOf(this.#index));
  }
}

interface ReleaseFacts {
  readonly name: string;
  readonly version: string;
  readonly kind: number;
  readonly installedSize: number;
  readonly downloadSize: number;
}

/** The releases of one compiled file. */
export class Catalog implements Universe {
  readonly meta: CatalogMeta;
  /** number of releases */
  readonly size: number;
  readonly origin: CatalogOrigin;
  readonly #nameOffsets: Uint32Array;
  readonly #nameReleases: Uint32Array;
  readonly #nameProviders: Uint32Array;
  readonly #providers: Uint32Array;
  readonly #versionOffsets: Uint32Array;
  readonly #releaseVersions: Uint32Array;
  readonly #releaseKinds: Uint32Array;
  readonly #releaseSizes: Uint32Array;
  readonly #releaseDownloads: Uint32Array;
  readonly #releaseFields: Uint32Array;
  readonly #fields: Uint32Array;
  readonly #relationNames: Uint32Array;
  readonly #relationKinds: Uint32Array;
  readonly #relationVersions: Uint32Array;
  readonly #clauseOffsets: Uint32Array;
  readonly #alternatives: Uint32Array;
  readonly #names: Buffer;
  readonly #versions: Buffer;

  readonly #nameTexts: (string | undefined)[];
  readonly #nameNumbers = new Map<string, number>();
  readonly #versionTexts: (string | undefined)[];
  readonly #relations: (Relation | undefined)[];
  /** a relation alone as a clause, then lists of alternatives */
  readonly #clauses: (Clause | undefined)[];
  readonly #releases: (Candidate | undefined)[];
  readonly #byName = new Map<number, readonly Candidate[]>();

  /** @throws GtpkgError INDEX_CORRUPT */
  constructor(file: ArrayBuffer, origin: CatalogOrigin) {
    const { meta, table, bytes } = decodeCatalog(file);
    this.meta = meta;
    this.origin = origin;
    this.#nameOffsets = table('nameOffsets');
    this.#nameReleases = table('nameReleases');
    this.#nameProviders = table('nameProviders');
    this.#providers = table('providers');
    this.#versionOffsets = table('versionOffsets');
    this.#releaseVersions = table('releaseVersions');
    this.#releaseKinds = table('releaseKinds');
    this.#releaseSizes = table('releaseSizes');
    this.#releaseDownloads = table('releaseDownloads');
    this.#releaseFields = table('releaseFields');
    this.#fields = table('fields');
    this.#relationNames = table('relationNames');
    this.#relationKinds = table('relationKinds');
    this.#relationVersions = table('relationVersions');
    this.#clauseOffsets = table('clauseOffsets');
    this.#alternatives = table('alternatives');
    this.#names = bytes('names');
    this.#versions = bytes('versions');
    this.size = this.#releaseVersions.length;
    const relations = this.#relationNames.length;
    this.#nameTexts = new Array<string | undefined>(this.#nameOffsets.length - 1);
    this.#versionTexts = new Array<string | undefined>(this.#versionOffsets.length - 1);
    this.#relations = new Array<Relation | undefined>(relations);
    this.#clauses = new Array<Clause | undefined>(relations + this.#clauseOffsets.length - 1);
    this.#releases = new Array<Candidate | undefined>(this.size);
  }

  versions(name: string): readonly Candidate[] {
    const number = this.#find(name);
    if (number === undefined) return NOTHING;
    const known = this.#byName.get(number);
    if (known !== undefined) return known;
    const list: Candidate[] = [];
    const end = this.#nameReleases[number + 1] ?? 0;
    for (let i = this.#nameReleases[number] ?? 0; i < end; i++) list.push(this.#release(i, number));
    this.#byName.set(number, list);
    return list;
  }

  providers(name: string): readonly Candidate[] {
    const number = this.#find(name);
    if (number === undefined) return NOTHING;
    const from = this.#nameProviders[number] ?? 0;
    const end = this.#nameProviders[number + 1] ?? 0;
    if (from === end) return NOTHING;
    return Array.from(this.#providers.subarray(from, end), (release) => this.#release(release));
  }

  /** Names that have releases, sorted by bytes. */
  *names(): Generator<string> {
    for (let number = 0; number < this.#nameTexts.length; number++)
      if (this.#nameReleases[number] !== this.#nameReleases[number + 1]) yield this.#name(number);
  }

  #name(number: number): string {
    const known = this.#nameTexts[number];
    if (known !== undefined) return known;
    const text = this.#names.toString('latin1', this.#nameOffsets[number], this.#nameOffsets[number + 1]);
    this.#nameTexts[number] = text;
    this.#nameNumbers.set(text, number);
    return text;
  }

  #find(name: string): number | undefined {
    const known = this.#nameNumbers.get(name);
    if (known !== undefined) return known;
    let low = 0;
    let high = this.#nameTexts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const text = this.#names.toString('latin1', this.#nameOffsets[middle], this.#nameOffsets[middle + 1]);
      if (text < name) low = middle + 1;
      else high = middle;
    }
    return low < this.#nameTexts.length && this.#name(low) === name ? low : undefined;
  }

  #version(number: number): string {
    return (this.#versionTexts[number] ??= this.#versions.toString(
      'latin1',
      this.#versionOffsets[number],
      this.#versionOffsets[number + 1],
    ));
  }

  #release(index: number, name?: number): Candidate {
    const known = this.#releases[index];
    if (known !== undefined) return known;
    const release = new Release(this, index, {
      name: this.#name(name ?? this.#nameOf(index)),
      version: this.#version(this.#releaseVersions[index] ?? 0),
      kind: this.#releaseKinds[index] ?? 0,
      installedSize: this.#releaseSizes[index] ?? 0,
      downloadSize: this.#releaseDownloads[index] ?? 0,
    });
    this.#releases[index] = release;
    return release;
  }

  // The last name whose releases begin at or before this one.
  #nameOf(release: number): number {
    let low = 0;
    let high = this.#nameTexts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#nameReleases[middle] ?? 0) <= release) low = middle;
      else high = middle;
    }
    return low;
  }

  /** @internal What a release of this catalog needs, gives and excludes. */
  relationsOf(index: number): Relations {
    const read = new FieldReader(this.#fields, this.#releaseFields[index] ?? 0);
    // in the order of CATALOG_FIELDS, as they lie
    const preDepends = this.#clauseList(read, 0);
    const depends = this.#clauseList(read, 1);
    const recommends = this.#clauseList(read, 2);
    const suggests = read.skip(3);
    const enhances = read.skip(4);
    const conflicts = this.#relationList(read, 5);
    const breaks = this.#relationList(read, 6);
    const replaces = read.skip(7);
    const provides = this.#relationList(read, 8);
    const [clauses, relations] = [this.#clauseList.bind(this), this.#relationList.bind(this)];
    return {
      preDepends,
      depends,
      recommends,
      conflicts,
      breaks,
      provides,
      // a search looks at none of these, and they name a third of all that is named
      get suggests() {
        return clauses(suggests(), 3);
      },
      get enhances() {
        return clauses(enhances(), 4);
      },
      get replaces() {
        return relations(replaces(), 7);
      },
    } satisfies Record<(typeof CATALOG_FIELDS)[number], unknown>;
  }

  #clauseList(read: FieldReader, bit: number): readonly Clause[] {
    const count = read.count(bit);
    if (count === 0) return NOTHING;
    const list: Clause[] = [];
    for (let i = 0; i < count; i++) list.push(this.#clause(read.next()));
    return list;
  }

  #relationList(read: FieldReader, bit: number): readonly Relation[] {
    const count = read.count(bit);
    if (count === 0) return NOTHING;
    const list: Relation[] = [];
    for (let i = 0; i < count; i++) list.push(this.#relation(read.next()));
    return list;
  }

  #clause(number: number): Clause {
    const known = this.#clauses[number];
    if (known !== undefined) return known;
    const relations = this.#relations.length;
    let clause: Clause;
    if (number < relations) clause = [this.#relation(number)];
    else {
      const from = this.#clauseOffsets[number - relations];
      const end = this.#clauseOffsets[number - relations + 1];
      clause = Array.from(this.#alternatives.subarray(from, end), (one) => this.#relation(one));
    }
    this.#clauses[number] = clause;
    return clause;
  }

  #relation(number: number): Relation {
    const known = this.#relations[number];
    if (known !== undefined) return known;
    const kind = this.#relationKinds[number] ?? 0;
    const name = this.#name(this.#relationNames[number] ?? 0);
    const qualifier = this.meta.qualifiers[kind >>> 3] ?? '';
    const operator = OPERATORS[kind & 7] ?? '';
    let relation: Relation;
    if (operator === '') relation = qualifier === '' ? { name } : { name, archQualifier: qualifier };
    else {
      const version = this.#version(this.#relationVersions[number] ?? 0);
      relation =
        qualifier === ''
          ? { name, operator, version }
          : { name, archQualifier: qualifier, operator, version };
    }
    this.#relations[number] = relation;
    return relation;
  }
}

/**
 * The relations of a catalog that is being made: each way in which one is written is parsed and kept once, however many releases have it. Names
 * and versions are those of the releases, too. Pure.
 */
import { ByteWords } from './byte-words.js';
import { OPERATORS } from './catalog-format.js';
import { GtpkgError } from './errors.js';
import { Growing } from './growing.js';
import { MAX_CATALOG_ARCHITECTURES, MAX_RELATIONS } from './limits.js';
import { isBlank } from './packages-text.js';
import { ParsedRelation } from './relation-bytes.js';
import { parseRelation } from './relation.js';
import { parseVersion } from './version.js';

const BAR = 124;
const NOTHING = Buffer.alloc(0);

/** One relation, all of it by number. */
interface Numbered {
  readonly name: number;
  readonly qualifier: number;
  readonly operator: number;
  readonly version: number;
}

/** What becomes of them in the file. */
export interface RelationTables {
  /** by relation: the name, as numbered here */
  readonly names: Uint32Array;
  readonly kinds: Uint32Array;
  readonly versions: Uint32Array;
  readonly listOffsets: Uint32Array;
  readonly alternatives: Uint32Array;
}

export class CatalogRelations {
  readonly names = new ByteWords();
  readonly versions = new ByteWords();
  readonly qualifiers = new ByteWords();
  /** text of one relation → number */
  readonly #relations = new ByteWords();
  /** text of several alternatives → number of the list */
  readonly #lists = new ByteWords();
  readonly #relationNames = new Growing();
  readonly #relationKinds = new Growing();
  readonly #relationVersions = new Growing();
  readonly #listOffsets = new Growing();
  readonly #alternatives = new Growing();
  readonly #parsed = new ParsedRelation();
  /** for messages: what is being read */
  #field = '';

  constructor() {
    this.qualifiers.add(NOTHING, 0, 0);
    this.#listOffsets.push(0);
  }

  /** Number of single relations. */
  get size(): number {
    return this.#relations.size;
  }

  /** What follows stands in this field. */
  enter(field: string): void {
    this.#field = field;
  }

  /**
   * The number of one relation, without white space around it.
   * @throws GtpkgError BAD_RELATION, BAD_VERSION, LIMIT_EXCEEDED
   */
  relation(text: Buffer, from: number, to: number): number {
    const known = this.#relations.find(text, from, to);
    if (known >= 0) return known;
    const parsed = this.#parsed;
    if (!parsed.read(text, from, to)) return this.#oddRelation(text.subarray(from, to));
    const qualifier = this.qualifiers.of(text, parsed.qualifier, parsed.qualifierEnd);
    const version = parsed.operator === 0 ? 0 : this.#version(text, parsed.version, parsed.versionEnd);
    const name = this.names.of(text, from, parsed.nameEnd);
    this.#addRelation({ name, qualifier, operator: parsed.operator, version });
    return this.#relations.add(text, from, to);
  }

  /** ~ the number of a list of alternatives. @throws as relation() */
  list(text: Buffer, from: number, to: number): number {
    const list = this.#lists.find(text, from, to);
    if (list >= 0) return ~list;
    let count = 0;
    for (let start = from; start <= to;) {
      if (++count > MAX_RELATIONS)
        throw new GtpkgError('LIMIT_EXCEEDED', `${this.#field}: more than ${MAX_RELATIONS} alternatives`);
      let next = start;
      while (next < to && text[next] !== BAR) next++;
      let end = next;
      while (start < end && isBlank(text[start] ?? 0)) start++;
      while (start < end && isBlank(text[end - 1] ?? 0)) end--;
      this.#alternatives.push(this.relation(text, start, end));
      start = next + 1;
    }
    this.#listOffsets.push(this.#alternatives.length);
    return ~this.#lists.add(text, from, to);
  }

  /** The name of a relation that releases can provide: it names one version, or none. @throws GtpkgError BAD_RELATION */
  provided(relation: number): number {
    const operator = OPERATORS[this.#relationKinds.at(relation) & 7];
    if (operator !== '' && operator !== '=')
      throw new GtpkgError(
        'BAD_RELATION',
        `Provides: ${this.#relations.text(relation)} must name one version, with =`,
      );
    return this.#relationNames.at(relation);
  }

  /** Views, not copies. */
  get tables(): RelationTables {
    return {
      names: this.#relationNames.values,
      kinds: this.#relationKinds.values,
      versions: this.#relationVersions.values,
      listOffsets: this.#listOffsets.values,
      alternatives: this.#alternatives.values,
    };
  }

  #version(text: Buffer, from: number, to: number): number {
    const known = this.versions.find(text, from, to);
    if (known >= 0) return known;
    parseVersion(text.toString('latin1', from, to));
    return this.versions.add(text, from, to);
  }

  // Written in a way that is seldom seen, or wrong.
  #oddRelation(bytes: Buffer): number {
    const text = bytes.toString('latin1');
    const { name, archQualifier = '', operator = '', version } = parseRelation(text, this.#field);
    const of = (words: ByteWords, word: string): number =>
      words.of(Buffer.from(word, 'latin1'), 0, word.length);
    const relation = {
      name: of(this.names, name),
      qualifier: of(this.qualifiers, archQualifier),
      operator: OPERATORS.indexOf(operator),
      version: version === undefined ? 0 : of(this.versions, version),
    };
    this.#addRelation(relation);
    return this.#relations.add(bytes, 0, bytes.length);
  }

  #addRelation({ name, qualifier, operator, version }: Numbered): void {
    if (qualifier >= MAX_CATALOG_ARCHITECTURES)
      throw new GtpkgError('LIMIT_EXCEEDED', `${this.#field}: too many architectures after colons`);
    this.#relationNames.push(name);
    this.#relationKinds.push(operator | (qualifier << 3));
    this.#relationVersions.push(version);
  }
}

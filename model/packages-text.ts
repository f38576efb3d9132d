/**
 * Debian `Packages` and `status` files, read quickly: one stanza after the other, and of each only the fields that a
 * resolver wants. deb822(5). Bytes are looked at where they lie; no string is made of what nobody asks for. Pure.
 *
 * Every line is looked at; what no stanza may hold is refused with file and line.
 */
import { ByteWords } from './byte-words.js';
import { GtpkgError, type ErrorCode } from './errors.js';
import { MAX_CONTROL } from './limits.js';

/** The fields that are read; all others are skipped. */
export const STANZA_FIELDS = [
  'Package',
  'Version',
  'Architecture',
  'Multi-Arch',
  'Essential',
  'Installed-Size',
  'Size',
  'Pre-Depends',
  'Depends',
  'Recommends',
  'Suggests',
  'Enhances',
  'Conflicts',
  'Breaks',
  'Replaces',
  'Provides',
  'Status',
  'Auto-Installed',
] as const;
export type StanzaField = (typeof STANZA_FIELDS)[number];

const SLOTS = new Map<string, number>(STANZA_FIELDS.map((field, slot) => [field, slot]));
const LOWER = new Map<string, number>(STANZA_FIELDS.map((field, slot) => [field.toLowerCase(), slot]));
const FIELD_NAME = /^[!-,.-9;-~][!-9;-~]*$/;
const SKIPPED = -1;
const NO_FIELD = -2;
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
/** Spellings of field names that one file may have before each is looked at anew: a bound on memory. */
const MAX_SPELLINGS = 4096;

/** White space, as deb822 has it. */
export const isBlank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** One stanza; the same object is filled again for the next one. */
export class Stanza {
  readonly where: string;
  /** of its first field; lines count from 1 */
  line = 0;
  /** @internal the line that is being read */
  at = 0;
  readonly #text: Buffer;
  readonly #starts = new Int32Array(STANZA_FIELDS.length);
  readonly #ends = new Int32Array(STANZA_FIELDS.length);
  readonly #lines = new Int32Array(STANZA_FIELDS.length);
  /** values of several lines, joined */
  readonly #joined: (Buffer | undefined)[] = STANZA_FIELDS.map(() => undefined);
  #anyJoined = false;

  constructor(text: Buffer, where: string) {
    this.#text = text;
    this.where = where;
  }

  /** Whether the stanza has the field. */
  has(slot: number): boolean {
    return (this.#lines[slot] ?? 0) !== 0;
  }

  /** The bytes that hold the value of a field, from `start` to `end`, without white space around it; continuation lines are joined by line breaks. */
  bytes(slot: number): Buffer {
    return this.#joined[slot] ?? this.#text;
  }

  start(slot: number): number {
    return this.#starts[slot] ?? 0;
  }

  end(slot: number): number {
    return this.#ends[slot] ?? 0;
  }

  /** The value as a string, a character for each byte. */
  get(slot: number): string | undefined {
    return this.has(slot) ? this.bytes(slot).toString('latin1', this.start(slot), this.end(slot)) : undefined;
  }

  /** @internal A value on the line `at`, from one byte up to another. */
  set(slot: number, from: number, to: number): void {
    const text = this.#text;
    let [start, end] = [from, to];
    while (start < end && isBlank(text[start] ?? 0)) start++;
    while (start < end && isBlank(text[end - 1] ?? 0)) end--;
    this.#starts[slot] = start;
    this.#ends[slot] = end;
    this.#lines[slot] = this.at;
  }

  /** @internal One more line of it. */
  append(slot: number, more: string): void {
    const joined = Buffer.from(`${this.get(slot) ?? ''}\n${more}`, 'latin1');
    this.#joined[slot] = joined;
    this.#anyJoined = true;
    this.#starts[slot] = 0;
    this.#ends[slot] = joined.length;
    this.#lines[slot] = this.at;
  }

  /** @internal */
  clear(): void {
    for (let slot = 0; slot < STANZA_FIELDS.length; slot++) this.#lines[slot] = 0;
    if (this.#anyJoined) this.#joined.fill(undefined);
    this.#anyJoined = false;
    this.line = this.at;
  }

  /** `FILE:LINE: what`, about a field or the whole stanza. */
  error(what: string, options: { slot?: number; code?: ErrorCode; cause?: unknown } = {}): GtpkgError {
    const line = (options.slot === undefined ? 0 : this.#lines[options.slot]) || this.line;
    const { cause } = options;
    return new GtpkgError(
      options.code ?? (cause instanceof GtpkgError ? cause.code : 'CONTROL_MALFORMED'),
      `${this.where}:${line}: ${what}`,
      {
        hint:
          (cause instanceof GtpkgError ? cause.hint : undefined) ??
          'See deb822(5) for the syntax: "Name: value", continuation lines start with a space.',
        data: { where: this.where, line },
        cause,
      },
    );
  }
}

/** The number of a field in STANZA_FIELDS, for Stanza.get. */
export function slotOf(field: StanzaField): number {
  return SLOTS.get(field) ?? SKIPPED;
}

const NEWLINE = 10;
const COLON = 58;
const HASH = 35;

/**
 * Goes through a text, stanza by stanza.
 * @param where - names the text in messages
 * @throws GtpkgError CONTROL_MALFORMED, LIMIT_EXCEEDED with `FILE:LINE`
 */
export function* stanzasOf(text: Buffer, where: string): Generator<Stanza> {
  const reader = new Reader(text, where);
  while (reader.next()) yield reader.stanza;
}

// A class, for V8 makes far slower code of a generator's loops.
class Reader {
  readonly stanza: Stanza;
  readonly #text: Buffer;
  readonly #spellings = new Spellings();
  #start = 0;

  constructor(text: Buffer, where: string) {
    this.#text = text;
    this.stanza = new Stanza(text, where);
  }

  /** Fills `stanza` with the next one; false at the end. */
  next(): boolean {
    const { stanza } = this;
    const text = this.#text;
    let began = -1;
    // the field that a continuation line continues: SKIPPED for one that is not read
    let last = NO_FIELD;
    while (this.#start < text.length) {
      const start = this.#start;
      const found = text.indexOf(NEWLINE, start);
      const end = found < 0 ? text.length : found;
      this.#start = end + 1;
      stanza.at++;
      const first = text[start] ?? 0;
      if (isBlank(first) && onlyBlanks(text, start, end)) {
        if (began >= 0) return true;
        continue;
      }
      if (first === 32 || first === 9) {
        if (last === NO_FIELD) throw this.#failure('a continuation line without a field before it');
        if (last !== SKIPPED) stanza.append(last, text.toString('latin1', start, end).trim());
      } else if (first !== HASH) {
        if (began < 0) {
          stanza.clear();
          began = start;
        }
        last = this.#field(start, end);
      }
      if (began >= 0 && end - began > MAX_CONTROL)
        throw this.#failure(`a stanza larger than ${MAX_CONTROL} bytes`, 'LIMIT_EXCEEDED');
    }
    return began >= 0;
  }

  #field(start: number, end: number): number {
    const text = this.#text;
    let colon = start;
    while (colon < end && text[colon] !== COLON) colon++;
    const slot = colon > start && colon < end ? this.#spellings.slot(text, start, colon) : NO_FIELD;
    if (slot === NO_FIELD && start === 0 && text.toString('latin1', 0, 3) === BYTE_ORDER_MARK)
      throw this.#failure('a byte order mark, which deb822 does not have');
    if (slot === NO_FIELD) throw this.#failure('a line that is neither a field nor a continuation');
    if (slot === SKIPPED) return slot;
    if (this.stanza.has(slot))
      throw this.#failure(`the field ${text.toString('latin1', start, colon)} stands twice`);
    this.stanza.set(slot, colon + 1, end);
    return slot;
  }

  #failure(what: string, code: ErrorCode = 'CONTROL_MALFORMED'): GtpkgError {
    const { where, at } = this.stanza;
    return new GtpkgError(code, `${where}:${at}: ${what.slice(0, 200)}`, {
      hint: 'See deb822(5) for the syntax: "Name: value", continuation lines start with a space.',
      data: { where, line: at },
    });
  }
}

// Which field a name means, in whatever case it is written; each spelling is looked at once. Stanzas mostly have the same fields in the same order, so
// what came after the last name the last time is looked at first.
class Spellings {
  readonly #words = new ByteWords();
  readonly #slots: number[] = [];
  /** by spelling: the one that came next */
  readonly #next: number[] = [];
  #last = 0;

  slot(text: Buffer, from: number, to: number): number {
    const guess = this.#next[this.#last] ?? 0;
    const known = this.#words.is(guess, text, from, to) ? guess : this.#words.find(text, from, to);
    if (known >= 0) {
      this.#next[this.#last] = known;
      this.#last = known;
      return this.#slots[known] ?? SKIPPED;
    }
    const name = text.toString('latin1', from, to);
    if (!FIELD_NAME.test(name)) return NO_FIELD;
    const slot = LOWER.get(name.toLowerCase()) ?? SKIPPED;
    if (this.#words.size < MAX_SPELLINGS) {
      this.#words.add(text, from, to);
      this.#slots.push(slot);
      this.#next.push(0);
    }
    return slot;
  }
}

function onlyBlanks(text: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isBlank(text[at] ?? 0)) return false;
  return true;
}

/**
 * Debian `Packages` and `status` files, read quickly: one stanza after the other, and of each only the fields that a
 * resolver wants. deb822(5). The text holds one byte per character (latin1). Pure.
 *
 * Every line is looked at; what no stanza may hold is refused with file and line.
 */
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
/** Spellings of field names that one file may have before each is looked at anew: a bound on memory. */
const MAX_SPELLINGS = 4096;

/** One stanza; the same object is filled again for the next one. */
export class Stanza {
  readonly where: string;
  /** of its first field; lines count from 1 */
  line = 0;
  readonly #values: (string | undefined)[] = STANZA_FIELDS.map(() => undefined);
  readonly #lines: number[] = STANZA_FIELDS.map(() => 0);

  constructor(where: string) {
    this.where = where;
  }

  /** The value without white space around it; continuation lines are joined by line breaks. */
  get(slot: number): string | undefined {
    return this.#values[slot];
  }

  /** @internal */
  set(slot: number, value: string, line: number): void {
    this.#values[slot] = value;
    this.#lines[slot] = line;
  }

  /** @internal */
  clear(line: number): void {
    this.#values.fill(undefined);
    this.line = line;
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

const isBlank = (code: number): boolean => code === 32 || code === 9 || code === 13;

/**
 * Goes through a text, stanza by stanza.
 * @param where - names the text in messages
 * @throws GtpkgError CONTROL_MALFORMED, LIMIT_EXCEEDED with `FILE:LINE`
 */
export function* stanzasOf(text: string, where: string): Generator<Stanza> {
  const known = new Map(SLOTS);
  const stanza = new Stanza(where);
  let open = false;
  let began = 0;
  let line = 0;
  // the field that a continuation line continues: SKIPPED for one that is not read
  let last = SKIPPED;
  let fields = 0;
  for (let start = 0; start < text.length;) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    line++;
    const first = text.charCodeAt(start);
    if (end === start || (isBlank(first) && text.slice(start, end).trim() === '')) {
      if (open) yield stanza;
      open = false;
    } else if (first === 32 || first === 9) {
      if (!open || fields === 0)
        throw new Failure(where, line, 'a continuation line without a field before it');
      if (last !== SKIPPED)
        stanza.set(last, `${stanza.get(last) ?? ''}\n${text.slice(start, end).trim()}`, line);
    } else if (first !== 35) {
      if (!open) {
        stanza.clear(line);
        open = true;
        began = start;
        fields = 0;
      }
      const colon = text.indexOf(':', start);
      const name = colon > start && colon < end ? text.slice(start, colon) : '';
      last = known.get(name) ?? learn(name);
      fields++;
      if (last !== SKIPPED) {
        if (stanza.get(last) !== undefined) throw new Failure(where, line, `the field ${name} stands twice`);
        stanza.set(last, text.slice(colon + 1, end).trim(), line);
      }
    }
    if (open && end - began > MAX_CONTROL)
      throw new Failure(where, line, `a stanza larger than ${MAX_CONTROL} bytes`, 'LIMIT_EXCEEDED');
    start = end + 1;
  }
  if (open) yield stanza;

  function learn(name: string): number {
    if (line === 1 && text.startsWith('\xef\xbb\xbf'))
      throw new Failure(where, line, 'a byte order mark, which deb822 does not have');
    if (!FIELD_NAME.test(name))
      throw new Failure(where, line, 'a line that is neither a field nor a continuation');
    const slot = LOWER.get(name.toLowerCase()) ?? SKIPPED;
    if (known.size < MAX_SPELLINGS) known.set(name, slot);
    return slot;
  }
}

class Failure extends GtpkgError {
  constructor(where: string, line: number, what: string, code: ErrorCode = 'CONTROL_MALFORMED') {
    super(code, `${where}:${line}: ${what.slice(0, 200)}`, {
      hint: 'See deb822(5) for the syntax: "Name: value", continuation lines start with a space.',
      data: { where, line },
    });
  }
}

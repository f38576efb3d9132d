/**
 * deb822(5): paragraphs of `Name: value` fields, continuation lines start with a space or a tab.
 *
 * Field names are matched without regard to case; order and spelling are kept. A value holds its
 * continuation lines joined by "\n", each still with its leading white space.
 */
import { GtpkgError, type ErrorCode } from './errors.js';
import { MAX_FIELD } from './limits.js';

/** One paragraph, immutable from outside once built. */
export class Paragraph {
  readonly #fields = new Map<string, { name: string; value: string }>();

  static of(fields: Iterable<readonly [string, string | undefined]>): Paragraph {
    const paragraph = new Paragraph();
    for (const [name, value] of fields) if (value !== undefined) paragraph.set(name, value);
    return paragraph;
  }

  get(name: string): string | undefined {
    return this.#fields.get(name.toLowerCase())?.value;
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase());
  }

  set(name: string, value: string): this {
    this.#fields.set(name.toLowerCase(), { name, value });
    return this;
  }

  delete(name: string): this {
    this.#fields.delete(name.toLowerCase());
    return this;
  }

  /** Fields in order. */
  *entries(): Generator<readonly [string, string]> {
    for (const { name, value } of this.#fields.values()) yield [name, value];
  }

  /** A new paragraph with the same fields. */
  clone(): Paragraph {
    return Paragraph.of(this.entries());
  }

  /**
   * The paragraph as text, one final newline, no empty line; parses to the same fields.
   * @throws GtpkgError CONTROL_MALFORMED when a value would read as another field or paragraph
   */
  toString(): string {
    let out = '';
    for (const [name, value] of this.entries()) {
      checkField(name, value);
      out += value.startsWith('\n')
        ? `${name}:${value}\n`
        : value === ''
          ? `${name}:\n`
          : `${name}: ${value}\n`;
    }
    return out;
  }

  /** Field names and values for `--json`. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.entries());
  }
}

const NAME = /^[!-,.-9;-~][!-9;-~]*$/;
const BLANK = /^[ \t\r\f\v]*$/;

// White space of deb822(5); not trim(), which also takes U+00A0 and others that belong to a value.
// A loop, because a regular expression for the end takes quadratic time on a hostile run of spaces.
function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13 && code !== 10);
}

function checkField(name: string, value: string): void {
  const [first = '', ...more] = value.split('\n');
  const good =
    NAME.test(name) &&
    !name.startsWith('#') &&
    strip(first) === first &&
    more.every(
      (line) => (line.startsWith(' ') || line.startsWith('\t')) && !BLANK.test(line) && !line.endsWith('\r'),
    );
  if (!good) {
    throw new GtpkgError(
      'CONTROL_MALFORMED',
      `the field ${JSON.stringify(name.slice(0, 80))} has a name or value that deb822 can not hold`,
      {
        data: { field: name.slice(0, 80) },
      },
    );
  }
}

/** How the parser names its input when it complains. */
export interface Deb822Options {
  /** shown in messages: a file name or what the text is */
  readonly where: string;
  /** error code for malformed input */
  readonly code?: ErrorCode;
}

/**
 * Parses all paragraphs of `text`. Comment lines (`#`) are dropped.
 * @throws GtpkgError options.code (default CONTROL_MALFORMED), with the line number in `data.line`
 */
export function parseParagraphs(text: string, options: Deb822Options): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let current: Paragraph | undefined;
  let name: string | undefined;
  let line = 0;
  const fail = (what: string): never => {
    throw new GtpkgError(options.code ?? 'CONTROL_MALFORMED', `${options.where}:${line}: ${what}`, {
      hint: 'See deb822(5) for the syntax: "Name: value", continuation lines start with a space.',
      data: { where: options.where, line },
    });
  };
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const raw = text.slice(start, end > start && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
    start = end + 1;
    line++;
    if (BLANK.test(raw)) {
      current = undefined;
      name = undefined;
      continue;
    }
    const first = raw.charCodeAt(0);
    if (first === 35) continue;
    if (first === 32 || first === 9) {
      if (current === undefined || name === undefined)
        return fail('a continuation line without a field before it');
      const value = `${current.get(name) ?? ''}\n${raw}`;
      if (value.length > MAX_FIELD) return fail(`the field ${name} is larger than ${MAX_FIELD} bytes`);
      current.set(name, value);
      continue;
    }
    const colon = raw.indexOf(':');
    const field = colon > 0 ? raw.slice(0, colon) : '';
    if (!NAME.test(field)) return fail('a line that is neither a field nor a continuation');
    if (raw.length > MAX_FIELD) return fail(`the field ${field} is larger than ${MAX_FIELD} bytes`);
    if (current === undefined) paragraphs.push((current = new Paragraph()));
    if (current.has(field)) return fail(`the field ${field} stands twice`);
    name = field;
    current.set(field, strip(raw.slice(colon + 1)));
  }
  return paragraphs;
}

/** Parses exactly one paragraph. @throws GtpkgError as parseParagraphs */
export function parseParagraph(text: string, options: Deb822Options): Paragraph {
  const all = parseParagraphs(text, options);
  if (all.length !== 1 || all[0] === undefined) {
    throw new GtpkgError(
      options.code ?? 'CONTROL_MALFORMED',
      `${options.where}: ${all.length} paragraphs where one is expected`,
    );
  }
  return all[0];
}

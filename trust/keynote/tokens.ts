/**
 * The words of a field's body: names, strings, numbers and signs. RFC 2704 §4.2. Pure; one pass, one token a call.
 *
 * A string is between double quotes. Inside: `\n \r \t \f`, three octal digits (never NUL), a backslash before a line break swallows it
 * and the white space that follows; a backslash before anything else stands for that. `#` outside a string begins a comment.
 */
import { SyntaxProblem } from './text.js';

/** One word. */
export type Token =
  | { readonly kind: 'name' | 'string'; readonly value: string; readonly start: number; readonly end: number }
  | {
      readonly kind: 'integer' | 'float';
      readonly value: number;
      readonly start: number;
      readonly end: number;
    }
  /** `2-of` */
  | { readonly kind: 'of'; readonly value: number; readonly start: number; readonly end: number }
  | { readonly kind: 'sign'; readonly value: string; readonly start: number; readonly end: number }
  | { readonly kind: 'end'; readonly value: ''; readonly start: number; readonly end: number };

const SIGNS = ['&&', '||', '->', '==', '!=', '<=', '>=', '~=', ...'(){};,<>!+-*/%^.@&$='];
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

/** A field's body, read word by word with one word of look-ahead. */
export class Tokens {
  readonly body: string;
  readonly #line: number;
  #at = 0;
  #next: Token;

  /** @throws SyntaxProblem when the first word is none */
  constructor(body: string, line: number) {
    this.body = body;
    this.#line = line;
    this.#next = this.#read();
  }

  get next(): Token {
    return this.#next;
  }

  /** Whether there is no further word. */
  get done(): boolean {
    return this.#next.kind === 'end';
  }

  /** @throws SyntaxProblem when what follows is no word */
  take(): Token {
    const token = this.#next;
    if (token.kind !== 'end') this.#next = this.#read();
    return token;
  }

  /** Whether the next word is this sign. */
  is(sign: string): boolean {
    return this.#next.kind === 'sign' && this.#next.value === sign;
  }

  /** Takes the sign if it is next. */
  skip(sign: string): boolean {
    if (!this.is(sign)) return false;
    this.take();
    return true;
  }

  /** @throws SyntaxProblem when another word is next */
  expect(sign: string): void {
    if (!this.skip(sign)) throw this.problem(`"${sign}" is expected`);
  }

  /** SyntaxProblem, with the line of the next word and the word. */
  problem(what: string): SyntaxProblem {
    const { start, end, kind } = this.#next;
    const seen =
      kind === 'end' ? 'the field ends' : `"${this.body.slice(start, Math.min(end, start + 40))}" stands`;
    return this.#problem(`${what} where ${seen}`, start);
  }

  #problem(what: string, at: number): SyntaxProblem {
    return new SyntaxProblem(what, this.#line + this.body.slice(0, at).split('\n').length - 1);
  }

  #read(): Token {
    const { body } = this;
    const gap = /(?:[ \t\r\n\f\v]|#[^\n]*)*/y;
    gap.lastIndex = this.#at;
    gap.exec(body);
    const start = gap.lastIndex;
    if (start >= body.length) return this.#token('end', '', start, start);
    if (body[start] === '"') return this.#string(start);
    const words = /([A-Za-z_][A-Za-z0-9_]*)|(\d+)-[oO][fF](?![A-Za-z0-9_])|(\d+\.\d+)|(\d+)/y;
    words.lastIndex = start;
    const [all, name, of, float, integer] = words.exec(body) ?? [];
    if (all !== undefined) {
      const end = start + all.length;
      if (name !== undefined) return this.#token('name', name, start, end);
      const number = Number(of ?? float ?? integer);
      if (float === undefined && !Number.isSafeInteger(number))
        throw this.#problem('a number that is too large', start);
      return this.#token(
        of !== undefined ? 'of' : float !== undefined ? 'float' : 'integer',
        number,
        start,
        end,
      );
    }
    const sign = SIGNS.find((each) => body.startsWith(each, start));
    if (sign === undefined)
      throw this.#problem(`the character ${JSON.stringify(body[start])} means nothing here`, start);
    return this.#token('sign', sign, start, start + sign.length);
  }

  #token(kind: Token['kind'], value: string | number, start: number, end: number): Token {
    this.#at = end;
    return { kind, value, start, end } as Token;
  }

  #string(start: number): Token {
    const { body } = this;
    const parts: string[] = [];
    const plain = /[^"\\\n]*/y;
    for (let at = start + 1; ;) {
      plain.lastIndex = at;
      parts.push(plain.exec(body)?.[0] ?? '');
      at = plain.lastIndex;
      if (body[at] === '"') return this.#token('string', parts.join(''), start, at + 1);
      if (body[at] !== '\\') throw this.#problem('a string that does not end', start);
      const escape = /\\(?:\r?\n[ \t]*|([0-7]{1,3})|([^\n]))/y;
      escape.lastIndex = at;
      const [, octal, one] = escape.exec(body) ?? this.#fail('a string that does not end', start);
      if (octal !== undefined) {
        const code = Number.parseInt(octal, 8);
        if (octal.length !== 3 || code === 0 || code > 255)
          throw this.#problem('an octal escape has three digits, \\001 to \\377', at);
        parts.push(String.fromCharCode(code));
      } else if (one !== undefined) parts.push(ESCAPES[one] ?? one);
      at = escape.lastIndex;
    }
  }

  #fail(what: string, at: number): never {
    throw this.#problem(what, at);
  }
}

/**
 * KeyNote text as bytes, and a file of it taken apart: assertions, and the fields of each. RFC 2704 §4.1. Pure.
 *
 * Inside this folder a string holds one byte per character (latin1), so that comparing, matching and signing all mean bytes. A file is cut
 * at blank lines; a field begins with its name in the first column and goes on while lines are indented; lines that begin with `#` are
 * comments, and belong to what is signed.
 */

/** Why something is no KeyNote. `line` counts from 1 in the file. */
export class SyntaxProblem extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** UTF-8 text to bytes in a string. */
export function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes in a string to text, for people. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** One paragraph of a file, not parsed yet. */
export interface RawAssertion {
  /** its bytes: from its first field to the newline of the last line, which is added where it lacks */
  readonly text: string;
  /** of the first line */
  readonly line: number;
}

/** Cuts a file at its blank lines. */
export function splitAssertions(text: string): RawAssertion[] {
  const found: RawAssertion[] = [];
  let [current, first] = ['', 1];
  const end = (): void => {
    if (current !== '') found.push({ text: current, line: first });
    current = '';
  };
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [i, line] of lines.entries()) {
    if (/^[ \t\r]*$/.test(line)) {
      end();
      continue;
    }
    // a comment before the first field belongs to nobody, and is not signed
    if (current === '' && line.startsWith('#')) continue;
    if (current === '') first = i + 1;
    current += `${line}\n`;
  }
  end();
  return found;
}

/** One field of an assertion. */
export interface RawField {
  /** lower-case, without the colon */
  readonly name: string;
  /** what follows the colon, with its line breaks */
  readonly body: string;
  readonly line: number;
  /** offset of the name in the assertion's text */
  readonly start: number;
}

/** Cuts an assertion into fields. @throws SyntaxProblem for a line that belongs to none */
export function splitFields({ text, line: first }: RawAssertion): RawField[] {
  const fields: { name: string; body: string; line: number; start: number }[] = [];
  let at = 0;
  for (const [i, line] of text.slice(0, -1).split('\n').entries()) {
    const start = at;
    at += line.length + 1;
    if (line.startsWith('#')) continue;
    const last = fields.at(-1);
    if (/^[ \t]/.test(line)) {
      if (last === undefined)
        throw new SyntaxProblem('an indented line without a field before it', first + i);
      // a comment line in between must not move the lines that follow it
      last.body += '\n'.repeat(first + i - last.line - count(last.body)) + line;
      continue;
    }
    const [, name, body] = /^([A-Za-z-]+)[ \t]*:(.*)$/s.exec(line) ?? [];
    if (name === undefined || body === undefined)
      throw new SyntaxProblem('a line that is neither a field nor indented', first + i);
    fields.push({ name: name.toLowerCase(), body, line: first + i, start });
  }
  return fields;
}

function count(text: string): number {
  return text.split('\n').length - 1;
}

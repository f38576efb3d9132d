/**
 * Licensees and Local-Constants. RFC 2704 §4.6.2, §4.6.4. Pure.
 *
 *     licensees: and ( "||" and )*      and: one ( "&&" one )*
 *     one: "(" licensees ")" | K "-of" "(" principal ( "," principal )* ")" | principal
 */
import { MAX_KEYNOTE_DEPTH } from '../../model/limits.js';
import type { Licensees } from './syntax.js';
import { Tokens } from './tokens.js';

type Constants = ReadonlyMap<string, string>;

/** `NAME = "…"` any number of times. @throws SyntaxProblem */
export function parseConstants(body: string, line: number): Constants {
  const tokens = new Tokens(body, line);
  const constants = new Map<string, string>();
  while (!tokens.done) {
    const { kind, value: name } = tokens.next;
    if (kind !== 'name') throw tokens.problem('the name of a constant is expected');
    if (name.startsWith('_')) throw tokens.problem('names that begin with "_" are not for constants,');
    if (constants.has(name)) throw tokens.problem('a constant has one value,');
    tokens.take();
    tokens.expect('=');
    if (tokens.next.kind !== 'string') throw tokens.problem('a string is expected');
    constants.set(name, tokens.next.value);
    tokens.take();
  }
  return constants;
}

/** One principal: a string, or a constant that holds one. @throws SyntaxProblem */
export function parsePrincipal(body: string, line: number, constants: Constants): string {
  const tokens = new Tokens(body, line);
  const name = principal(tokens, constants);
  if (!tokens.done) throw tokens.problem('one principal is expected');
  return name;
}

/** `never` for a field with nothing in it. @throws SyntaxProblem */
export function parseLicensees(body: string, line: number, constants: Constants): Licensees | 'never' {
  const tokens = new Tokens(body, line);
  if (tokens.done) return 'never';
  const found = any(tokens, constants, 0);
  if (!tokens.done) throw tokens.problem('"&&" or "||" is expected');
  return found;
}

function any(tokens: Tokens, constants: Constants, depth: number): Licensees {
  if (depth > MAX_KEYNOTE_DEPTH) throw tokens.problem('nested too deep');
  return chain(tokens, 'any', () => chain(tokens, 'all', () => one(tokens, constants, depth)));
}

function chain(tokens: Tokens, kind: 'all' | 'any', part: () => Licensees): Licensees {
  const first = part();
  const of = [first];
  while (tokens.skip(kind === 'any' ? '||' : '&&')) of.push(part());
  return of.length === 1 ? first : { kind, of };
}

function one(tokens: Tokens, constants: Constants, depth: number): Licensees {
  if (tokens.skip('(')) {
    const inner = any(tokens, constants, depth + 1);
    tokens.expect(')');
    return inner;
  }
  if (tokens.next.kind !== 'of') return { kind: 'principal', name: principal(tokens, constants) };
  const k = tokens.next.value;
  tokens.take();
  tokens.expect('(');
  const of = [principal(tokens, constants)];
  while (tokens.skip(',')) of.push(principal(tokens, constants));
  tokens.expect(')');
  if (k < 1 || k > of.length) throw tokens.problem(`${k} of ${of.length} can never be,`);
  return { kind: 'threshold', k, of };
}

function principal(tokens: Tokens, constants: Constants): string {
  const { kind, value } = tokens.next;
  if (kind !== 'string' && kind !== 'name') throw tokens.problem('a principal is expected');
  const name = kind === 'string' ? value : constants.get(value);
  if (name === undefined) throw tokens.problem('no constant of that name,');
  if (name === '') throw tokens.problem('a principal has a name,');
  tokens.take();
  return name;
}

/** Every principal that is named, as often as it is. */
export function principalsOf(licensees: Licensees | 'never' | undefined): string[] {
  if (licensees === undefined || licensees === 'never') return [];
  if (licensees.kind === 'principal') return [licensees.name];
  if (licensees.kind === 'threshold') return [...licensees.of];
  return licensees.of.flatMap(principalsOf);
}

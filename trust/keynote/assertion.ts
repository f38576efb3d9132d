/**
 * Assertions from the bytes of a file. RFC 2704 §4. Pure.
 *
 * A syntax error anywhere in an assertion, also where nothing would ever look, makes all of it void; the others of the file stand. What that
 * means is the caller's: of credentials a void one is merely one less, in the user's own policy it may have been the one that forbids.
 */
import { MAX_ASSERTIONS, MAX_POLICY_FILE } from '../../model/limits.js';
import { parseConditions } from './parse-conditions.js';
import { parseConstants, parseLicensees, parsePrincipal } from './parse-licensees.js';
import type { Assertion } from './syntax.js';
import { splitAssertions, splitFields, SyntaxProblem, type RawAssertion, type RawField } from './text.js';
import { Tokens } from './tokens.js';

/** What a file holds. */
export interface Assertions {
  readonly assertions: readonly Assertion[];
  /** assertions that are void, and why; `text` is their bytes */
  readonly problems: readonly Problem[];
}

/** Why an assertion is void. */
export interface Problem {
  readonly where: string;
  readonly line: number;
  readonly message: string;
  readonly text: string;
}

const FIELDS = [
  'keynote-version',
  'local-constants',
  'authorizer',
  'licensees',
  'conditions',
  'comment',
  'signature',
] as const;
type FieldName = (typeof FIELDS)[number];

/**
 * @param bytes - one byte per character
 * @param where - name of the file, for people
 */
export function parseAssertions(bytes: string, where: string): Assertions {
  if (bytes.length > MAX_POLICY_FILE) return refusal(where, `larger than ${MAX_POLICY_FILE} bytes`);
  const raw = splitAssertions(bytes);
  if (raw.length > MAX_ASSERTIONS) return refusal(where, `more than ${MAX_ASSERTIONS} assertions`);
  const assertions: Assertion[] = [];
  const problems: Problem[] = [];
  for (const each of raw) {
    try {
      assertions.push(parseAssertion(each, where));
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      const { line, message } = error;
      problems.push({ where: `${where}:${line}`, line, message, text: each.text });
    }
  }
  return { assertions, problems };
}

function refusal(where: string, message: string): Assertions {
  return { assertions: [], problems: [{ where, line: 1, message, text: '' }] };
}

/** @throws SyntaxProblem */
function parseAssertion(raw: RawAssertion, where: string): Assertion {
  const fields = new Map<FieldName, RawField>();
  const list = splitFields(raw);
  for (const [i, field] of list.entries()) {
    const name = FIELDS.find((each) => each === field.name);
    if (name === undefined) throw new SyntaxProblem(`no field is called "${field.name}"`, field.line);
    if (fields.has(name)) throw new SyntaxProblem(`the field ${field.name} stands twice`, field.line);
    if (name === 'keynote-version' && i > 0)
      throw new SyntaxProblem('KeyNote-Version stands first', field.line);
    if (name === 'signature' && i < list.length - 1)
      throw new SyntaxProblem('Signature stands last', field.line);
    fields.set(name, field);
  }
  checkVersion(fields.get('keynote-version'));
  const authorizer = fields.get('authorizer');
  if (authorizer === undefined) throw new SyntaxProblem('the field Authorizer is missing', raw.line);
  const read = <T>(name: FieldName, parse: (body: string, line: number) => T): T | undefined => {
    const field = fields.get(name);
    return field === undefined ? undefined : parse(field.body, field.line);
  };
  const constants = read('local-constants', parseConstants) ?? new Map<string, string>();
  const conditions = fields.get('conditions');
  const signature = fields.get('signature');
  return {
    where: `${where}:${raw.line}`,
    text: raw.text,
    constants,
    authorizer: parsePrincipal(authorizer.body, authorizer.line, constants),
    licensees: read('licensees', (body, line) => parseLicensees(body, line, constants)),
    conditions: read('conditions', parseConditions),
    conditionsText: conditions?.body ?? '',
    comment: fields.get('comment')?.body.trim(),
    signature:
      signature === undefined
        ? undefined
        : { value: parsePrincipal(signature.body, signature.line, new Map()), start: signature.start },
  };
}

function checkVersion(field: RawField | undefined): void {
  if (field === undefined) return;
  const tokens = new Tokens(field.body, field.line);
  const { value } = tokens.take();
  if (String(value) !== '2' || tokens.next.kind !== 'end')
    throw new SyntaxProblem('KeyNote-Version is 2, nothing else is known', field.line);
}

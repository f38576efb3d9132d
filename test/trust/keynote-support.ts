/** What the KeyNote tests share: assertions from text, and the value of "POLICY". */
import assert from 'node:assert/strict';
import {
  evaluate,
  parseAssertions,
  toBytes,
  type Answer,
  type Assertion,
} from '../../trust/keynote/index.js';

export const VALUES = ['refuse', 'stage', 'manual', 'install', 'auto'] as const;

/** Assertions of a text that has no mistake in it. */
export function assertions(text: string): readonly Assertion[] {
  const { assertions: found, problems } = parseAssertions(toBytes(text), 'test');
  assert.deepEqual(problems, []);
  return found;
}

/** Assertions of a text, the void ones left out, as credentials are read. */
export function whatStands(text: string): readonly Assertion[] {
  return parseAssertions(toBytes(text), 'test').assertions;
}

export interface Question {
  readonly text: string | readonly Assertion[];
  readonly requesters?: readonly string[];
  readonly attributes?: Readonly<Record<string, string>>;
  /** attributes without a value yet */
  readonly unknown?: readonly string[];
  readonly values?: readonly string[];
}

export function answer({
  text,
  requesters = [],
  attributes = {},
  unknown = [],
  values = VALUES,
}: Question): Answer {
  return evaluate({
    requesters,
    attributes,
    unknown,
    values,
    assertions: typeof text === 'string' ? whatStands(text) : text,
  });
}

/** Name of POLICY's value. */
export function value(question: Question, principal = 'POLICY'): string {
  return (question.values ?? VALUES)[answer(question).worth(principal)] ?? '';
}

/** Whether a test holds: as the Conditions of POLICY, with everything at its disposal. */
export function holds(test: string, attributes: Readonly<Record<string, string>> = {}): boolean {
  const text = `Authorizer: "POLICY"\nConditions: ${test.replaceAll('\n', '\n ')};\n`;
  return value({ text: assertions(text), attributes }) === 'auto';
}

/** Why a text is void; undefined when it is not. */
export function problem(text: string): string | undefined {
  return parseAssertions(toBytes(text), 'test').problems[0]?.message;
}

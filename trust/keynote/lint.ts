/**
 * What is wrong with an assertion although it is KeyNote: traps in which it says more, or less, than its author meant. Pure.
 *
 * A credential is refused before it is signed; the user's own policy is only told. Missing fields mean yes (RFC 2704 §5), so they are asked for.
 */
import { BadExpression, isAnchored } from './ere-parse.js';
import { keyOf } from './credential.js';
import { principalsOf } from './parse-licensees.js';

import {
  namesIn,
  type Assertion,
  type Clause,
  type Licensees,
  type StringExpr,
  type Test,
} from './syntax.js';

/** What an assertion is judged as. */
export interface LintRules {
  /** `credential`: signed, of somebody else; `policy`: local and unsigned */
  readonly kind: 'credential' | 'policy';
  readonly values: readonly string[];
  /** action attributes that there are */
  readonly attributes: readonly string[];
  /** what app_domain has to be */
  readonly domain: string;
}

/** One finding. */
export interface Finding {
  readonly rule:
    | 'licensees'
    | 'conditions'
    | 'app-domain'
    | 'repeated-principal'
    | 'unanchored'
    | 'bad-expression'
    | 'date'
    | 'principal'
    | 'value'
    | 'attribute'
    | 'authorizer'
    | 'escape'
    | 'constant';
  readonly where: string;
  readonly message: string;
}

/** Everything that is wrong with it; nothing for a good one. */
export function lint(assertion: Assertion, rules: LintRules): Finding[] {
  const found: Finding[] = [];
  const { where } = assertion;
  const find = (rule: Finding['rule'], message: string): void => {
    if (!found.some((each) => each.rule === rule && each.message === message))
      found.push({ rule, where, message });
  };
  const credential = rules.kind === 'credential';
  lintAuthorizer(assertion, credential, find);
  lintLicensees(assertion, credential, find);
  const { conditions } = assertion;
  if (conditions === undefined) {
    find('conditions', 'Conditions is missing, which means: for everything. Say for what.');
    return found;
  }
  if (conditions.length === 0) find('conditions', 'Conditions is empty, which means: for nothing');
  if (!impliedByAll(conditions, (test) => isComparison(test, 'app_domain', ['=='], rules.domain)))
    find(
      'app-domain',
      `not every clause says app_domain == "${rules.domain}": it would count in other programs, too`,
    );
  if (credential && !impliedByAll(conditions, isDateBound))
    find('date', 'not every clause ends: add date < "YYYYMMDD000000"');
  for (const clause of everyClause(conditions)) lintClause(clause, assertion, { rules, find });
  for (const name of assertion.constants.keys())
    if (rules.attributes.includes(name))
      find('constant', `the constant ${name} hides the attribute of that name`);
  for (const [, inside = ''] of assertion.conditionsText.matchAll(/"((?:[^"\\]|\\[^])*)"/g))
    if (/^(?:[^\\]|\\[nrtf0-7"\\\s])*\\[^nrtf0-7"\\\s]/.test(inside))
      find(
        'escape',
        'a backslash that does nothing: in a string, write \\\\ for the one of a regular expression',
      );
  return found;
}

type Find = (rule: Finding['rule'], message: string) => void;

function lintAuthorizer({ authorizer }: Assertion, credential: boolean, find: Find): void {
  if (credential && keyOf(authorizer) === undefined)
    find(
      'authorizer',
      `"${authorizer}" cannot sign: a credential's Authorizer is pgp: and 40 lower-case hex digits`,
    );
  if (!credential && authorizer.startsWith('pgp:'))
    find('authorizer', 'what a key says is signed by it; here speaks "POLICY", or a "REQUIRE …"');
}

function lintLicensees({ licensees, authorizer }: Assertion, credential: boolean, find: Find): void {
  const required = authorizer.startsWith('REQUIRE ');
  if (licensees === undefined && (credential || !required))
    find('licensees', 'Licensees is missing, which means: anybody. Name somebody.');
  if (licensees === 'never') find('licensees', 'Licensees is empty, which means: nobody');
  for (const name of principalsOf(licensees)) {
    if (/^pgp:/i.test(name) && keyOf(name) === undefined)
      find('principal', `"${name}" is no key: pgp: and 40 lower-case hex digits`);
    if (name === 'POLICY') find('principal', '"POLICY" is no licensee');
  }
  for (const names of lists(licensees)) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) find('repeated-principal', `"${twice}" stands twice; it counts once`);
  }
}

// The names that stand beside each other.
function lists(licensees: Licensees | 'never' | undefined): string[][] {
  if (licensees === undefined || licensees === 'never' || licensees.kind === 'principal') return [];
  if (licensees.kind === 'threshold') return [[...licensees.of]];
  return [
    licensees.of.flatMap((each) => (each.kind === 'principal' ? [each.name] : [])),
    ...licensees.of.flatMap(lists),
  ];
}

function lintClause(
  { test, then }: Clause,
  { constants }: Assertion,
  { rules, find }: { rules: LintRules; find: Find },
): void {
  if (then !== undefined && 'kind' in then) {
    const values = [...rules.values, '_MAX_TRUST', '_MIN_TRUST'];
    const literal = textOf(then, constants) ?? (then.kind === 'attribute' ? then.name : undefined);
    if (literal === undefined || !values.includes(literal))
      find(
        'value',
        `the value ${literal === undefined ? 'is not written out' : `"${literal}" is unknown`}; there are ${rules.values.join(', ')}`,
      );
  }
  for (const name of namesIn(test)) {
    if (!rules.attributes.includes(name) && !constants.has(name) && !name.startsWith('_'))
      find('attribute', `there is no attribute ${name}: it reads as ""`);
  }
  for (const match of everyMatch(test)) {
    const pattern = textOf(match.pattern, constants);
    if (pattern === undefined) {
      find('unanchored', 'the regular expression is not written out');
      continue;
    }
    try {
      if (!isAnchored(pattern))
        find('unanchored', `"${pattern}" also fits within longer names: write "^(...)$"`);
    } catch (error) {
      if (!(error instanceof BadExpression)) throw error;
      find('bad-expression', `"${pattern}" is no regular expression: ${error.message}`);
    }
  }
}

function textOf(expr: StringExpr, constants: ReadonlyMap<string, string>): string | undefined {
  if (expr.kind === 'text') return expr.value;
  if (expr.kind === 'attribute') return constants.get(expr.name);
  if (expr.kind !== 'join') return undefined;
  const parts = expr.parts.map((part) => textOf(part, constants));
  return parts.some((part) => part === undefined) ? undefined : parts.join('');
}

function everyClause(clauses: readonly Clause[]): Clause[] {
  return clauses.flatMap((clause) => [
    clause,
    ...(clause.then === undefined || 'kind' in clause.then ? [] : everyClause(clause.then)),
  ]);
}

function everyMatch(test: Test): (Test & { kind: 'match' })[] {
  if (test.kind === 'match') return [test];
  if (test.kind === 'not') return everyMatch(test.of);
  return test.kind === 'all' || test.kind === 'any' ? test.of.flatMap(everyMatch) : [];
}

// Whether no clause can hold without a part for which `holds` is true.
function impliedByAll(clauses: readonly Clause[], holds: (test: Test) => boolean): boolean {
  return clauses.every(
    ({ test, then }) =>
      implied(test, holds) || (then !== undefined && !('kind' in then) && impliedByAll(then, holds)),
  );
}

function implied(test: Test, holds: (test: Test) => boolean): boolean {
  if (test.kind === 'all') return test.of.some((each) => implied(each, holds));
  if (test.kind === 'any') return test.of.every((each) => implied(each, holds));
  if (test.kind === 'constant') return !test.value;
  return holds(test);
}

function isComparison(test: Test, name: string, signs: readonly string[], value?: string): boolean {
  if (test.kind !== 'strings' || !signs.includes(test.sign)) return false;
  const { left, right } = test;
  if (left.kind !== 'attribute' || left.name !== name || right.kind !== 'text') return false;
  return value === undefined ? /^\d{14}$/.test(right.value) : right.value === value;
}

function isDateBound(test: Test): boolean {
  if (isComparison(test, 'date', ['<', '<='])) return true;
  if (test.kind !== 'numbers' || !['<', '<='].includes(test.sign)) return false;
  const { left, right } = test;
  return (
    left.kind === 'convert' &&
    left.of.kind === 'attribute' &&
    left.of.name === 'date' &&
    right.kind === 'number'
  );
}

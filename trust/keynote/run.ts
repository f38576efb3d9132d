/**
 * Conditions, evaluated. RFC 2704 §5. Pure; every step is counted.
 *
 * A clause whose test fails to evaluate (division by zero, a bad regular expression, a number out of range) does not hold, whatever stands around
 * the failing part, `!` included; its siblings are judged on their own. `&&` and `||` look no further than they must. The groups of a `~=` live
 * to the end of their clause.
 */
import { MAX_KEYNOTE_STEPS, MAX_KEYNOTE_STRING } from '../../model/limits.js';
import { GtpkgError } from '../../model/errors.js';
import { BadExpression } from './ere-parse.js';
import { matchEre } from './ere.js';
import type { Assertion, Clause, NumberExpr, StringExpr, Test } from './syntax.js';

/** A clause cannot be evaluated: its own business, nobody else's. */
class RunError extends Error {}

/** The steps that one query may take. */
export class Budget {
  #left = MAX_KEYNOTE_STEPS;

  /** Steps taken so far. */
  get spent(): number {
    return MAX_KEYNOTE_STEPS - this.#left;
  }

  /** @throws GtpkgError LIMIT_EXCEEDED */
  readonly spend = (steps: number): void => {
    this.#left -= steps;
    if (this.#left < 0)
      throw new GtpkgError(
        'LIMIT_EXCEEDED',
        `The policy takes more than ${MAX_KEYNOTE_STEPS} steps to evaluate`,
        {
          hint: 'Its regular expressions are too large. Nothing was accepted.',
        },
      );
  };
}

/** What Conditions are judged on. */
export interface Surroundings {
  /** action attributes and the special ones; bytes */
  readonly attributes: ReadonlyMap<string, string>;
  /** lowest first */
  readonly values: readonly string[];
  readonly budget: Budget;
}

/** The value of Conditions, and the clauses that gave it: outermost first, as offsets into the body. */
export interface Outcome {
  /** index into the values */
  readonly value: number;
  readonly path: readonly Clause[];
}

/** The highest value of the clauses that hold; the lowest value when none does. @throws GtpkgError LIMIT_EXCEEDED */
export function runConditions(assertion: Assertion, surroundings: Surroundings): Outcome {
  const { conditions, constants } = assertion;
  if (conditions === undefined) return { value: surroundings.values.length - 1, path: [] };
  return new Run(constants, surroundings).clauses(conditions, new Map());
}

/** A clause that does not hold: the part of its test that fails, and the attributes that it reads. */
export interface Failing {
  /** as it is written */
  readonly test: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** it could not be evaluated */
  readonly error: string | undefined;
}

/** Why Conditions give no more than they do: for each clause that does not hold, what fails in it. */
export function failingClauses(assertion: Assertion, surroundings: Surroundings): Failing[] {
  const { conditions, constants, conditionsText } = assertion;
  const budget = new Budget();
  return new Run(constants, { ...surroundings, budget }).failing(conditions ?? [], conditionsText);
}

type Groups = Map<string, string>;

class Run {
  readonly #constants: ReadonlyMap<string, string>;
  readonly #around: Surroundings;
  #groups: Groups = new Map();

  constructor(constants: ReadonlyMap<string, string>, around: Surroundings) {
    this.#constants = constants;
    this.#around = around;
  }

  clauses(clauses: readonly Clause[], groups: Groups): Outcome {
    let best: Outcome = { value: 0, path: [] };
    for (const clause of clauses) {
      this.#groups = new Map(groups);
      const found = this.#clause(clause);
      if (found.value > best.value) best = found;
    }
    return best;
  }

  #clause(clause: Clause): Outcome {
    const { values } = this.#around;
    try {
      if (!this.test(clause.test)) return { value: 0, path: [] };
      const { then } = clause;
      if (then === undefined) return { value: values.length - 1, path: [clause] };
      if ('kind' in then) return { value: Math.max(0, values.indexOf(this.#text(then))), path: [clause] };
      const inner = this.clauses(then, this.#groups);
      return { value: inner.value, path: [clause, ...inner.path] };
    } catch (error) {
      if (error instanceof RunError) return { value: 0, path: [] };
      throw error;
    }
  }

  failing(clauses: readonly Clause[], body: string): Failing[] {
    return clauses.flatMap(({ test, then }) => {
      this.#groups = new Map();
      const failing = this.#failing(test, body);
      if (failing !== undefined) return [failing];
      return then === undefined || 'kind' in then ? [] : this.failing(then, body);
    });
  }

  #failing(test: Test, body: string): Failing | undefined {
    let error: string | undefined;
    try {
      if (test.kind === 'all') {
        for (const each of test.of) {
          const found = this.#failing(each, body);
          if (found !== undefined) return found;
        }
        return undefined;
      }
      if (this.test(test)) return undefined;
    } catch (caught) {
      if (!(caught instanceof RunError)) throw caught;
      error = caught.message;
    }
    const attributes = Object.fromEntries(namesIn(test).map((name) => [name, this.#attribute(name)]));
    return { test: body.slice(test.start, test.end).replace(/\s+/g, ' '), attributes, error };
  }

  /** @throws RunError */
  test(test: Test): boolean {
    this.#around.budget.spend(1);
    switch (test.kind) {
      case 'constant':
        return test.value;
      case 'not':
        return !this.test(test.of);
      case 'all':
        return test.of.every((each) => this.test(each));
      case 'any':
        return test.of.some((each) => this.test(each));
      case 'strings':
        return compare(test.sign, this.#text(test.left), this.#text(test.right));
      case 'numbers':
        return compare(test.sign, this.#number(test.left), this.#number(test.right));
      case 'match':
        return this.#match(this.#text(test.pattern), this.#text(test.left));
    }
  }

  #match(pattern: string, text: string): boolean {
    try {
      const match = matchEre(pattern, text, this.#around.budget.spend);
      if (match === undefined) return false;
      this.#groups = new Map(match.slice(1).map((group, i) => [`_${i + 1}`, group ?? '']));
      this.#groups.set('_0', String(match.length - 1));
      return true;
    } catch (error) {
      if (error instanceof BadExpression) throw new RunError(error.message);
      throw error;
    }
  }

  #attribute(name: string): string {
    return this.#groups.get(name) ?? this.#constants.get(name) ?? this.#around.attributes.get(name) ?? '';
  }

  #text(expr: StringExpr): string {
    const { spend } = this.#around.budget;
    spend(1);
    switch (expr.kind) {
      case 'text':
        return expr.value;
      case 'attribute':
        return this.#attribute(expr.name);
      case 'dereference':
        return this.#attribute(this.#text(expr.of));
      case 'join': {
        let joined = '';
        for (const part of expr.parts) {
          joined += this.#text(part);
          spend(joined.length >> 4);
          if (joined.length > MAX_KEYNOTE_STRING) throw new RunError('a string that is too long');
        }
        return joined;
      }
    }
  }

  #number(expr: NumberExpr): number {
    this.#around.budget.spend(1);
    switch (expr.kind) {
      case 'number':
        return expr.value;
      case 'convert':
        return check(convert(this.#text(expr.of), expr.float), expr.float);
      case 'negate':
        return -this.#number(expr.of);
      case 'arithmetic': {
        const [left, right] = [this.#number(expr.left), this.#number(expr.right)];
        return check(calculate(expr.sign, [left, right], expr.float), expr.float);
      }
    }
  }
}

/** Names of the attributes that an expression reads, each once. */
export function namesIn(expr: Test | StringExpr | NumberExpr): string[] {
  switch (expr.kind) {
    case 'attribute':
      return [expr.name];
    case 'not':
    case 'dereference':
    case 'convert':
    case 'negate':
      return namesIn(expr.of);
    case 'all':
    case 'any':
      return [...new Set(expr.of.flatMap(namesIn))];
    case 'join':
      return [...new Set(expr.parts.flatMap(namesIn))];
    case 'strings':
    case 'numbers':
    case 'arithmetic':
      return [...new Set([...namesIn(expr.left), ...namesIn(expr.right)])];
    case 'match':
      return [...new Set([...namesIn(expr.left), ...namesIn(expr.pattern)])];
    default:
      return [];
  }
}

function compare<T extends string | number>(sign: string, a: T, b: T): boolean {
  switch (sign) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    default:
      return a >= b;
  }
}

// A whole decimal number, with a sign or without; anything else is 0.
function convert(text: string, float: boolean): number {
  const form = float ? /^[+-]?\d{1,400}(?:\.\d{1,400})?$/ : /^[+-]?\d{1,400}$/;
  return form.test(text) ? Number(text) : 0;
}

function check(value: number, float: boolean): number {
  if (float ? !Number.isFinite(value) : !Number.isSafeInteger(value))
    throw new RunError('a number out of range');
  // no test is to tell 0 from -0
  return value === 0 ? 0 : value;
}

function calculate(sign: string, [a, b]: readonly [number, number], float: boolean): number {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return float ? a / b : b === 0 ? NaN : Math.trunc(a / b);
    case '%':
      return b === 0 ? NaN : a % b;
    default:
      return float || b >= 0 ? a ** b : NaN;
  }
}

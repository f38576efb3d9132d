/**
 * Conditions, evaluated. RFC 2704 §5. Pure; every step is counted.
 *
 * A clause whose test fails to evaluate (division by zero, a bad regular expression, a number out of range) does not hold, whatever stands around
 * the failing part, `!` included; its siblings are judged on their own. `&&` and `||` look no further than they must. The groups of a `~=` live
 * to the end of their clause.
 *
 * Where an attribute has no value yet, what depends on it is `undefined`: it may be so or not. A clause that may hold counts as one that does, so
 * what comes out is never less than with the value, whatever that will be.
 */
import { MAX_KEYNOTE_STEPS, MAX_KEYNOTE_STRING } from '../../model/limits.js';
import { GtpkgError } from '../../model/errors.js';
import { BadExpression } from './ere-parse.js';
import { matchEre } from './ere.js';
import { calculate, check, compare, convert, RunError } from './operators.js';
import {
  namesIn,
  type Assertion,
  type Clause,
  type NumberExpr,
  type StringExpr,
  type Test,
} from './syntax.js';

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
  /** attributes that have no value yet */
  readonly unknown: ReadonlySet<string>;
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

type Groups = ReadonlyMap<string, string>;
// Those of a match of which is not known whether it took place, or of what.
const UNSURE: Groups = new Map();

class Run {
  readonly #constants: ReadonlyMap<string, string>;
  readonly #around: Surroundings;
  #groups: Groups = new Map();
  // in this clause something is not known: what follows may not have been looked at
  #unsure = false;

  constructor(constants: ReadonlyMap<string, string>, around: Surroundings) {
    this.#constants = constants;
    this.#around = around;
  }

  clauses(clauses: readonly Clause[], groups: Groups): Outcome {
    let best: Outcome = { value: 0, path: [] };
    for (const clause of clauses) {
      this.#groups = groups;
      this.#unsure = false;
      const found = this.#clause(clause);
      if (found.value > best.value) best = found;
    }
    return best;
  }

  #clause(clause: Clause): Outcome {
    const { values } = this.#around;
    try {
      if (this.test(clause.test) === false) return { value: 0, path: [] };
      const { then } = clause;
      if (then === undefined) return { value: values.length - 1, path: [clause] };
      if ('kind' in then) {
        const name = this.#text(then);
        const value = name === undefined ? values.length - 1 : Math.max(0, values.indexOf(name));
        return { value, path: [clause] };
      }
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
      this.#unsure = false;
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
      if (this.test(test) !== false) return undefined;
    } catch (caught) {
      if (!(caught instanceof RunError)) throw caught;
      error = caught.message;
    }
    const attributes = Object.fromEntries(
      namesIn(test).flatMap((name) => {
        const value = this.#attribute(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
    return { test: body.slice(test.start, test.end).replace(/\s+/g, ' '), attributes, error };
  }

  /** undefined: it depends on what is not known. @throws RunError */
  test(test: Test): boolean | undefined {
    this.#around.budget.spend(1);
    const found = this.#test(test);
    if (found === undefined) this.#unsure = true;
    return found;
  }

  #test(test: Test): boolean | undefined {
    switch (test.kind) {
      case 'constant':
        return test.value;
      case 'not': {
        const found = this.test(test.of);
        return found === undefined ? undefined : !found;
      }
      case 'all':
        return this.#look(test.of, false);
      case 'any':
        return this.#look(test.of, true);
      case 'strings':
        return compare(test.sign, this.#text(test.left), this.#text(test.right));
      case 'numbers':
        return compare(test.sign, this.#number(test.left), this.#number(test.right));
      case 'match':
        return this.#match(this.#text(test.pattern), this.#text(test.left));
    }
  }

  // One after the other, up to the first that decides. One that may have decided hides what is wrong with those after it.
  #look(tests: readonly Test[], decides: boolean): boolean | undefined {
    let sure = true;
    for (const each of tests) {
      let found: boolean | undefined;
      try {
        found = this.test(each);
      } catch (error) {
        if (sure || !(error instanceof RunError)) throw error;
      }
      if (found === decides) return decides;
      if (found === undefined) sure = false;
    }
    return sure ? !decides : undefined;
  }

  #match(pattern: string | undefined, text: string | undefined): boolean | undefined {
    if (pattern === undefined || text === undefined) {
      this.#groups = UNSURE;
      return undefined;
    }
    try {
      const match = matchEre(pattern, text, this.#around.budget.spend);
      if (match === undefined) return false;
      const groups = match.slice(1).map((group, i): [string, string] => [`_${i + 1}`, group ?? '']);
      this.#groups = this.#unsure ? UNSURE : new Map([...groups, ['_0', String(match.length - 1)]]);
      return true;
    } catch (error) {
      if (error instanceof BadExpression) throw new RunError(error.message);
      throw error;
    }
  }

  #attribute(name: string): string | undefined {
    if (this.#groups === UNSURE && /^_\d+$/.test(name)) return undefined;
    const found = this.#groups.get(name) ?? this.#constants.get(name);
    if (found !== undefined) return found;
    const { attributes, unknown } = this.#around;
    return attributes.get(name) ?? (unknown.has(name) ? undefined : '');
  }

  #text(expr: StringExpr): string | undefined {
    const { spend } = this.#around.budget;
    spend(1);
    switch (expr.kind) {
      case 'text':
        return expr.value;
      case 'attribute':
        return this.#attribute(expr.name);
      case 'dereference': {
        const name = this.#text(expr.of);
        return name === undefined ? undefined : this.#attribute(name);
      }
      case 'join': {
        let joined: string | undefined = '';
        for (const part of expr.parts) {
          const text = this.#text(part);
          joined = joined === undefined || text === undefined ? undefined : joined + text;
          spend((joined?.length ?? 0) >> 4);
          if ((joined?.length ?? 0) > MAX_KEYNOTE_STRING) throw new RunError('a string that is too long');
        }
        return joined;
      }
    }
  }

  #number(expr: NumberExpr): number | undefined {
    this.#around.budget.spend(1);
    switch (expr.kind) {
      case 'number':
        return expr.value;
      case 'convert': {
        const text = this.#text(expr.of);
        return text === undefined ? undefined : check(convert(text, expr.float), expr.float);
      }
      case 'negate': {
        const found = this.#number(expr.of);
        return found === undefined ? undefined : -found;
      }
      case 'arithmetic': {
        const [left, right] = [this.#number(expr.left), this.#number(expr.right)];
        if (left === undefined || right === undefined) return undefined;
        return check(calculate(expr.sign, [left, right], expr.float), expr.float);
      }
    }
  }
}

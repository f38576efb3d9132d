/**
 * Why a principal is worth what it is, as a tree. Pure; the same for any order of the assertions.
 *
 * `proof` is the shortest way to the value: each principal with the one assertion that gave it, down to the requesters. `survey` is everything that was
 * looked at, each principal once, for when the answer is no.
 */
import type { Answer, Judged } from './evaluate.js';
import { support, worthOf } from './evaluate.js';
import { failingClauses, type Failing } from './run.js';
import { namesIn, type Licensees } from './syntax.js';
import { fromBytes } from './text.js';

/** A principal and what made it worth what it is. */
export interface PrincipalNode {
  readonly principal: string;
  /** name of its value */
  readonly value: string;
  /** it makes the request itself */
  readonly requester: boolean;
  /** it stands elsewhere in the tree with all that belongs to it */
  readonly seen: boolean;
  readonly by: readonly AssertionNode[];
}

/** An assertion that authorises, or would. */
export interface AssertionNode {
  readonly where: string;
  readonly comment: string | undefined;
  readonly value: string;
  readonly conditions: {
    readonly value: string;
    /** the clauses that hold, outermost first, as they are written */
    readonly holding: readonly string[];
    /** attributes that these read and that have no value yet: what would serve best was taken */
    readonly assumed: readonly string[];
    /** what fails, where the value is not the highest */
    readonly failing: readonly Failing[];
  };
  readonly licensees: { readonly value: string; readonly of: readonly LicenseesNode[] };
}

/** A part of Licensees; a leaf is a principal. */
export type LicenseesNode =
  PrincipalNode | { readonly needs: string; readonly value: string; readonly of: readonly LicenseesNode[] };

/** The shortest proof. */
export function proof(answer: Answer, principal: string): PrincipalNode {
  return new Tree(answer, false).principal(principal);
}

/** All that was looked at. */
export function survey(answer: Answer, principal: string): PrincipalNode {
  return new Tree(answer, true).principal(principal);
}

class Tree {
  readonly #answer: Answer;
  readonly #all: boolean;
  readonly #seen = new Set<string>();

  constructor(answer: Answer, all: boolean) {
    this.#answer = answer;
    this.#all = all;
  }

  #name(value: number): string {
    return this.#answer.query.values[value] ?? '';
  }

  principal(name: string): PrincipalNode {
    const { worth, by, query } = this.#answer;
    const requester = query.requesters.includes(name);
    const assertions = requester ? [] : by(name);
    const seen = assertions.length > 0 && this.#seen.has(name);
    this.#seen.add(name);
    const shown = seen ? [] : this.#all ? assertions : assertions.slice(0, 1);
    return {
      principal: fromBytes(name),
      value: this.#name(worth(name)),
      requester,
      seen,
      by: shown.map((each) => this.#assertion(each)),
    };
  }

  #assertion(judged: Judged): AssertionNode {
    const { assertion, licensees, value } = judged;
    const conditions = judged.conditions();
    const { where, comment, conditionsText } = assertion;
    const { unknown } = this.#answer.surroundings;
    const highest = this.#answer.query.values.length - 1;
    return {
      where,
      comment: comment === undefined ? undefined : fromBytes(comment),
      value: this.#name(value),
      conditions: {
        value: this.#name(conditions.value),
        holding: conditions.path.map(({ test }) =>
          fromBytes(conditionsText.slice(test.start, test.end)).replace(/\s+/g, ' '),
        ),
        assumed: [...new Set(conditions.path.flatMap(({ test }) => namesIn(test)))].filter(
          (name) => unknown.has(name) && !assertion.constants.has(name),
        ),
        failing:
          conditions.value === highest
            ? []
            : failingClauses(assertion, this.#answer.surroundings).map(readable),
      },
      licensees: {
        value: this.#name(licensees),
        of:
          assertion.licensees === undefined || assertion.licensees === 'never'
            ? []
            : [this.#licensees(assertion.licensees, value)],
      },
    };
  }

  // `value` is what a proof has to reach.
  #licensees(licensees: Licensees, value: number): LicenseesNode {
    if (licensees.kind === 'principal') return this.principal(licensees.name);
    const of: readonly Licensees[] =
      licensees.kind === 'threshold'
        ? [...new Set(licensees.of)].map((name) => ({ kind: 'principal', name }))
        : licensees.of;
    const k = licensees.kind === 'threshold' ? licensees.k : licensees.kind === 'all' ? of.length : 1;
    const chosen = this.#all ? of : this.#best(of, value).slice(0, k);
    const needs = licensees.kind === 'all' ? 'all' : `${k} of ${of.length}`;
    const [only] = chosen;
    if (chosen.length === 1 && only !== undefined) return this.#licensees(only, value);
    const worth = worthOf(licensees, this.#answer.worth, this.#answer.query.values.length - 1);
    return { needs, value: this.#name(worth), of: chosen.map((each) => this.#licensees(each, value)) };
  }

  #best(of: readonly Licensees[], value: number): readonly Licensees[] {
    const { worth, round, query } = this.#answer;
    const max = query.values.length - 1;
    const age = (each: Licensees): number => support(each, (name) => round(name, value));
    return [...of].sort(
      (a, b) =>
        Math.min(value, worthOf(b, worth, max)) - Math.min(value, worthOf(a, worth, max)) || age(a) - age(b),
    );
  }
}

function readable({ test, attributes, error }: Failing): Failing {
  const entries = Object.entries(attributes).map(([name, value]) => [name, fromBytes(value)]);
  return { test: fromBytes(test), attributes: Object.fromEntries(entries), error };
}

/** The search by itself: right on random clauses, and every "no" with clauses that prove it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError } from '../../model/index.js';
import { minimise } from '../../resolver/core.js';
import type { Stated } from '../../resolver/clauses.js';
import { Sat, type Theory } from '../../resolver/sat.js';

const VARIABLES = 8;

const literal = fc.integer({ min: 1, max: VARIABLES }).chain((v) => fc.constantFrom(v, -v));
const clause = fc.uniqueArray(literal, { minLength: 1, maxLength: 3, selector: Math.abs });
const clauses = fc.array(clause, { minLength: 1, maxLength: 45 });

/** Tries variables in order, true first; brings each clause when its first negative variable becomes true. */
class Lazy implements Theory {
  readonly sat = new Sat<number>(this, 10_000);
  readonly #clauses: readonly (readonly number[])[];
  #at = 1;
  readonly #saved: number[] = [];

  constructor(all: readonly (readonly number[])[]) {
    this.#clauses = all;
    for (let v = 1; v <= VARIABLES; v++) this.sat.newVariable();
    all.forEach((one, index) => {
      if (this.#owner(one) === undefined) this.sat.add(one, index);
    });
  }

  #owner(one: readonly number[]): number | undefined {
    const negative = one.filter((l) => l < 0);
    return negative.length === 0 ? undefined : Math.min(...negative.map((l) => -l));
  }

  expand(variable: number): void {
    this.#clauses.forEach((one, index) => {
      if (this.#owner(one) === variable) this.sat.add(one, index);
    });
  }

  decide(): number {
    while (this.#at <= VARIABLES && this.sat.value(this.#at) !== 0) this.#at++;
    return this.#at > VARIABLES ? 0 : this.#at;
  }

  push(): void {
    this.#saved.push(this.#at);
  }

  pop(level: number): void {
    this.#at = this.#saved[level] ?? this.#at;
    this.#saved.length = level;
  }
}

/** The assignment that comes first in the order of decisions, by trying all; bit v-1 set: v is true. */
function first(all: readonly (readonly number[])[], fixed?: number): number | undefined {
  let best: number | undefined;
  let bestKey = -1;
  for (let bits = 0; bits < 1 << VARIABLES; bits++) {
    const holds = (l: number): boolean => ((bits >> (Math.abs(l) - 1)) & 1) === (l > 0 ? 1 : 0);
    if (fixed !== undefined && !holds(fixed)) continue;
    if (!all.every((one) => one.some(holds))) continue;
    let key = 0;
    for (let v = 0; v < VARIABLES; v++) key = key * 2 + ((bits >> v) & 1);
    if (key > bestKey) [best, bestKey] = [bits, key];
  }
  return best;
}

test('finds the assignment that decisions in order give, or proves that there is none', () => {
  const seen = { yes: 0, no: 0 };
  fc.assert(
    fc.property(clauses, (all) => {
      const { sat } = new Lazy(all);
      const expected = first(all);
      const found = sat.solve();
      seen[found ? 'yes' : 'no']++;
      assert.equal(found, expected !== undefined);
      if (expected === undefined) {
        const core = sat.core.map(({ origin }) => all[origin] ?? []);
        assert.equal(first(core), undefined, 'the core is a contradiction');
        const small = minimise(
          sat.core.map(({ origin }): Stated<number> => ({ literals: all[origin] ?? [], origin })),
        );
        assert.ok(small.minimal);
        small.facts.forEach((fact) => {
          const rest = small.facts.filter((other) => other !== fact).map(({ literals }) => literals);
          assert.notEqual(first(rest), undefined, 'each clause of a minimal core is needed');
        });
        return;
      }
      for (let v = 1; v <= VARIABLES; v++) assert.equal(sat.value(v) > 0, ((expected >> (v - 1)) & 1) === 1);
    }),
    // The example: a clause of one literal that comes while another clause is already false.
    { numRuns: 3000, examples: [[[[-4, -5, -1], [-4, 8], [-8, 5], [-8], [1]]]] },
  );
  assert.ok(seen.yes > 300 && seen.no > 300, JSON.stringify(seen));
});

test('asked again with one literal to hold, it says whether that can be, and why not', () => {
  fc.assert(
    fc.property(clauses, fc.array(literal, { minLength: 1, maxLength: 4 }), (all, wishes) => {
      const { sat } = new Lazy(all);
      if (!sat.solve()) return;
      for (const wish of wishes) {
        const possible = sat.solve(wish);
        assert.equal(possible, first(all, wish) !== undefined);
        if (possible) continue;
        const core = sat.core.map(({ origin }) => all[origin] ?? []);
        assert.equal(first([...core, [wish]]), undefined);
      }
      assert.equal(sat.solve(), true);
    }),
    { numRuns: 1500 },
  );
});

test('gives up on a hopeless search instead of hanging', () => {
  // Nine pigeons, eight holes.
  const sat = new Sat<number>(
    { expand: () => undefined, decide: () => next(), push: () => undefined, pop: () => undefined },
    300,
  );
  const at = (pigeon: number, hole: number): number => pigeon * 8 + hole + 1;
  for (let v = 0; v < 72; v++) sat.newVariable();
  const next = (): number => Array.from({ length: 72 }, (_, v) => v + 1).find((v) => sat.value(v) === 0) ?? 0;
  for (let pigeon = 0; pigeon < 9; pigeon++) {
    sat.add(
      Array.from({ length: 8 }, (_, hole) => at(pigeon, hole)),
      pigeon,
    );
    for (let other = 0; other < pigeon; other++) {
      for (let hole = 0; hole < 8; hole++) sat.add([-at(pigeon, hole), -at(other, hole)], 100);
    }
  }
  assert.throws(
    () => sat.solve(),
    (error) => error instanceof GtpkgError && error.code === 'LIMIT_EXCEEDED',
  );
});

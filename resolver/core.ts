/**
 * A smallest reason: from clauses that together cannot hold, drops every one that the contradiction can do without.
 */
import type { Stated } from './clauses.js';
import { Sat, type Theory } from './sat.js';

/** Clauses looked at over all attempts; beyond it the reason stays correct but may not be the smallest. */
const MAX_WORK = 1_500_000;

/** What is left, in the order given, and whether each clause left is known to be necessary. */
export interface Core<Origin> {
  readonly facts: readonly Stated<Origin>[];
  readonly minimal: boolean;
}

// Tries every variable, false first.
class AnyAssignment implements Theory {
  readonly count: number;
  value: (variable: number) => number = () => 0;
  #at = 1;
  readonly #saved: number[] = [];

  constructor(count: number) {
    this.count = count;
  }

  expand(): void {
    // all clauses are there from the start
  }

  decide(): number {
    while (this.#at <= this.count && this.value(this.#at) !== 0) this.#at++;
    return this.#at <= this.count ? -this.#at : 0;
  }

  push(): void {
    this.#saved.push(this.#at);
  }

  pop(level: number): void {
    this.#at = this.#saved[level] ?? this.#at;
    this.#saved.length = level;
  }
}

/** Either the clauses of a proof that they contradict each other, or an assignment that satisfies all. */
type Verdict<Origin> =
  { readonly proof: readonly Stated<Origin>[] } | { readonly holds: (literal: number) => boolean };

function decide<Origin>(facts: readonly Stated<Origin>[]): Verdict<Origin> {
  const names = new Map<number, number>();
  for (const { literals } of facts) {
    for (const literal of literals)
      if (!names.has(Math.abs(literal))) names.set(Math.abs(literal), names.size + 1);
  }
  const own = (literal: number): number => Math.sign(literal) * (names.get(Math.abs(literal)) ?? 0);
  const theory = new AnyAssignment(names.size);
  const sat = new Sat<Stated<Origin>>(theory, MAX_WORK);
  theory.value = (variable) => sat.value(variable);
  for (let i = 0; i < names.size; i++) sat.newVariable();
  for (const fact of facts) sat.add(fact.literals.map(own), fact);
  if (!sat.solve()) return { proof: sat.core.map(({ origin }) => origin) };
  return { holds: (literal) => sat.value(own(literal)) > 0 };
}

/**
 * Facts that an assignment shows to be necessary: where it makes one fact false and all others true, and changing
 * one variable makes exactly one other fact false instead, that one is necessary too ("model rotation").
 */
class Rotation<Origin> {
  readonly #facts: readonly Stated<Origin>[];
  readonly #true = new Set<number>();
  /** literal → facts that hold it */
  readonly #places = new Map<number, number[]>();
  /** fact → how many of its literals are true */
  readonly #support: number[];
  readonly #needed: Set<Stated<Origin>>;

  constructor(
    facts: readonly Stated<Origin>[],
    holds: (literal: number) => boolean,
    needed: Set<Stated<Origin>>,
  ) {
    this.#facts = facts;
    this.#needed = needed;
    this.#support = facts.map(({ literals }, index) => {
      for (const literal of literals) {
        const known = this.#places.get(literal);
        if (known === undefined) this.#places.set(literal, [index]);
        else known.push(index);
        if (holds(literal)) this.#true.add(literal);
        else this.#true.add(-literal);
      }
      return literals.filter(holds).length;
    });
  }

  // Gives the facts that this makes false.
  #flip(literal: number): number[] {
    this.#true.delete(-literal);
    this.#true.add(literal);
    for (const index of this.#places.get(literal) ?? [])
      this.#support[index] = (this.#support[index] ?? 0) + 1;
    return (this.#places.get(-literal) ?? []).filter((index) => {
      this.#support[index] = (this.#support[index] ?? 0) - 1;
      return this.#support[index] === 0;
    });
  }

  /** Goes on from `start`, the one fact that is false. */
  run(start: number): void {
    const path: { readonly fact: number; next: number; flipped: number }[] = [
      { fact: start, next: 0, flipped: 0 },
    ];
    for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
      if (frame.flipped !== 0) this.#flip(-frame.flipped);
      const literal = this.#facts[frame.fact]?.literals[frame.next++];
      frame.flipped = literal ?? 0;
      if (literal === undefined) {
        path.pop();
        continue;
      }
      const [only, ...others] = this.#flip(literal);
      const fact = only === undefined ? undefined : this.#facts[only];
      if (only === undefined || fact === undefined || others.length > 0 || this.#needed.has(fact)) continue;
      this.#needed.add(fact);
      path.push({ fact: only, next: 0, flipped: 0 });
    }
  }
}

/** Deletion-based minimisation; `facts` must contradict each other. */
export function minimise<Origin>(facts: readonly Stated<Origin>[]): Core<Origin> {
  let left = facts;
  const needed = new Set<Stated<Origin>>();
  let work = 0;
  for (;;) {
    const at = left.findIndex((fact) => !needed.has(fact));
    const candidate = left[at];
    if (candidate === undefined) return { facts: left, minimal: true };
    work += left.length;
    if (work > MAX_WORK) return { facts: left, minimal: false };
    const verdict = decide(left.filter((fact) => fact !== candidate));
    if ('proof' in verdict) {
      left = verdict.proof;
      continue;
    }
    needed.add(candidate);
    new Rotation(left, verdict.holds, needed).run(at);
  }
}

/**
 * A smallest reason: from clauses that together cannot hold, drops every one that the contradiction can do without.
 */
import { Sat, type Stated, type Theory } from './sat.js';

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

/** The clauses of a proof that they contradict each other, or undefined when they do not. */
function contradiction<Origin>(facts: readonly Stated<Origin>[]): readonly Stated<Origin>[] | undefined {
  const names = new Map<number, number>();
  for (const { literals } of facts) {
    for (const literal of literals)
      if (!names.has(Math.abs(literal))) names.set(Math.abs(literal), names.size + 1);
  }
  const theory = new AnyAssignment(names.size);
  const sat = new Sat<Stated<Origin>>(theory, MAX_WORK);
  theory.value = (variable) => sat.value(variable);
  for (let i = 0; i < names.size; i++) sat.newVariable();
  for (const fact of facts) {
    sat.add(
      fact.literals.map((literal) => Math.sign(literal) * (names.get(Math.abs(literal)) ?? 0)),
      fact,
    );
  }
  return sat.solve() ? undefined : sat.core.map(({ origin }) => origin);
}

/** Deletion-based minimisation; `facts` must contradict each other. */
export function minimise<Origin>(facts: readonly Stated<Origin>[]): Core<Origin> {
  let left = contradiction(facts) ?? facts;
  const needed = new Set<Stated<Origin>>();
  let work = 0;
  for (;;) {
    const candidate = left.find((fact) => !needed.has(fact));
    if (candidate === undefined) return { facts: left, minimal: true };
    work += left.length;
    if (work > MAX_WORK) return { facts: left, minimal: false };
    const smaller = contradiction(left.filter((fact) => fact !== candidate));
    if (smaller === undefined) needed.add(candidate);
    else left = smaller;
  }
}

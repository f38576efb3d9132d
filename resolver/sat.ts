/**
 * Conflict-driven clause learning over clauses that are made when they are first needed.
 *
 * Variables count from 1; a literal is a variable or its negative. The theory is asked for the clauses of a
 * variable when that first becomes true, so only the part of the universe that the search touches is ever
 * written down; each such clause must hold the variable's negative. The theory also decides: the search takes
 * back a decision only where the clauses and the decisions before it leave no other way, so what the theory
 * decides first weighs most, without exception. No clocks, no chance: same calls, same answer.
 *
 * Every learned clause remembers what it was derived from, so that a "no" comes with the clauses that prove it.
 */
import { GtpkgError } from '../model/errors.js';
import { Clauses, HEADER, NONE, type Stated } from './clauses.js';

/** What the search needs to know of the world. */
export interface Theory {
  /** `variable` is true for the first time: add all its clauses. */
  expand(variable: number): void;
  /** The next literal to try (unassigned), or 0 when nothing more is wanted. */
  decide(): number;
  /** A decision level opens. */
  push(): void;
  /** All decision levels above `level` are gone. */
  pop(level: number): void;
}

/** Above every level: a literal that is not false. */
const OPEN = 0x3fff_ffff;

const watchIndex = (literal: number): number => (literal < 0 ? -2 * literal + 1 : 2 * literal);

/** The search. `solve` may be called again; what was learned stays. */
export class Sat<Origin> {
  readonly #theory: Theory;
  readonly #maxConflicts: number;
  #conflicts = 0;

  readonly #clauses = new Clauses<Origin>();
  // By literal: the first clause that watches it, NONE at the end. A watch is twice the reference, plus the place of
  // the literal in the clause, 0 or 1; the next one stands in the clause.
  readonly #watches: number[] = [NONE, NONE];

  // By variable.
  readonly #value: number[] = [0];
  readonly #level: number[] = [0];
  readonly #reason: number[] = [NONE];
  readonly #expanded: boolean[] = [false];
  readonly #seen: boolean[] = [false];

  readonly #trail: number[] = [];
  readonly #levels: number[] = [];
  #head = 0;
  // A clause that was added and is already false.
  #pending = NONE;
  #core: Stated<Origin>[] = [];

  constructor(theory: Theory, maxConflicts: number) {
    this.#theory = theory;
    this.#maxConflicts = maxConflicts;
  }

  /** A new variable, unassigned. */
  newVariable(): number {
    this.#watches.push(NONE, NONE);
    this.#level.push(0);
    this.#reason.push(NONE);
    this.#expanded.push(false);
    this.#seen.push(false);
    return this.#value.push(0) - 1;
  }

  /** 1 true, -1 false, 0 open. */
  value(literal: number): number {
    return literal < 0 ? -(this.#value[-literal] ?? 0) : (this.#value[literal] ?? 0);
  }

  /** Contradictions met since `solve` was last called. */
  get deadEnds(): number {
    return this.#conflicts;
  }

  /** Literals in the order in which they became true. */
  get trail(): readonly number[] {
    return this.#trail;
  }

  /** After `solve` said no: the clauses that suffice for a proof, in the order in which they were added. */
  get core(): readonly Stated<Origin>[] {
    return this.#core;
  }

  /**
   * Adds a clause: from outside before `solve`, or from `expand`.
   * Clauses of one literal and none are for outside only, unless the literal is false.
   */
  add(literals: readonly number[], origin: Origin): void {
    this.#added(this.#clauses.state(0, literals, origin));
  }

  /** Adds the clause "`variable`, then one of these". */
  imply(variable: number, literals: readonly number[], origin: Origin): void {
    this.#added(this.#clauses.state(-variable, literals, origin));
  }

  #added(reference: number): void {
    const length = this.#clauses.length(reference);
    if (length === 0) this.#pending = reference;
    else if (length === 1) this.#attachUnit(reference);
    else this.#attach(reference, length);
  }

  /**
   * Searches for an assignment in which `first` (when given) is true.
   * @throws GtpkgError LIMIT_EXCEEDED after too many dead ends
   */
  solve(first = 0): boolean {
    this.#conflicts = 0;
    this.#backtrack(0);
    for (;;) {
      const conflict = this.#propagate();
      if (conflict !== NONE) {
        if (this.#levels.length === 0 || this.#clauses.length(conflict) === 0) {
          this.#core = this.#clauses.proof(
            [this.#clauses.serial(conflict)],
            this.#clauses.literals(conflict),
            this.#reason,
          );
          this.#pending = conflict;
          return false;
        }
        this.#learn(conflict);
        continue;
      }
      let next = 0;
      if (first !== 0 && this.#levels.length === 0) {
        if (this.value(first) < 0) {
          this.#core = this.#clauses.proof([], [first], this.#reason);
          return false;
        }
        if (this.value(first) === 0) next = first;
      }
      next ||= this.#theory.decide();
      if (next === 0) return true;
      this.#levels.push(this.#trail.length);
      this.#theory.push();
      this.#assign(next, NONE);
    }
  }

  #attachUnit(reference: number): void {
    const literal = this.#clauses.arena[reference + HEADER] ?? 0;
    const value = this.value(literal);
    // Nothing watches a clause of one literal: it is learned from now, before any other that is false too.
    if (value < 0) this.#pending = reference;
    else if (value === 0) this.#assign(literal, reference);
  }

  // Watches the two literals that will be open longest, so that the watches hold after any way back.
  #attach(reference: number, length: number): void {
    const { arena } = this.#clauses;
    const base = reference + HEADER;
    for (let place = base; place < base + 2; place++) {
      let best = place;
      let openness = this.#openness(arena[place] ?? 0);
      for (let at = place + 1; at < base + length && openness < OPEN; at++) {
        const other = this.#openness(arena[at] ?? 0);
        if (other > openness) [best, openness] = [at, other];
      }
      const literal = arena[best] ?? 0;
      arena[best] = arena[place] ?? 0;
      arena[place] = literal;
      this.#watch(literal, reference, place - base);
    }
    const first = arena[base] ?? 0;
    const value = this.value(first);
    if (value < 0) this.#pending = this.#pending === NONE ? reference : this.#pending;
    else if (value === 0 && this.value(arena[base + 1] ?? 0) < 0) this.#assign(first, reference);
  }

  #openness(literal: number): number {
    return this.value(literal) < 0 ? (this.#level[Math.abs(literal)] ?? 0) : OPEN;
  }

  #assign(literal: number, reason: number): void {
    const variable = Math.abs(literal);
    this.#value[variable] = literal > 0 ? 1 : -1;
    this.#level[variable] = this.#levels.length;
    this.#reason[variable] = reason;
    this.#trail.push(literal);
  }

  #backtrack(level: number): void {
    const keep = this.#levels[level];
    if (keep === undefined) return;
    for (let at = keep; at < this.#trail.length; at++) this.#value[Math.abs(this.#trail[at] ?? 0)] = 0;
    this.#trail.length = keep;
    this.#levels.length = level;
    this.#head = keep;
    this.#theory.pop(level);
  }

  /** Draws all conclusions; gives a clause that became false, or NONE. */
  #propagate(): number {
    if (this.#pending !== NONE) return this.#takePending();
    while (this.#head < this.#trail.length) {
      const literal = this.#trail[this.#head++] ?? 0;
      const conflict = this.#visit(-literal);
      if (conflict !== NONE) return conflict;
      if (literal > 0 && this.#expanded[literal] === false) {
        this.#expanded[literal] = true;
        this.#theory.expand(literal);
        if (this.#pending !== NONE) return this.#takePending();
      }
    }
    return NONE;
  }

  #takePending(): number {
    const conflict = this.#pending;
    this.#pending = NONE;
    return conflict;
  }

  #watch(literal: number, reference: number, place: number): void {
    const index = watchIndex(literal);
    this.#clauses.arena[reference + 2 + place] = this.#watches[index] ?? NONE;
    this.#watches[index] = 2 * reference + place;
  }

  // `gone` has become false: every clause that watches it finds another watch, is satisfied, unit or false.
  #visit(gone: number): number {
    const { arena } = this.#clauses;
    const index = watchIndex(gone);
    let conflict = NONE;
    let watch = this.#watches[index] ?? NONE;
    // where the number of the next watch stands: in the table at first, then in the clause before
    let before = NONE;
    while (watch !== NONE && conflict === NONE) {
      const reference = watch >> 1;
      const place = watch & 1;
      const link = reference + 2 + place;
      const next = arena[link] ?? NONE;
      const other = arena[reference + HEADER + 1 - place] ?? 0;
      const value = this.value(other);
      if (value <= 0 && this.#moveWatch(reference, place)) {
        if (before === NONE) this.#watches[index] = next;
        else arena[before] = next;
      } else {
        before = link;
        if (value < 0) conflict = reference;
        else if (value === 0) this.#assign(other, reference);
      }
      watch = next;
    }
    return conflict;
  }

  #moveWatch(reference: number, place: number): boolean {
    const { arena } = this.#clauses;
    const base = reference + HEADER;
    const end = base + this.#clauses.length(reference);
    for (let at = base + 2; at < end; at++) {
      const literal = arena[at] ?? 0;
      if (this.value(literal) < 0) continue;
      arena[at] = arena[base + place] ?? 0;
      arena[base + place] = literal;
      this.#watch(literal, reference, place);
      return true;
    }
    return false;
  }

  // First unique implication point; goes back to where the learned clause decides something.
  #learn(conflict: number): void {
    if (++this.#conflicts > this.#maxConflicts) {
      throw new GtpkgError('LIMIT_EXCEEDED', `No answer after ${this.#maxConflicts} dead ends`, {
        hint: 'Ask for fewer packages at once, or name the versions you want.',
      });
    }
    const current = this.#levels.length;
    const learned = [0];
    const antecedents: number[] = [];
    const touched: number[] = [];
    let open = 0;
    let at = this.#trail.length - 1;
    let reference = conflict;
    let resolved = 0;
    for (;;) {
      antecedents.push(this.#clauses.serial(reference));
      for (const literal of this.#clauses.literals(reference)) {
        const variable = Math.abs(literal);
        if (literal === resolved || this.#seen[variable] === true) continue;
        this.#seen[variable] = true;
        touched.push(variable);
        const level = this.#level[variable] ?? 0;
        if (level === current) open++;
        else if (level === 0) antecedents.push(-variable);
        else learned.push(literal);
      }
      while (this.#seen[Math.abs(this.#trail[at] ?? 0)] !== true) at--;
      resolved = this.#trail[at--] ?? 0;
      if (--open === 0) break;
      reference = this.#reason[Math.abs(resolved)] ?? NONE;
    }
    for (const variable of touched) this.#seen[variable] = false;
    learned[0] = -resolved;
    this.#assertLearned(learned, antecedents);
  }

  #assertLearned(learned: readonly number[], antecedents: readonly number[]): void {
    let back = 0;
    for (const literal of learned.slice(1)) back = Math.max(back, this.#level[Math.abs(literal)] ?? 0);
    this.#backtrack(back);
    const reference = this.#clauses.learn(learned, antecedents);
    if (learned.length === 1) this.#attachUnit(reference);
    else this.#attach(reference, learned.length);
  }
}

/**
 * A request as a theory for the search: which clauses a release brings, and in what order to decide.
 *
 * Decisions, first weighs most (each is taken back only where what came before leaves no other way):
 * 1. the highest release of each package that the user named;
 * 2. for an upgrade, the highest release of each package that it means, manual ones first;
 * 3. every installed package stays, in whatever version;
 * 4. every installed package stays as it is, else goes to its highest release;
 * 5. of each dependency of what will be there: the first alternative, its highest release, providers by name;
 * 6. where wanted, the same for what new packages recommend, or nothing if none fits.
 * All else stays out. What must be and what must not be are clauses, not preferences.
 *
 * An installed package whose dependency is broken already is left so, unless the user named it: a
 * request does not fail for what it did not cause.
 */
import { compareBytes } from '../model/bytes.js';
import { formatClause, type Clause, type Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { MAX_SOLVER_CONFLICTS } from '../model/limits.js';
import { ByArchitecture, packageOf } from './architectures.js';
import { coexist } from './match.js';
import type { Origin, Fact } from './origin.js';
import type { Rules } from './rules.js';
import { Sat, type Theory } from './sat.js';
import { State } from './state.js';

/** Either one literal to make true, or several of which the first possible one. */
type Preference = { readonly literal: number } | { readonly pick: readonly number[] };

interface Position {
  preference: number;
  needs: number;
  recommends: number;
}

/** One search; asked once for a solution, then as often as liked whether one release could also have been. */
export class Search implements Theory {
  readonly #rules: Rules;
  readonly #sat: Sat<Origin>;
  readonly #variables = new Map<Candidate, number>();
  readonly #candidates: (Candidate | undefined)[] = [undefined];
  /** variable → open choices, each a list of variables in order of preference */
  readonly #needs = new Map<number, (readonly number[])[]>();
  readonly #wanted = new Map<number, (readonly number[])[]>();
  // By identity, as Pool does: thousands of packages say the same.
  readonly #byName = new Map<string, readonly number[]>();
  readonly #byClause: ByArchitecture<Clause, readonly number[]>;
  readonly #byRelation = new Map<Relation, readonly number[]>();
  /** variables that stand for "some release of this name stays" */
  readonly #stays = new Map<number, string>();
  readonly #preferences: Preference[] = [];
  readonly #before: State;
  #at: Position = { preference: 0, needs: 0, recommends: 0 };
  readonly #saved: Position[] = [];

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#sat = new Sat<Origin>(this, MAX_SOLVER_CONFLICTS);
    this.#byClause = new ByArchitecture(rules.problem.architecture);
    this.#before = new State(
      rules.pool.allInstalled().map((installed) => installed.candidate),
      rules.problem.architecture,
    );
    this.#prepare();
  }

  /** What will be there, by name; undefined when nothing satisfies all that must be. */
  solve(): readonly Candidate[] | undefined {
    return this.#sat.solve() ? this.chosen().sort((a, b) => compareBytes(a.name, b.name)) : undefined;
  }

  /** After a yes: what the solution holds, in no order that means anything. */
  chosen(): Candidate[] {
    const chosen: Candidate[] = [];
    for (const literal of this.#sat.trail) {
      const candidate = literal > 0 ? this.#candidates[literal] : undefined;
      if (candidate !== undefined) chosen.push(candidate);
    }
    return chosen;
  }

  /** Whether a solution could hold `candidate`; if not, `core` says why not. */
  possible(candidate: Candidate): boolean {
    return this.#sat.solve(this.#variable(candidate));
  }

  /** How often the last answer had to be looked for elsewhere. */
  get deadEnds(): number {
    return this.#sat.deadEnds;
  }

  /** After a no: facts that suffice to prove it. */
  get core(): readonly Fact[] {
    return this.#sat.core;
  }

  /** The release that a variable stands for. */
  candidate(variable: number): Candidate | undefined {
    return this.#candidates[variable];
  }

  #variable(candidate: Candidate): number {
    const known = this.#variables.get(candidate);
    if (known !== undefined) return known;
    const variable = this.#sat.newVariable();
    this.#variables.set(candidate, variable);
    this.#candidates[variable] = candidate;
    return variable;
  }

  #usable(name: string): readonly number[] {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const found = this.#rules.usable(name).map((candidate) => this.#variable(candidate));
    this.#byName.set(name, found);
    return found;
  }

  #prepare(): void {
    const required = new Set<string>();
    for (const requirement of this.#rules.requirements()) {
      const name =
        requirement.kind === 'asked' ? requirement.wish.name : requirement.installed.candidate.name;
      required.add(name);
      this.#sat.add(this.#usable(name), requirement);
    }
    for (const name of this.#rules.wishes.keys()) this.#preferences.push({ pick: this.#usable(name) });
    for (const { candidate } of this.#rules.upgrades())
      this.#preferences.push({ pick: this.#usable(candidate.name) });
    const others = this.#rules.pool
      .allInstalled()
      .filter(({ candidate: { name } }) => !this.#rules.wishes.has(name) && !this.#rules.removed.has(name));
    for (const { candidate } of others) {
      if (required.has(candidate.name)) continue;
      const variable = this.#sat.newVariable();
      this.#stays.set(variable, candidate.name);
      this.#preferences.push({ literal: variable });
    }
    for (const { candidate } of others) {
      const present = this.#variable(candidate);
      const rest = this.#usable(candidate.name).filter((variable) => variable !== present);
      this.#preferences.push({ pick: [present, ...rest] });
    }
  }

  expand(variable: number): void {
    const candidate = this.#candidates[variable];
    if (candidate !== undefined) this.#expandCandidate(variable, candidate);
    const name = this.#stays.get(variable);
    if (name !== undefined) this.#sat.add([-variable, ...this.#usable(name)], { kind: 'stays', name });
  }

  #expandCandidate(variable: number, candidate: Candidate): void {
    const { name, relations } = candidate;
    for (const sibling of this.#usable(name)) {
      const other = this.#candidates[sibling];
      if (sibling === variable || other === undefined) continue;
      this.#sat.add([-variable, -sibling], { kind: 'single', name, pair: [candidate, other] });
    }
    for (const instance of this.#rules.pool.instances(name)) {
      for (const out of this.#usable(instance)) {
        const other = this.#candidates[out];
        if (other === undefined || coexist(candidate, other)) continue;
        this.#sat.add([-variable, -out], { kind: 'instances', candidate, other });
      }
    }
    if (this.#rules.dependencies) {
      this.#addNeeds(variable, 'Pre-Depends', relations.preDepends);
      this.#addNeeds(variable, 'Depends', relations.depends);
    }
    this.#addExclusions(variable, 'Conflicts', relations.conflicts);
    this.#addExclusions(variable, 'Breaks', relations.breaks);
  }

  /** Installed, not named by the user: what is broken about it now may stay broken. */
  #tolerated(candidate: Candidate): boolean {
    return this.#before.get(candidate.name) === candidate && !this.#rules.wishes.has(candidate.name);
  }

  #addNeeds(variable: number, field: 'Depends' | 'Pre-Depends', clauses: readonly Clause[]): void {
    const candidate = this.#candidates[variable];
    if (candidate === undefined || clauses.length === 0) return;
    const tolerated = this.#tolerated(candidate);
    for (const clause of clauses) {
      const options = this.#optionsFor(candidate, clause);
      if (options.includes(variable)) continue;
      if (tolerated && !this.#before.satisfied(clause, candidate)) continue;
      this.#sat.imply(variable, options, { kind: 'depends', candidate, field, clause });
      if (options.length < 2) continue;
      const needs = this.#needs.get(variable);
      if (needs === undefined) this.#needs.set(variable, [options]);
      else needs.push(options);
    }
  }

  #addExclusions(variable: number, field: 'Conflicts' | 'Breaks', relations: readonly Relation[]): void {
    const candidate = this.#candidates[variable];
    if (candidate === undefined || relations.length === 0) return;
    const tolerated = this.#tolerated(candidate);
    for (const relation of relations) {
      for (const out of this.#meant(relation)) {
        const other = this.#candidates[out];
        // A package never excludes its own name: Policy §7.4, and its other versions go by the rule of one at a time.
        if (other === undefined || packageOf(other.name) === packageOf(candidate.name)) continue;
        if (tolerated && this.#tolerated(other)) continue;
        this.#sat.add([-variable, -out], { kind: 'excludes', candidate, field, relation, other });
      }
    }
  }

  #meant(relation: Relation): readonly number[] {
    const known = this.#byRelation.get(relation);
    if (known !== undefined) return known;
    const found: number[] = [];
    for (const candidate of this.#rules.pool.meant(relation))
      if (this.#rules.exclusion(candidate) === undefined) found.push(this.#variable(candidate));
    this.#byRelation.set(relation, found);
    return found;
  }

  #optionsFor(owner: Candidate, clause: Clause): readonly number[] {
    const all = this.#options(clause, owner);
    if (!this.#rules.guarded) return all;
    return all.filter((variable) => {
      const candidate = this.#candidates[variable];
      return candidate === undefined || !this.#rules.closed(owner, candidate);
    });
  }

  #options(clause: Clause, owner: Candidate): readonly number[] {
    const asked = this.#byClause.for(owner);
    const known = asked.get(clause);
    if (known !== undefined) return known;
    const found: number[] = [];
    for (const relation of clause) {
      for (const candidate of this.#rules.pool.matching(relation, owner)) {
        if (this.#rules.exclusion(candidate) !== undefined) continue;
        const variable = this.#variable(candidate);
        if (clause.length === 1 || !found.includes(variable)) found.push(variable);
      }
    }
    asked.set(clause, found);
    return found;
  }

  decide(): number {
    for (; this.#at.preference < this.#preferences.length; this.#at.preference++) {
      const preference = this.#preferences[this.#at.preference];
      if (preference === undefined) continue;
      const literal = 'pick' in preference ? this.#pick(preference.pick) : this.#open(preference.literal);
      if (literal !== 0) return literal;
    }
    const { trail } = this.#sat;
    for (; this.#at.needs < trail.length; this.#at.needs++) {
      for (const options of this.#needs.get(trail[this.#at.needs] ?? 0) ?? []) {
        const literal = this.#pick(options);
        if (literal !== 0) return literal;
      }
    }
    if (!this.#rules.recommends) return 0;
    for (; this.#at.recommends < trail.length; this.#at.recommends++) {
      for (const options of this.#recommended(trail[this.#at.recommends] ?? 0)) {
        const literal = this.#pick(options);
        if (literal !== 0) return literal;
      }
    }
    return 0;
  }

  #open(literal: number): number {
    return this.#sat.value(literal) === 0 ? literal : 0;
  }

  /** The first that is still possible, unless one of them is true. */
  #pick(variables: readonly number[]): number {
    let first = 0;
    for (const variable of variables) {
      const value = this.#sat.value(variable);
      if (value > 0) return 0;
      if (value === 0 && first === 0) first = variable;
    }
    return first;
  }

  /** The choices that a new release recommends; of an upgraded one, only what its old one did not. */
  #recommended(variable: number): readonly (readonly number[])[] {
    const candidate = this.#candidates[variable];
    if (candidate === undefined) return [];
    const known = this.#wanted.get(variable);
    if (known !== undefined) return known;
    const list = this.#newlyRecommended(candidate).map((clause) => this.#optionsFor(candidate, clause));
    this.#wanted.set(variable, list);
    return list;
  }

  #newlyRecommended(candidate: Candidate): readonly Clause[] {
    const { recommends } = candidate.relations;
    const old = this.#before.get(candidate.name);
    if (old === undefined) return recommends;
    if (old === candidate) return [];
    const had = new Set(old.relations.recommends.map(formatClause));
    return recommends.filter((clause) => !had.has(formatClause(clause)));
  }

  push(): void {
    this.#saved.push({ ...this.#at });
  }

  pop(level: number): void {
    const saved = this.#saved[level];
    if (saved !== undefined) this.#at = saved;
    this.#saved.length = level;
  }
}

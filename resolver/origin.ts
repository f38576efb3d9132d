/**
 * What the clauses of a search stand for, in the words of packages.
 */
import type { Clause, Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import type { Stated } from './clauses.js';
import type { Requirement } from './rules.js';

/** What a clause stands for. */
export type Origin =
  | Requirement
  | {
      readonly kind: 'depends';
      readonly candidate: Candidate;
      readonly field: 'Depends' | 'Pre-Depends';
      readonly clause: Clause;
    }
  | {
      readonly kind: 'excludes';
      readonly candidate: Candidate;
      readonly field: 'Conflicts' | 'Breaks';
      readonly relation: Relation;
      readonly other: Candidate;
    }
  /** one package for two architectures, not to be there together */
  | { readonly kind: 'instances'; readonly candidate: Candidate; readonly other: Candidate }
  | { readonly kind: 'single'; readonly name: string; readonly pair: readonly [Candidate, Candidate] }
  | { readonly kind: 'stays'; readonly name: string };

/** A clause with what it stands for. */
export type Fact = Stated<Origin>;

/**
 * The compliance value of a principal: RFC 2704 §5. Pure, deterministic, linear in the size of the assertions.
 *
 * For each value v above the lowest, the set of principals worth at least v is the least one that holds every requester and, with each
 * assertion whose Conditions give at least v and whose Licensees are satisfied within the set, its authorizer. It is found by counting, in rounds,
 * so that cycles give nothing, and neither order nor spelling of the assertions shows. `k-of` counts distinct principals.
 */
import { runConditions, Budget, type Outcome, type Surroundings } from './run.js';
import type { Assertion, Licensees } from './syntax.js';

/** What is asked. */
export interface Query {
  /** principals that make the request themselves */
  readonly requesters: readonly string[];
  /** names do not begin with `_`; bytes */
  readonly attributes: Readonly<Record<string, string>>;
  /** attributes that have no value yet: every test takes them for what serves the request best */
  readonly unknown?: readonly string[];
  /** compliance values, lowest first, at least two */
  readonly values: readonly string[];
  readonly assertions: readonly Assertion[];
}

/** An assertion with what it came to. */
export interface Judged {
  readonly assertion: Assertion;
  /** what its Conditions give; run now if nothing depended on it @throws GtpkgError LIMIT_EXCEEDED */
  conditions(): Outcome;
  /** index into the values */
  readonly licensees: number;
  /** the lower of both */
  readonly value: number;
}

/** The answer for every principal. */
export interface Answer {
  readonly query: Query;
  readonly surroundings: Surroundings;
  /** index into the values; of a principal that nobody speaks of 0 */
  worth(principal: string): number;
  /** assertions that a principal authorises: the one that gave it its value first, then by text */
  by(principal: string): readonly Judged[];
  /** the round in which a principal came to be worth `value`; undefined when it never did, 0 where nobody else was needed */
  round(principal: string, value: number): number | undefined;
  /** steps that it took */
  readonly steps: number;
}

/** @throws GtpkgError LIMIT_EXCEEDED */
export function evaluate(query: Query): Answer {
  const budget = new Budget();
  const surroundings: Surroundings = {
    attributes: attributesOf(query),
    unknown: new Set(query.unknown),
    values: query.values,
    budget,
  };
  // Conditions are run only where the requesters could get to if all of them held: most of what an index delegates is to others.
  const possible = reach(query.assertions, query.requesters, budget);
  const judged = query.assertions.map((assertion) => {
    const within = support(assertion.licensees, (name) => possible.get(name)) !== Infinity;
    return { assertion, conditions: within ? runConditions(assertion, surroundings) : undefined };
  });
  const rounds: ReadonlyMap<string, number>[] = [new Map()];
  for (let value = 1; value < query.values.length; value++) {
    const holding = judged.filter(({ conditions }) => (conditions?.value ?? 0) >= value);
    rounds.push(
      reach(
        holding.map(({ assertion }) => assertion),
        query.requesters,
        budget,
      ),
    );
  }
  const worth = (principal: string): number =>
    Math.max(
      0,
      rounds.findLastIndex((at) => at.has(principal)),
    );
  const round = (principal: string, at: number): number | undefined => rounds[at]?.get(principal);
  const judge = ({ assertion, conditions }: (typeof judged)[number]): Judged => {
    const licensees = worthOf(assertion.licensees, worth, query.values.length - 1);
    const value = Math.min(conditions?.value ?? 0, licensees);
    const late = (): Outcome => runConditions(assertion, { ...surroundings, budget: new Budget() });
    return { assertion, conditions: () => conditions ?? late(), licensees, value };
  };
  // what supports an assertion was there a round before it: the earliest is the shortest proof
  const age = ({ assertion, value }: Judged): number =>
    support(assertion.licensees, (name) => round(name, value));
  const by = (principal: string): readonly Judged[] =>
    judged
      .filter(({ assertion }) => assertion.authorizer === principal)
      .map(judge)
      .map((each) => ({ each, at: age(each) }))
      .sort(
        ({ each: a, at: x }, { each: b, at: y }) =>
          b.value - a.value || x - y || (a.assertion.text < b.assertion.text ? -1 : 1),
      )
      .map(({ each }) => each);
  return { query, surroundings, worth, round, by, steps: budget.spent };
}

function attributesOf({ attributes, values, requesters }: Query): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of Object.entries(attributes)) {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name))
      throw new TypeError(`"${name}" is not the name of an action attribute`);
    all.set(name, value);
  }
  all.set('_MIN_TRUST', values[0] ?? '');
  all.set('_MAX_TRUST', values.at(-1) ?? '');
  all.set('_VALUES', values.join(','));
  all.set('_ACTION_AUTHORIZERS', [...new Set(requesters)].sort().join(','));
  return all;
}

/** One place in a licensees expression that waits until enough below it is reached. */
interface Gate {
  missing: number;
  /** where it reports to; absent: the authorizer is reached */
  readonly parent?: Gate;
  readonly authorizer: string;
}

/** Principals that are reached from the requesters, with the round in which they are. */
function reach(
  assertions: readonly Assertion[],
  requesters: readonly string[],
  budget: Budget,
): Map<string, number> {
  const waiting = new Map<string, Gate[]>();
  const reached = new Map<string, number>();
  let next: string[] = [];
  const open = (principal: string, round: number): void => {
    if (reached.has(principal)) return;
    reached.set(principal, round);
    next.push(principal);
  };
  const fire = (gate: Gate, round: number): void => {
    for (let at: Gate | undefined = gate; at !== undefined; at = at.parent) {
      budget.spend(1);
      if (--at.missing !== 0) return;
      if (at.parent === undefined) open(at.authorizer, round);
    }
  };
  const free: string[] = [];
  for (const { authorizer, licensees } of assertions) {
    if (licensees === 'never') continue;
    if (licensees === undefined) free.push(authorizer);
    else build(licensees, { authorizer }, waiting);
  }
  for (const requester of requesters) open(requester, 0);
  // a missing field asks nobody
  for (const authorizer of free) open(authorizer, 0);
  for (let round = 1; next.length > 0; round++) {
    const now = next;
    next = [];
    for (const principal of now) for (const gate of waiting.get(principal) ?? []) fire(gate, round);
  }
  return reached;
}

function build(
  licensees: Licensees,
  above: { authorizer: string; parent?: Gate },
  waiting: Map<string, Gate[]>,
): void {
  const { authorizer } = above;
  const wait = (name: string, gate: Gate): void => {
    const list = waiting.get(name);
    if (list === undefined) waiting.set(name, [gate]);
    else list.push(gate);
  };
  if (licensees.kind === 'principal') {
    wait(licensees.name, { missing: 1, ...above });
    return;
  }
  if (licensees.kind === 'threshold') {
    const gate: Gate = { missing: licensees.k, ...above };
    for (const name of new Set(licensees.of)) wait(name, { missing: 1, parent: gate, authorizer });
    return;
  }
  const gate: Gate = { missing: licensees.kind === 'all' ? licensees.of.length : 1, ...above };
  for (const each of licensees.of) build(each, { parent: gate, authorizer }, waiting);
}

/** The value of Licensees: the least of `&&`, the most of `||`, the k-th most of distinct principals. */
export function worthOf(
  licensees: Assertion['licensees'],
  worth: (principal: string) => number,
  max: number,
): number {
  if (licensees === undefined) return max;
  if (licensees === 'never') return 0;
  if (licensees.kind === 'principal') return worth(licensees.name);
  if (licensees.kind === 'threshold') {
    const sorted = [...new Set(licensees.of)].map(worth).sort((a, b) => b - a);
    return sorted[licensees.k - 1] ?? 0;
  }
  const all = licensees.of.map((each) => worthOf(each, worth, max));
  return licensees.kind === 'all' ? Math.min(...all) : Math.max(...all);
}

/** The round in which Licensees came to be satisfied; Infinity for never. */
export function support(
  licensees: Assertion['licensees'],
  round: (principal: string) => number | undefined,
): number {
  if (licensees === undefined) return 0;
  if (licensees === 'never') return Infinity;
  if (licensees.kind === 'principal') return round(licensees.name) ?? Infinity;
  if (licensees.kind === 'threshold')
    return (
      [...new Set(licensees.of)].map((name) => round(name) ?? Infinity).sort((a, b) => a - b)[
        licensees.k - 1
      ] ?? Infinity
    );
  const all = licensees.of.map((each) => support(each, round));
  return licensees.kind === 'all' ? Math.max(...all) : Math.min(...all);
}

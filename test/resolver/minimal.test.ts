/**
 * A "no" is proven by facts of which none can be spared: together they allow nothing, and without any one of them something. Judged by a
 * search of its own that knows nothing of the solver.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minimise } from '../../resolver/core.js';
import { Rules } from '../../resolver/rules.js';
import { Search } from '../../resolver/search.js';
import { resolve } from '../../resolver/index.js';
import { problemOf } from './world.js';

/** Numbers below `n` that look random; the same for the same seed. */
function random(seed: number): (n: number) => number {
  let state = Math.imul(seed, 2654435761) >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function question(seed: number): Parameters<typeof problemOf> {
  const next = random(seed);
  const names = Array.from({ length: 5 + next(4) }, (_, i) => `p${i}`);
  const pick = (list: readonly string[]): string => list[next(list.length)] ?? '';
  const relation = (): string =>
    `${next(6) === 0 ? 'v0' : pick(names)}${next(2) === 0 ? '' : ` (${pick(['<<', '<=', '=', '>=', '>>'])} ${1 + next(3)})`}`;
  const clause = (): string => Array.from({ length: 1 + next(3) }, relation).join(' | ');
  const many = (most: number, of: () => string): string =>
    Array.from({ length: next(most + 1) }, of).join(', ');
  const lines = names.flatMap((name) =>
    ['1', '2', '3'].flatMap((version) =>
      next(3) === 0
        ? []
        : [
            `${name} ${version}; Depends: ${many(3, clause)}; Conflicts: ${many(2, relation)}; Breaks: ${many(1, relation)}; Provides: ${next(4) === 0 ? 'v0' : ''}`,
          ],
    ),
  );
  const present = lines
    .filter(
      (line, i) =>
        next(5) === 0 && !lines.slice(0, i).some((other) => other.split(' ')[0] === line.split(' ')[0]),
    )
    .slice(0, 2)
    .map((line) => `${line}; ${pick(['manual', 'held', 'auto'])}`);
  const offered = [...new Set(lines.map((line) => line.split(' ')[0] ?? ''))];
  return [
    `install ${[...new Set([pick(offered), pick(offered)])].join(' ')}`,
    lines.join('\n'),
    present.join('\n'),
  ];
}

/** Whether some assignment makes every clause true: unit propagation and trying both, nothing clever. */
function satisfiable(clauses: readonly (readonly number[])[]): boolean {
  let left = clauses;
  for (;;) {
    if (left.some((clause) => clause.length === 0)) return false;
    const unit = left.find((clause) => clause.length === 1)?.[0];
    if (unit === undefined) break;
    left = assign(left, unit);
  }
  const [literal] = left[0] ?? [];
  return literal === undefined || satisfiable(assign(left, literal)) || satisfiable(assign(left, -literal));
}

const assign = (clauses: readonly (readonly number[])[], literal: number): number[][] =>
  clauses
    .filter((clause) => !clause.includes(literal))
    .map((clause) => clause.filter((other) => other !== -literal));

test('no fact of a proof can be spared', () => {
  let proofs = 0;
  let largest = 0;
  for (let seed = 1; proofs < 400; seed++) {
    const problem = problemOf(...question(seed));
    const search = new Search(new Rules(problem));
    if (search.solve() !== undefined) continue;
    proofs++;
    const { facts, minimal } = minimise(search.core);
    const clauses = facts.map(({ literals }) => literals);
    largest = Math.max(largest, clauses.length);
    assert.ok(minimal);
    assert.ok(!satisfiable(clauses), `seed ${seed}: the facts are no proof`);
    clauses.forEach((clause, i) => {
      const others = clauses.filter((_, j) => j !== i);
      assert.ok(satisfiable(others), `seed ${seed}: ${JSON.stringify(clause)} can be spared`);
    });
    const answer = resolve(problem);
    assert.ok(answer.kind === 'conflict');
    const { sentences, fixes } = answer.explanation;
    assert.ok(sentences.length >= 2 && sentences.length <= 5, sentences.join(' '));
    // every one names a way out, or says that there is none
    assert.ok(fixes.length > 0 && sentences.at(-1)?.startsWith('To get further, '), sentences.join(' '));
    for (const sentence of sentences) assert.ok(sentence.length < 700, sentence);
  }
  assert.ok(largest > 8, `the largest proof has ${largest} facts`);
});

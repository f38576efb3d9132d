/**
 * Random universes against CaDiCaL, a SAT solver of others: installable exactly where it says so, and every solution valid.
 *
 *     GTPKG_UNIVERSES=100000 node --test dist/test/resolver/cadical.test.js      the long run, some minutes
 *
 * The clauses for CaDiCaL are written down here anew, by the rules of reference.ts: nothing of the resolver's is used.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Paragraph, relationsOf, type Candidate } from '../../model/index.js';
import type { Problem } from '../../resolver/index.js';
import { Rules } from '../../resolver/rules.js';
import { Search } from '../../resolver/search.js';
import { clashes, isMeant, needsOf } from './reference.js';
import { universeOf } from './world.js';

const COUNT = Number(process.env['GTPKG_UNIVERSES'] ?? 2000);

interface Solver {
  addClause(literals: readonly number[]): void;
  solve(): string;
  dispose(): void;
}

// By a name that the compiler does not follow: the suite must build where this development dependency is not installed.
const MODULE = 'cadical-wasm';
const found = await import(MODULE).then(
  (module) => (module as { Cadical: { create(): Promise<Solver> } }).Cadical,
  () => undefined,
);
const skip = found === undefined ? 'cadical-wasm is not installed' : false;

/** mulberry32: the same universes on every machine. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** 6 to 14 names with up to 4 versions each, close to where half of all requests have no solution. */
function universe(seed: number): { releases: Candidate[]; targets: string[] } {
  const next = random(seed);
  const names = Array.from({ length: 6 + next(9) }, (_, i) => `p${i}`);
  const virtual = ['v0', 'v1', 'v2'];
  const pick = (list: readonly string[]): string => list[next(list.length)] ?? '';
  const version = (): string => String(1 + next(4));
  const bound = (): string => (next(2) === 0 ? '' : ` (${pick(['<<', '<=', '=', '>=', '>>'])} ${version()})`);
  const relation = (): string => `${next(6) === 0 ? pick(virtual) : pick(names)}${bound()}`;
  const many = (most: number, of: () => string): string[] => Array.from({ length: next(most + 1) }, of);
  const clause = (): string => [relation(), ...many(2, relation)].join(' | ');
  const releases = names.flatMap((name) =>
    ['1', '2', '3', '4'].flatMap((at): Candidate[] => {
      if (next(3) === 0) return [];
      const fields = Paragraph.of([
        ['Pre-Depends', next(5) === 0 ? clause() : undefined],
        ['Depends', many(3, clause).join(', ')],
        ['Conflicts', many(2, relation).join(', ')],
        ['Breaks', many(1, relation).join(', ')],
        ['Provides', many(1, () => `${pick(virtual)}${next(2) === 0 ? '' : ` (= ${version()})`}`).join(', ')],
      ]);
      return [
        {
          name,
          version: at,
          architecture: 'amd64',
          multiArch: 'no',
          essential: false,
          source: 'main',
          suite: 'stable',
          relations: relationsOf(fields),
          installedSize: 0,
          downloadSize: 0,
        },
      ];
    }),
  );
  const offered = [...new Set(releases.map(({ name }) => name))];
  return { releases, targets: [...new Set([pick(offered), pick(offered)])].filter((name) => name !== '') };
}

function clausesOf(releases: readonly Candidate[], targets: readonly string[]): number[][] {
  const clauses: number[][] = targets.map((target) =>
    releases.flatMap(({ name }, i) => (name === target ? [i + 1] : [])),
  );
  releases.forEach((one, i) => {
    for (const need of needsOf(one))
      clauses.push([
        -(i + 1),
        ...releases.flatMap((other, j) => (need.some((relation) => isMeant(other, relation)) ? [j + 1] : [])),
      ]);
    releases.forEach((other, j) => {
      if (i !== j && (one.name === other.name || clashes(one, other))) clauses.push([-(i + 1), -(j + 1)]);
    });
  });
  return clauses;
}

test(`${COUNT} random universes`, { skip, timeout: 3_600_000 }, async () => {
  assert.ok(found !== undefined);
  const seen = { yes: 0, no: 0, deadEnds: 0, hard: 0 };
  for (let seed = 1; seed <= COUNT; seed++) {
    const { releases, targets } = universe(seed);
    if (targets.length === 0) continue;
    const clauses = clausesOf(releases, targets);
    const solver: Solver = await found.create();
    for (const clause of clauses) solver.addClause(clause);
    const possible: boolean = solver.solve() === 'satisfiable';
    solver.dispose();
    const problem: Problem = {
      universe: universeOf(releases),
      installed: [],
      request: {
        kind: 'install',
        targets: targets.map((name) => ({ name })),
        recommends: false,
        dependencies: true,
      },
      architecture: 'amd64',
    };
    const search = new Search(new Rules(problem));
    const chosen = search.solve();
    assert.equal(chosen !== undefined, possible, `seed ${seed}: ${targets.join(', ')}`);
    seen[possible ? 'yes' : 'no']++;
    seen.deadEnds += search.deadEnds;
    if (search.deadEnds > 2) seen.hard++;
    if (chosen === undefined) continue;
    const ids = new Set(chosen.map(({ name, version }) => `${name} ${version}`));
    const holds = releases.map(({ name, version }) => ids.has(`${name} ${version}`));
    for (const clause of clauses)
      assert.ok(
        clause.some((literal) => (holds[Math.abs(literal) - 1] === true) === literal > 0),
        `seed ${seed}: the solution is valid`,
      );
  }
  console.log(`of ${COUNT} universes: ${JSON.stringify(seen)}`);
  // the questions must be of both kinds, and have to be searched for
  const many = COUNT / 20;
  assert.ok(seen.yes > many && seen.no > many && seen.hard > COUNT / 100, JSON.stringify(seen));
});

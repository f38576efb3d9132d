/**
 * Random small universes against a reference that looks at every set: a solution is found exactly where there
 * is one, it is valid, none is better in what the request fixes, and the order of the input never shows.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Candidate } from '../../model/index.js';
import { resolve, type Installed, type Problem, type Request } from '../../resolver/index.js';
import { allAnswers, badness, isAnswer, type Small } from './reference.js';
import { answerText, release, summary, universeOf } from './world.js';

const NAMES = ['aa', 'bb', 'cc', 'dd', 'ee'];
const VIRTUAL = ['vv', 'ww'];
const VERSIONS = ['1', '2', '3'];

const name = fc.constantFrom(...NAMES);
const version = fc.constantFrom(...VERSIONS);
const bound = fc.option(fc.tuple(fc.constantFrom('<<', '<=', '=', '>=', '>>'), version), { nil: undefined });
const relation = fc
  .tuple(fc.constantFrom(...NAMES, ...NAMES, ...VIRTUAL), bound)
  .map(([to, at]) => (at === undefined ? to : `${to} (${at[0]} ${at[1]})`));
const clause = fc.array(relation, { minLength: 1, maxLength: 3 }).map((list) => list.join(' | '));
const given = fc
  .tuple(fc.constantFrom(...VIRTUAL, ...VIRTUAL, ...NAMES), fc.option(version, { nil: undefined }))
  .map(([to, at]) => (at === undefined ? to : `${to} (= ${at})`));
const some = (item: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(item, { maxLength }).map((list) => list.join(', '));

const body = fc
  .record({
    pre: some(clause, 1),
    dep: some(clause, 2),
    rec: some(clause, 1),
    con: some(relation, 1),
    brk: some(relation, 1),
    pro: some(given, 1),
    essential: fc.nat(19),
  })
  .map(
    (r) =>
      `Pre-Depends: ${r.pre}; Depends: ${r.dep}; Recommends: ${r.rec}; Conflicts: ${r.con}; Breaks: ${r.brk}; ` +
      `Provides: ${r.pro}; Essential: ${r.essential === 0 ? 'yes' : 'no'}`,
  );

const releases = fc
  .uniqueArray(fc.tuple(name, version, body), {
    selector: ([n, v]) => `${n} ${v}`,
    minLength: 2,
    maxLength: 11,
  })
  .map((list) => list.map(([n, v, b]) => release(`${n} ${v}; ${b}`)));

const world = releases.chain((all) =>
  fc.record({
    all: fc.constant(all),
    installed: fc
      .uniqueArray(fc.record({ at: fc.nat(all.length - 1), manual: fc.boolean(), hold: fc.nat(5) }), {
        selector: ({ at }) => all[at]?.name,
        maxLength: 4,
      })
      .map((list) =>
        list.flatMap(({ at, manual, hold }): Installed[] => {
          const candidate = all[at];
          return candidate === undefined
            ? []
            : [{ candidate: { ...candidate, source: '', suite: '' }, manual, held: hold === 0 }];
        }),
      ),
    // Some of what is installed is in no source any more.
    forgotten: fc.nat(9),
    words: fc.record({
      kind: fc.nat(7),
      picks: fc.array(fc.nat(30), { minLength: 1, maxLength: 2 }),
      flags: fc.nat(63),
    }),
  }),
);

function requestOf(
  all: readonly Candidate[],
  installed: readonly Installed[],
  words: { kind: number; picks: number[]; flags: number },
): Request {
  const flag = (bit: number): boolean => (words.flags & bit) !== 0;
  const recommends = flag(1);
  const dependencies = (words.flags & 28) !== 0;
  const names = [
    ...new Set(
      words.picks.flatMap((pick) => installed[pick % Math.max(1, installed.length)]?.candidate.name ?? []),
    ),
  ];
  if (words.kind === 0 && names.length > 0) return { kind: 'remove', names, purge: false };
  if (words.kind === 1) return { kind: 'upgrade', full: flag(2), recommends, dependencies };
  if (words.kind === 2) return { kind: 'upgrade', names, full: flag(2), recommends, dependencies };
  const targets = words.picks.flatMap((pick) => {
    const one = all[pick % all.length];
    return one === undefined
      ? []
      : [flag(32) ? { name: one.name, version: one.version } : { name: one.name }];
  });
  return { kind: 'install', targets, recommends, dependencies };
}

interface World {
  readonly all: readonly Candidate[];
  readonly installed: readonly Installed[];
  readonly forgotten: number;
  readonly words: { kind: number; picks: number[]; flags: number };
}

function smallOf({ all, installed, forgotten, words }: World): Small {
  const lost = forgotten < 3 ? installed[forgotten]?.candidate : undefined;
  const kept = all.filter((c) => c.name !== lost?.name || c.version !== lost.version);
  const request = requestOf(kept.length > 0 ? kept : all, installed, words);
  return { releases: kept, installed, request };
}

const problemFrom = (small: Small): Problem => ({
  universe: universeOf(small.releases),
  installed: small.installed,
  request: small.request,
  architecture: 'amd64',
});

/** The releases that are there after the plan. */
function after(small: Small, problem: Problem): Candidate[] | undefined {
  const resolution = resolve(problem);
  if (resolution.kind === 'conflict') {
    assert.ok(resolution.explanation.sentences.length >= 1 && resolution.explanation.sentences.length <= 5);
    assert.ok(resolution.explanation.minimal);
    return undefined;
  }
  const set = new Map(small.installed.map(({ candidate }) => [candidate.name, candidate]));
  for (const step of resolution.plan.steps) {
    assert.equal(set.get(step.name), step.from, 'a step starts from what is there');
    if (step.to === undefined) set.delete(step.name);
    else set.set(step.name, step.to);
  }
  return [...set.values()];
}

const better = (a: readonly number[], b: readonly number[]): number => {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
};

test('a solution exactly where there is one, valid, and none better', () => {
  const seen = { yes: 0, no: 0 };
  fc.assert(
    fc.property(world, (one) => {
      const small = smallOf(one);
      const narrow = small.request.kind === 'remove' ? allAnswers(small, true) : [];
      const answers = narrow.length > 0 ? narrow : allAnswers(small);
      const found = after(small, problemFrom(small));
      seen[found === undefined ? 'no' : 'yes']++;
      assert.equal(found !== undefined, answers.length > 0);
      if (found === undefined) return;
      assert.ok(isAnswer(found, small, narrow.length > 0));
      const [best] = answers.map((answer) => badness(answer, small)).sort(better);
      assert.deepEqual(badness(found, small), best);
    }),
    { numRuns: 4000 },
  );
  // The generator must ask questions of both kinds.
  assert.ok(seen.yes > 400 && seen.no > 400, JSON.stringify(seen));
});

test('the order of the input never shows', () => {
  const shuffled = <T>(items: readonly T[], seed: number): T[] =>
    items
      .map((item, index) => ({ item, key: Math.imul(index + 1, 2654435761 ^ (seed * 40503)) >>> 0 }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  fc.assert(
    fc.property(world, fc.nat(1000), (one, seed) => {
      const small = smallOf(one);
      const { request } = small;
      const mixed: Small = {
        releases: shuffled(small.releases, seed),
        installed: shuffled(small.installed, seed + 1),
        request:
          request.kind === 'install'
            ? { ...request, targets: shuffled(request.targets, seed) }
            : request.kind === 'remove'
              ? { ...request, names: [...request.names].reverse() }
              : request,
      };
      assert.equal(answerText(resolve(problemFrom(mixed))), answerText(resolve(problemFrom(small))));
    }),
    { numRuns: 1500 },
  );
});

test('a proven way out works', () => {
  let tried = 0;
  fc.assert(
    fc.property(world, (one) => {
      const small = smallOf(one);
      const resolution = resolve(problemFrom(small));
      if (resolution.kind === 'solution') return;
      for (const { command, proven } of resolution.explanation.fixes) {
        const match = /^gtpkg unhold (.+)$/.exec(command ?? '');
        if (!proven || match?.[1] === undefined) continue;
        const names = match[1].split(' ');
        tried++;
        const installed = small.installed.map((i) => ({
          ...i,
          held: i.held && !names.includes(i.candidate.name),
        }));
        assert.equal(resolve({ ...problemFrom(small), installed }).kind, 'solution');
      }
    }),
    { numRuns: 1500 },
  );
  assert.ok(tried > 0);
});

test('recommended packages never make a request fail, nor change what else is decided', () => {
  fc.assert(
    fc.property(world, (one) => {
      const small = smallOf(one);
      const { request } = small;
      if (request.kind !== 'install' || !request.dependencies) return;
      const without = resolve(problemFrom({ ...small, request: { ...request, recommends: false } }));
      const withThem = resolve(problemFrom({ ...small, request: { ...request, recommends: true } }));
      assert.equal(withThem.kind, without.kind);
      if (withThem.kind !== 'solution' || without.kind !== 'solution') return;
      const steps = new Set(summary(withThem.plan).split(' '));
      for (const step of summary(without.plan).split(' ')) assert.ok(steps.has(step), step);
    }),
    { numRuns: 1000 },
  );
});

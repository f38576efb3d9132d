/** Depth, width and cycles: an answer in bounded time, no overflow of the stack. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Candidate, Universe } from '../../model/index.js';
import { resolve, whyInstalled, type Problem, type Resolution } from '../../resolver/index.js';
import { release } from './world.js';

const ROOM = { timeout: 60_000 };

/** A universe with an index, for large ones. */
function indexed(lines: readonly string[]): Universe {
  const byName = new Map<string, Candidate[]>();
  const byProvided = new Map<string, Candidate[]>();
  const push = (map: Map<string, Candidate[]>, key: string, one: Candidate): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [one]);
    else list.push(one);
  };
  for (const one of lines.map(release)) {
    push(byName, one.name, one);
    for (const given of one.relations.provides) push(byProvided, given.name, one);
  }
  return { versions: (name) => byName.get(name) ?? [], providers: (name) => byProvided.get(name) ?? [] };
}

function install(lines: readonly string[], ...names: string[]): Resolution {
  const problem: Problem = {
    universe: indexed(lines),
    installed: [],
    request: {
      kind: 'install',
      targets: names.map((name) => ({ name })),
      recommends: true,
      dependencies: true,
    },
    architecture: 'amd64',
  };
  return resolve(problem);
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

test('a chain of 5,000 dependencies', ROOM, () => {
  const lines = range(5000).map((i) => (i === 4999 ? `p${i} 1` : `p${i} 1; Depends: p${i + 1} | q${i}`));
  const resolution = install(lines, 'p0');
  assert.ok(resolution.kind === 'solution');
  assert.deepEqual(
    resolution.plan.steps.map(({ name }) => name),
    range(5000).map((i) => `p${4999 - i}`),
  );
  const installed = resolution.plan.steps.flatMap(({ to, manual }) =>
    to === undefined ? [] : [{ candidate: to, manual, held: false }],
  );
  assert.equal(whyInstalled({ installed, architecture: 'amd64' }, 'p4999').chain.length, 4999);
});

test('a chain of 5,000 that ends nowhere is told by its ends', ROOM, () => {
  const lines = range(5000).map((i) => `p${i} 1; Depends: p${i + 1}`);
  const resolution = install(lines, 'p0');
  assert.ok(resolution.kind === 'conflict');
  const text = resolution.explanation.sentences.join(' ');
  assert.match(
    text,
    /by way of 4996 more packages needs p4998, which depends on p4999, which depends on p5000, but no source has p5000/,
  );
  assert.ok(text.length < 1000);
});

test('5,000 choices, each of which has to be taken back', ROOM, () => {
  const lines = range(2500).flatMap((i) => [
    `p${i} 1; Depends: x${i} | y${i}${i < 2499 ? `, p${i + 1}` : ''}`,
    `x${i} 1; Depends: gone`,
    `y${i} 1`,
  ]);
  const resolution = install(lines, 'p0');
  assert.ok(resolution.kind === 'solution');
  assert.equal(resolution.plan.steps.length, 5000);
});

test('10,000 alternatives, only the last of which can be had', ROOM, () => {
  const alternatives = range(10_000).map((i) => `a${i}`);
  const lines = [
    `p 1; Depends: ${alternatives.join(' | ')}`,
    ...range(10_000).map((i) => `a${i} 1; Depends: ${i === 9999 ? 'ok' : 'gone'}`),
    'ok 1',
  ];
  const resolution = install(lines, 'p');
  assert.ok(resolution.kind === 'solution');
  assert.deepEqual(
    resolution.plan.steps.map(({ name }) => name),
    ['ok', 'a9999', 'p'],
  );
});

test('10,000 alternatives, none of which can be had', ROOM, () => {
  const alternatives = range(10_000).map((i) => `a${i}`);
  const none = install([`p 1; Depends: ${alternatives.join(' | ')}`], 'p');
  assert.ok(none.kind === 'conflict');
  assert.equal(
    none.explanation.sentences[1],
    'p 1 depends on one of 10000 packages (a0, a1, …), but none of the 10000 alternatives can be had.',
  );
  const dead = install(
    [`p 1; Depends: ${alternatives.join(' | ')}`, ...alternatives.map((name) => `${name} 1; Depends: gone`)],
    'p',
  );
  assert.ok(dead.kind === 'conflict');
  assert.ok(dead.explanation.sentences.length <= 5 && dead.explanation.sentences.join(' ').length < 1000);
});

test('10,000 versions of one name', ROOM, () => {
  const lines = ['p 1; Depends: v (<< 2)', ...range(10_000).map((i) => `v ${i + 1}`)];
  const resolution = install(lines, 'p');
  assert.ok(resolution.kind === 'solution');
  assert.deepEqual(
    resolution.plan.steps.map(({ to }) => to?.version),
    ['1', '1'],
  );
});

test('a ring of 3,000 dependencies', ROOM, () => {
  const lines = range(3000).map((i) => `p${i} 1; Depends: p${(i + 1) % 3000}`);
  const resolution = install(lines, 'p7');
  assert.ok(resolution.kind === 'solution');
  assert.equal(resolution.plan.steps.length, 3000);
});

test('a name with 3,000 providers that all exclude each other', ROOM, () => {
  const lines = [
    'p 1; Depends: v, w',
    ...range(3000).map((i) => `m${i} 1; Provides: v${i === 2000 ? ', w' : ''}; Conflicts: v`),
  ];
  const resolution = install(lines, 'p');
  assert.ok(resolution.kind === 'solution');
  assert.deepEqual(
    resolution.plan.steps.map(({ name }) => name),
    ['m2000', 'p'],
  );
});

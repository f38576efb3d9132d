/** The order of a plan: what has to come before is before, wherever that is possible at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { resolve, type Plan } from '../../resolver/index.js';
import { problemOf, summary } from './world.js';

function planOf(ask: string, packages: string, installed = ''): Plan {
  const resolution = resolve(problemOf(ask, packages, installed));
  if (resolution.kind === 'conflict') assert.fail(resolution.explanation.sentences.join(' '));
  return resolution.plan;
}

const NAMES = ['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'gg'];
// Edges only from earlier to later names: no cycles.
const acyclic = fc.tuple(
  ...NAMES.map((_, at) =>
    fc.record({ pre: fc.subarray(NAMES.slice(at + 1)), dep: fc.subarray(NAMES.slice(at + 1)) }),
  ),
);
const cyclic = fc.tuple(
  ...NAMES.map((_, at) => fc.record({ pre: fc.subarray(NAMES.slice(at + 1)), dep: fc.subarray(NAMES) })),
);

const written = (edges: readonly { pre: string[]; dep: string[] }[], order: readonly string[]): string =>
  edges
    .map(
      ({ pre, dep }, at) =>
        `${order[at] ?? ''} 1; Pre-Depends: ${pre.join(', ')}; Depends: ${dep.join(', ')}`,
    )
    .join('\n');

test('without cycles, everything a package needs comes before it', () => {
  fc.assert(
    fc.property(acyclic, fc.boolean(), (edges, reversed) => {
      // Reversed names: what is right must not be right by the alphabet.
      const rename = (name: string): string =>
        reversed ? (NAMES[NAMES.length - 1 - NAMES.indexOf(name)] ?? '') : name;
      const renamed = edges.map(({ pre, dep }) => ({ pre: pre.map(rename), dep: dep.map(rename) }));
      const plan = planOf(`install ${NAMES.join(' ')}`, written(renamed, NAMES.map(rename)));
      const place = new Map(plan.steps.map(({ name }, at) => [name, at]));
      renamed.forEach(({ pre, dep }, at) => {
        for (const need of [...pre, ...dep]) {
          assert.ok(
            (place.get(need) ?? 99) < (place.get(rename(NAMES[at] ?? '')) ?? -1),
            `${need} before ${at}: ${summary(plan)}`,
          );
        }
      });
    }),
    { numRuns: 500 },
  );
});

test('with cycles, pre-dependencies still come first', () => {
  fc.assert(
    fc.property(cyclic, (edges) => {
      const plan = planOf(`install ${NAMES.join(' ')}`, written(edges, NAMES));
      const place = new Map(plan.steps.map(({ name }, at) => [name, at]));
      assert.equal(place.size, NAMES.length);
      edges.forEach(({ pre }, at) => {
        for (const need of pre) assert.ok((place.get(need) ?? 99) < (place.get(NAMES[at] ?? '') ?? -1));
      });
    }),
    { numRuns: 500 },
  );
});

test('table of orders', () => {
  const rows: readonly (readonly [string, string, string, string])[] = [
    // removed before the one that conflicts; its dependents before it
    ['install a', 'a 1; Conflicts: x', 'x 1; auto\ny 1; auto; Depends: x', '-y -x +a=1'],
    // the old release declares the conflict: upgraded first
    ['install a', 'a 1\nx 2', 'x 1; Conflicts: a', '^x=2 +a=1'],
    // Breaks goes before a dependency that would order the other way
    [
      'upgrade',
      'lib 2; Breaks: zz (<< 2)\nzz 2; Depends: lib (>= 2)',
      'lib 1\nzz 1; Depends: lib',
      '^zz=2 ^lib=2',
    ],
    // a package that stops depending moves before what it needed goes
    ['install z', 'z 1; Conflicts: old\nuser 2', 'old 1; auto\nuser 1; Depends: old', '^user=2 -old +z=1'],
    // a pre-dependency cycle has no right order: by name, and no hang
    ['install b', 'a 1; Pre-Depends: b\nb 1; Pre-Depends: a', '', '+a=1 +b=1'],
    // what stays and does already orders nothing
    ['install a', 'a 1; Depends: b | c\nb 1\nc 1', 'c 1', '+a=1'],
  ];
  for (const [ask, packages, installed, order] of rows)
    assert.equal(summary(planOf(ask, packages, installed)), order);
});

/** Relations between packages: deb-control(5), Policy §7.1. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatClause,
  formatRelation,
  GtpkgError,
  limits,
  parseClauses,
  parseRelations,
} from '../../model/index.js';

const code = (run: () => unknown): string => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof GtpkgError, String(error));
    return error.code;
  }
};

test('what is written and what it means', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['', []],
    [' , ,\n', []],
    ['a', [[{ name: 'a' }]]],
    ['libc6 (>= 2.36)', [[{ name: 'libc6', operator: '>=', version: '2.36' }]]],
    ['a(=1)', [[{ name: 'a', operator: '=', version: '1' }]]],
    ['a ( << 1:2~ )', [[{ name: 'a', operator: '<<', version: '1:2~' }]]],
    ['a (>>1)', [[{ name: 'a', operator: '>>', version: '1' }]]],
    // Policy §7.1: the obsolete < and > include the bound.
    [
      'a (< 1), b (> 2)',
      [[{ name: 'a', operator: '<=', version: '1' }], [{ name: 'b', operator: '>=', version: '2' }]],
    ],
    [
      'py:any, py:native, py:i386 (<= 3)',
      [
        [{ name: 'py', archQualifier: 'any' }],
        [{ name: 'py', archQualifier: 'native' }],
        [{ name: 'py', archQualifier: 'i386', operator: '<=', version: '3' }],
      ],
    ],
    ['a | b (= 1)|c', [[{ name: 'a' }, { name: 'b', operator: '=', version: '1' }, { name: 'c' }]]],
    ['a,\n b,\n\tc,', [[{ name: 'a' }], [{ name: 'b' }], [{ name: 'c' }]]],
    [
      'g++, 0ad, libstdc++6, a.b-c',
      [[{ name: 'g++' }], [{ name: '0ad' }], [{ name: 'libstdc++6' }], [{ name: 'a.b-c' }]],
    ],
  ];
  for (const [text, clauses] of rows) assert.deepEqual(parseClauses(text, 'Depends'), clauses, text);
});

test('what is no relation', () => {
  const bad = [
    'A',
    '-a',
    'a b',
    'a |',
    '| a',
    'a || b',
    'a (1)',
    'a (>= )',
    'a (>=)',
    'a >= 1',
    'a (>= 1',
    'a >= 1)',
    'a (=> 1)',
    'a (== 1)',
    'a (>= 1) b',
    'a [amd64]',
    'a <!nocheck>',
    'a:',
    ':any',
    'a:any:any',
    'a (>= 1 2)',
    'a\0',
    `a (= ${'$'}{binary:Version})`,
    `${'$'}{shlibs:Depends}`,
    'ä',
    'a (>= 1) (<< 2)',
    'a;b',
  ];
  for (const text of bad) {
    const got = code(() => parseClauses(text, 'Depends'));
    assert.ok(got === 'BAD_RELATION' || got === 'BAD_VERSION', `${JSON.stringify(text)} ${got}`);
  }
  assert.equal(
    code(() => parseClauses('a (>= x)', 'Depends')),
    'BAD_VERSION',
  );
  assert.equal(
    code(() => parseRelations('a | b', 'Conflicts')),
    'BAD_RELATION',
  );
  assert.deepEqual(parseRelations('a, b (<< 2)', 'Breaks'), [
    { name: 'a' },
    { name: 'b', operator: '<<', version: '2' },
  ]);
});

test('what is formatted parses to the same', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{1,8}$/);
  const relation = fc.record(
    {
      name,
      archQualifier: fc.constantFrom('any', 'native', 'amd64'),
      bound: fc.tuple(fc.constantFrom('<<', '<=', '=', '>=', '>>'), fc.constantFrom('1', '1:2-3', '0~')),
    },
    { requiredKeys: ['name'] },
  );
  fc.assert(
    fc.property(fc.array(fc.array(relation, { minLength: 1, maxLength: 3 }), { maxLength: 4 }), (field) => {
      const clauses = field.map((clause) =>
        clause.map(({ bound, ...rest }) =>
          bound === undefined ? rest : { ...rest, operator: bound[0] as '=', version: bound[1] },
        ),
      );
      assert.deepEqual(parseClauses(clauses.map(formatClause).join(', '), 'Depends'), clauses);
      for (const one of clauses.flat())
        assert.deepEqual(parseRelations(formatRelation(one), 'Breaks'), [one]);
    }),
  );
});

test('hostile input: bounded, and answered at once', () => {
  const start = performance.now();
  const many = limits.MAX_RELATIONS;
  assert.equal(parseClauses(new Array(many).fill('a').join(' | '), 'Depends')[0]?.length, many);
  assert.equal(
    code(() => parseClauses(new Array(many + 1).fill('a').join(' | '), 'Depends')),
    'LIMIT_EXCEEDED',
  );
  assert.equal(
    code(() => parseClauses(new Array(many + 1).fill('a').join(','), 'Depends')),
    'LIMIT_EXCEEDED',
  );
  const walls = [' ', 'a', '(', 'a (', 'a ( ', ')', ',', '|', 'a\n', 'a (>= ', '.', '\t,'];
  for (const wall of walls)
    code(() => parseClauses(wall.repeat(Math.floor(500_000 / wall.length)), 'Depends'));
  for (const wall of walls)
    code(() => parseClauses(`a${wall.repeat(Math.floor(500_000 / wall.length))}!`, 'Depends'));
  assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'aA1 ,|():<>=~.-+\n\0é[]') }), (text) => {
      assert.ok(
        ['accepted', 'BAD_RELATION', 'BAD_VERSION'].includes(code(() => parseClauses(text, 'Depends'))),
      );
    }),
    { numRuns: 3000 },
  );
});

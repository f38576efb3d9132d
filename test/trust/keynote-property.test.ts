/**
 * KeyNote as a whole: more assertions never lower trust, one key never counts twice, order never shows, work stays bounded.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  evaluate,
  parseAssertions,
  proof,
  toBytes,
  type Assertion,
  type PrincipalNode,
  type LicenseesNode,
} from '../../trust/keynote/index.js';
import { SyntaxProblem } from '../../trust/keynote/text.js';
import { answer, assertions, value, VALUES } from './keynote-support.js';

const NAMES = ['POLICY', 'a', 'b', 'c', 'd', 'e'] as const;
const name = fc.constantFrom(...NAMES.slice(1));
const licensees: fc.Arbitrary<string> = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { depthSize: 'small' },
    name.map((each) => `"${each}"`),
    fc
      .tuple(tie('all'), fc.constantFrom('&&', '||'), tie('all'))
      .map(([x, sign, y]) => `(${x} ${sign} ${y})`),
    fc
      .array(name, { minLength: 2, maxLength: 4 })
      .chain((list) =>
        fc
          .integer({ min: 1, max: list.length })
          .map((k) => `${k}-of(${list.map((each) => `"${each}"`).join()})`),
      ),
  ),
})).all;
const assertion = fc
  .record({
    by: fc.constantFrom(...NAMES),
    to: fc.option(licensees),
    x: fc.constantFrom(...VALUES),
    missing: fc.boolean(),
  })
  .map(
    ({ by, to, x, missing }) =>
      `Authorizer: "${by}"\n${to === null ? '' : `Licensees: ${to}\n`}${missing ? '' : `Conditions: true -> "${x}";\n`}`,
  );
const world = fc.record({
  parts: fc.array(assertion, { maxLength: 8 }),
  requesters: fc.subarray(NAMES.slice(1)),
});

const worth = (parts: readonly string[], requesters: readonly string[]): number =>
  VALUES.indexOf(value({ text: parts.join('\n'), requesters }) as 'auto');

test('taking an assertion or a requester away never raises trust', () => {
  fc.assert(
    fc.property(world, fc.nat(), ({ parts, requesters }, at) => {
      const all = worth(parts, requesters);
      if (parts.length > 0) assert.ok(worth(parts.toSpliced(at % parts.length, 1), requesters) <= all);
      if (requesters.length > 0)
        assert.ok(worth(parts, requesters.toSpliced(at % requesters.length, 1)) <= all);
    }),
    { numRuns: 400 },
  );
});

// RFC 2704 §5 as it is written: raise values until nothing changes.
function reference(parts: readonly Assertion[], requesters: readonly string[]): number {
  const values = new Map<string, number>(requesters.map((each) => [each, VALUES.length - 1]));
  const of = (node: Assertion['licensees']): number => {
    if (node === undefined) return VALUES.length - 1;
    if (node === 'never') return 0;
    if (node.kind === 'principal') return values.get(node.name) ?? 0;
    if (node.kind === 'threshold')
      return (
        [...new Set(node.of)].map((each) => values.get(each) ?? 0).sort((a, b) => b - a)[node.k - 1] ?? 0
      );
    const all = node.of.map(of);
    return node.kind === 'all' ? Math.min(...all) : Math.max(...all);
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const { authorizer, licensees: asked, conditions } of parts) {
      const then = conditions?.[0]?.then;
      const allowed =
        conditions === undefined
          ? VALUES.length - 1
          : VALUES.indexOf((then as { value: string }).value as 'auto');
      const found = Math.min(allowed, of(asked));
      if (found <= (values.get(authorizer) ?? 0)) continue;
      values.set(authorizer, found);
      changed = true;
    }
  }
  return values.get('POLICY') ?? 0;
}

test('it is the least fixed point, in whatever order the assertions stand', () => {
  fc.assert(
    fc.property(world, ({ parts, requesters }) => {
      const parsed = assertions(parts.join('\n'));
      const expected = reference(parsed, requesters);
      assert.equal(worth(parts, requesters), expected);
      assert.equal(worth(parts.toReversed(), requesters), expected);
    }),
    { numRuns: 400 },
  );
});

test('a proof stands on requesters alone, and holds without anything else', () => {
  fc.assert(
    fc.property(world, ({ parts, requesters }) => {
      const all = answer({ text: parts.join('\n'), requesters });
      if (all.worth('POLICY') === 0) return;
      const tree = proof(all, 'POLICY');
      assert.deepEqual(
        proof(answer({ text: parts.toReversed().join('\n'), requesters }), 'POLICY').value,
        tree.value,
      );
      const used = new Set<string>();
      const walk = (node: PrincipalNode | LicenseesNode): void => {
        if ('needs' in node) return node.of.forEach(walk);
        if (!node.seen) assert.ok(node.requester || node.by.length === 1);
        for (const by of node.by) {
          used.add(by.where);
          by.licensees.of.forEach(walk);
        }
      };
      walk(tree);
      const kept = all.query.assertions.filter(({ where }) => used.has(where));
      assert.equal(evaluate({ ...all.query, assertions: kept }).worth('POLICY'), all.worth('POLICY'));
    }),
    { numRuns: 300 },
  );
});

test('k-of any list of one key never passes for k above 1', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 0, max: 4 }), (k, more) => {
      const list = new Array<string>(k + more).fill('"A"').join(',');
      assert.equal(
        value({ text: `Authorizer: "POLICY"\nLicensees: ${k}-of(${list})`, requesters: ['A', 'A'] }),
        'refuse',
      );
    }),
  );
});

test('no text makes the parser fail in any other way than a syntax error', () => {
  const words = fc.constantFrom(
    'Authorizer:',
    'Licensees:',
    'Conditions:',
    'Local-Constants:',
    '"POLICY"',
    '"a"',
    '&&',
    '||',
    '(',
    ')',
    '2-of(',
    ',',
    ';',
    '->',
    '{',
    '}',
    '@',
    '$',
    '.',
    '1',
    '1.5',
    'a',
    '~=',
    '==',
    '!',
    '\\',
    '"',
    '\n',
    '\n ',
    '#',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(words, { maxLength: 30 }).map((list) => list.join(' ')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        try {
          const { assertions: found } = parseAssertions(toBytes(text), 'test');
          evaluate({ requesters: ['a'], attributes: {}, values: VALUES, assertions: found });
        } catch (error) {
          assert.ok(!(error instanceof SyntaxProblem) && false, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('steps grow with the assertions as the assertions do', () => {
  const chain = (n: number): string => {
    const parts = ['Authorizer: "POLICY"\nLicensees: "p0"\n'];
    for (let i = 0; i < n; i++)
      parts.push(
        `Authorizer: "p${i}"\nLicensees: 2-of("p${i + 1}","q${i}","p${i + 1}") || "p${i + 1}"\nConditions: name ~= "^(a|b)*$";\n`,
      );
    return parts.join('\n');
  };
  const steps = (n: number): number =>
    answer({ text: chain(n), requesters: [`p${n}`], attributes: { name: 'abababab' } }).steps;
  const [small, large] = [steps(100), steps(800)];
  assert.ok(large < 8.5 * small, `${small} ${large}`);
  assert.equal(value({ text: chain(800), requesters: ['p800'], attributes: { name: 'ab' } }), 'auto');
});

test('what would take for ever is refused, not waited for', () => {
  const text = `Authorizer: "POLICY"\nConditions: ${'x ~= "(a*b?){200}" || '.repeat(500)}false;\n`;
  assert.throws(() => value({ text, attributes: { x: 'a'.repeat(60_000) } }), { code: 'LIMIT_EXCEEDED' });
});

test('deep nesting is a syntax error, long lists are not', () => {
  const policy = (conditions: string): string => `Authorizer: "POLICY"\nConditions: ${conditions};\n`;
  for (const deep of [
    `${'('.repeat(5000)}true${')'.repeat(5000)}`,
    `${'!'.repeat(5000)}true`,
    `${'true -> {'.repeat(5000)}`,
    `@a ${'+ 1'.repeat(5000)} > 0`,
    `${'-'.repeat(5000)}1 < 0`,
  ])
    assert.equal(parseAssertions(policy(deep), 'test').problems.length, 1);
  assert.equal(
    value({ text: policy(`${'name == "y" || '.repeat(5000)}name == "x"`), attributes: { name: 'x' } }),
    'auto',
  );
  const many = `Authorizer: "POLICY"\nLicensees: ${'"y" || '.repeat(5000)}"x"\n`;
  assert.equal(value({ text: many, requesters: ['x'] }), 'auto');
});

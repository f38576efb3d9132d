/** Attributes that have no value yet: what comes out is never less than with the value, whatever that turns out to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { proof } from '../../trust/keynote/index.js';
import { answer, assertions, VALUES } from './keynote-support.js';

const policy = (conditions: string): string => `Authorizer: "POLICY"\nConditions: ${conditions}\n`;
const unknown = (conditions: string): string =>
  VALUES[answer({ text: assertions(policy(conditions)), unknown: ['u'] }).worth('POLICY')] ?? '';

test('what depends on it may hold, whichever way it is put', () => {
  for (const may of [
    'u == ""',
    'u != ""',
    '!(u == "x")',
    'u ~= "^x$"',
    '@u > 3',
    '1 / @u > 0',
    '$u == "x"',
    '$("u") == "x"',
    'u . "x" == "yx"',
    'u ~= "^(a*)$" && _1 == "aa"',
    'true && u == "x"',
    'false || u == "x"',
    // the first may have decided: then nobody looks at the second, which is in error
    'u == "x" || 1 / 0 == 1',
    '!(u == "x" && 1 / 0 == 1)',
    // whose group is meant depends on it
    '"b" ~= "(b)" && (u == "x" || "c" ~= "(c)") && _1 == "b"',
    '"b" ~= "(b)" && (u == "x" || "c" ~= "(c)") && _1 == "c"',
  ])
    assert.equal(unknown(`${may};`), 'auto', may);
});

test('what does not depend on it is as it is', () => {
  for (const not of [
    'u == "x" && false',
    'false && u == "x"',
    '1 / 0 == 1 && u == "x"',
    '1 / 0 == 1 || u == "x"',
    'v == "x"',
  ])
    assert.equal(unknown(`${not};`), 'refuse', not);
  assert.equal(unknown('true || u == "x";'), 'auto');
  assert.equal(unknown('u == "x" -> "manual"; true -> "stage";'), 'manual');
  assert.equal(unknown('u == "x" -> { false -> "auto"; u == "y" -> "install"; };'), 'install');
  // a value that is not known either
  assert.equal(unknown('true -> u;'), 'auto');
  const hidden = `Local-Constants: u="y"\n${policy('u == "x";')}`;
  assert.equal(answer({ text: assertions(hidden), unknown: ['u'] }).worth('POLICY'), 0);
});

test('a derivation names what was assumed', () => {
  const text = assertions(policy('v == "" && u == "x" -> "install";'));
  const [node] = proof(answer({ text, unknown: ['u'] }), 'POLICY').by;
  assert.deepEqual(node?.conditions.assumed, ['u']);
  assert.deepEqual(node?.conditions.failing, []);
  const [known] = proof(answer({ text, attributes: { u: 'x' } }), 'POLICY').by;
  assert.deepEqual(known?.conditions.assumed, []);
});

test('no value of it gives more than not knowing it', () => {
  const leaf = fc.constantFrom(
    'true',
    'false',
    'u == "x"',
    'u != ""',
    'u < "m"',
    'u ~= "^(x|3)(y?)$"',
    'u ~= a',
    'a ~= "^(.)$"',
    '"x3" ~= "(.)(.)"',
    '_1 == "x"',
    '_1 == u',
    '@_0 == 2',
    '@u > 2',
    '@_2 == 3',
    '6 / @u == 2',
    '1 / 0 == 1',
    '@u * 9007199254740991 > 0',
    '$u == "1"',
    '$("" . u) == ""',
    'a == "1"',
    '"a" . u . "b" == "axb"',
  );
  const { test: condition } = fc.letrec<{ test: string }>((tie) => ({
    test: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.tuple(tie('test'), fc.constantFrom('&&', '||'), tie('test')).map((parts) => `(${parts.join(' ')})`),
      tie('test').map((of) => `!(${of})`),
    ),
  }));
  const value = fc.constantFrom('"stage"', '"install"', '"auto"', 'u', '"" . u', '_1');
  const clauses = fc
    .array(fc.tuple(condition, fc.option(fc.oneof(value, fc.tuple(condition, value)))), {
      minLength: 1,
      maxLength: 3,
    })
    .map((all) =>
      all
        .map(([tested, then]) => {
          if (then === null) return `${tested};`;
          return typeof then === 'string'
            ? `${tested} -> ${then};`
            : `${tested} -> { ${then[0]} -> ${then[1]}; };`;
        })
        .join(' '),
    );
  fc.assert(
    fc.property(
      clauses,
      fc.constantFrom('', 'x', 'y', 'xy', '1', '0', '3', 'a', 'u', 'auto', '('),
      (text, u) => {
        const parsed = assertions(policy(text));
        const at = (more: object): number =>
          answer({ text: parsed, attributes: { a: '1' }, ...more }).worth('POLICY');
        const least = at({ attributes: { a: '1', u } });
        const open = at({ unknown: ['u'] });
        assert.ok(least <= open, `${text} with "${u}": ${least}, without ${open}`);
        if (!/u|_/.test(text.replaceAll(/"auto"|true/g, ''))) assert.equal(open, least);
      },
    ),
    { numRuns: 3000 },
  );
});

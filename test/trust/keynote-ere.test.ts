/**
 * POSIX extended regular expressions: what they mean, and that none of them takes more than linear time.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isAnchored } from '../../trust/keynote/ere-parse.js';
import { matchEre } from '../../trust/keynote/ere.js';

function run(
  pattern: string,
  text: string,
): { match: readonly (string | undefined)[] | undefined; steps: number } {
  let steps = 0;
  const match = matchEre(pattern, text, (n) => void (steps += n));
  return { match, steps };
}

describe('a match is the leftmost and longest, and its groups are', () => {
  for (const [pattern, text, ...expected] of [
    ['b', 'abc', 'b'],
    ['a|ab', 'abc', 'ab'],
    ['(a|ab)(c|bcd)(d*)', 'abcd', 'abcd', 'ab', 'c', 'd'],
    ['(a|ab)(bcd|c)(d*)', 'abcd', 'abcd', 'ab', 'c', 'd'],
    ['(a*)(ab)*(b*)', 'abb', 'abb', 'a', undefined, 'bb'],
    ['(a*)(b|abc)(c*)', 'abc', 'abc', 'a', 'b', 'c'],
    ['x*', 'axx', ''],
    ['x+', 'axxbxxx', 'xx'],
    ['(x)?y', 'y', 'y', undefined],
    ['()', 'a', '', ''],
    ['(a|b)*', 'abab', 'abab', 'b'],
    ['((a)|b)*', 'ab', 'ab', 'b', undefined],
    ['(a*)*', 'aa', 'aa', 'aa'],
    ['(a*)+', 'aa', 'aa', 'aa'],
    ['a{2}', 'aaa', 'aa'],
    ['a{2,}', 'aaaa', 'aaaa'],
    ['a{0,2}b', 'aaab', 'aab'],
    ['(ab){1,2}', 'ababab', 'abab', 'ab'],
    ['a{', 'a{', 'a{'],
    ['a{x', 'a{x', 'a{x'],
    ['[]a]+', 'x]a]', ']a]'],
    ['[^]a]', ']ab', 'b'],
    ['[a-c-]+', 'a-b', 'a-b'],
    ['[]-a]+', ']^_`a', ']^_`a'],
    ['[[:digit:]]+', 'ab12', '12'],
    ['[[:alpha:]_]+', '1a_b', 'a_b'],
    ['[.*]+', '.*a', '.*'],
    ['\\.', 'a.b', '.'],
    ['\\(\\)', '()', '()'],
    ['\\\\', '\\', '\\'],
    ['^', 'a', ''],
    ['a^b|a', 'a^b', 'a'],
    ['a$', 'ba', 'a'],
    ['(^a|b)c', 'abc', 'bc', 'b'],
    ['.', '\n', '\n'],
    ['[^a]', '\n', '\n'],
    ['\xfc+', 'a\xfc\xfc', '\xfc\xfc'],
  ] as [string, string, ...(string | undefined)[]][])
    test(`${pattern} in ${JSON.stringify(text)}`, () => assert.deepEqual(run(pattern, text).match, expected));

  for (const [pattern, text] of [
    ['a$', 'ab'],
    ['^b', 'ab'],
    ['a$\n', 'a\n'],
    ['^a$', 'a\n'],
    ['[^a-z]', 'abc'],
    ['a{3}', 'aa'],
    ['(a|b)c', 'ac'.slice(1)],
  ] as const)
    test(`not ${JSON.stringify(pattern)} in ${JSON.stringify(text)}`, () =>
      assert.equal(run(pattern, text).match, undefined));
});

describe('none of these is an expression', () => {
  for (const pattern of [
    '',
    '(',
    ')',
    'a)',
    '(a',
    '[',
    '[a',
    '[]',
    '[^',
    '*',
    '+a',
    '?',
    '|',
    'a|',
    '|a',
    '(|a)',
    'a||b',
    'a**',
    'a+?',
    'a*?',
    '(?:a)',
    'a{2}{3}',
    'a{2,1}',
    'a{999}',
    'a{1,',
    'a{1',
    '{1}',
    '\\d',
    '\\1',
    '\\',
    'a\\w',
    '^*',
    '(*a)',
    '[z-a]',
    '[[:nope:]]',
    '[[.a.]]',
    '[[=a=]]',
    '[[:alpha:',
    '((((a{255}){255}){255}){255})',
    `${'('.repeat(500)}a${')'.repeat(500)}`,
  ])
    test(pattern.slice(0, 40), () => assert.throws(() => run(pattern, 'a'), /./));
});

test('an anchored expression is one that is anchored on every way', () => {
  for (const pattern of ['^a$', '^(a|b)$', '^a$|^b$', '(^a$)', '(^a|^b)$', '^$'].map(String))
    assert.ok(isAnchored(pattern), pattern);
  for (const pattern of ['a', '^a', 'a$', '^a|b$', '(^a$)|b', '(^)?a$', '^a\\$'])
    assert.ok(!isAnchored(pattern), pattern);
});

const letter = fc.constantFrom('a', 'b', 'c', '.', '[ab]', '[^a]');
const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    letter,
    tie('pattern').map((inner) => `(${inner})`),
    fc
      .tuple(
        fc.oneof(
          letter,
          tie('pattern').map((inner) => `(${inner})`),
        ),
        fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}'),
      )
      .map((parts) => parts.join('')),
  ),
  pattern: fc
    .array(
      fc.array(tie('piece'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
      { minLength: 1, maxLength: 2 },
    )
    .map((parts) => parts.join('|')),
}));

test('finds what trying every piece of the text finds', () => {
  fc.assert(
    fc.property(
      pattern,
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 6 }),
      (expression, letters) => {
        const text = letters.join('');
        const whole = new RegExp(`^(?:${expression})$`, 's');
        let expected: string | undefined;
        for (let from = 0; from <= text.length && expected === undefined; from++)
          for (let to = text.length; to >= from && expected === undefined; to--)
            if (whole.test(text.slice(from, to))) expected = text.slice(from, to);
        const { match } = run(expression, text);
        assert.equal(match?.[0], expected);
        // a group is a piece of what matched
        for (const group of match ?? []) assert.ok(group === undefined || (match?.[0] ?? '').includes(group));
      },
    ),
    { numRuns: 400 },
  );
});

test('steps are linear in the text, for any expression', () => {
  fc.assert(
    fc.property(pattern, fc.constantFrom('a', 'ab', 'aab', 'abc'), (expression, unit) => {
      const cost = (n: number): number => run(expression, unit.repeat(n)).steps;
      const [base, once, twice] = [cost(20), cost(200), cost(400)];
      assert.ok(
        twice - once <= 1.2 * (once - base) * (200 / 180) + 200,
        `${expression}: ${base} ${once} ${twice}`,
      );
    }),
    { numRuns: 100 },
  );
});

test('expressions that are catastrophic elsewhere are not', () => {
  for (const expression of [
    '^(a+)+$',
    '^(a|a)*$',
    '^(a*)*b$',
    '(a*a*a*a*)*c',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a?){50}a{50}',
  ]) {
    const { steps } = run(expression, `${'a'.repeat(2000)}!`);
    assert.ok(steps < 3_000_000, `${expression}: ${steps}`);
  }
});

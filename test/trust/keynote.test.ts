/**
 * KeyNote, rule by rule: RFC 2704 and the places where this one differs (docs/formats/policy.md).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { proof, survey } from '../../trust/keynote/index.js';
import { answer, assertions, holds, problem, value, whatStands } from './keynote-support.js';

const policy = (rest: string): string => `Authorizer: "POLICY"\n${rest}`;

describe('fields', () => {
  for (const [name, rest, expected] of [
    ['missing Licensees mean the maximum', 'Conditions: true;', 'auto'],
    ['empty Licensees mean the minimum', 'Licensees:\nConditions: true;', 'refuse'],
    ['missing Conditions mean the maximum', 'Licensees: "a"', 'auto'],
    ['empty Conditions mean the minimum', 'Licensees: "a"\nConditions:', 'refuse'],
    ['both missing: anybody may do anything', '', 'auto'],
    ['the lower of Conditions and Licensees', 'Licensees: "a"\nConditions: true -> "stage";', 'stage'],
    ['a stranger is worth nothing', 'Licensees: "z"', 'refuse'],
    ['principals are case-sensitive', 'Licensees: "A"', 'refuse'],
    ['names of fields are not', 'LICENSEES: "a"\ncOnDiTiOnS: true -> "manual";', 'manual'],
    ['a comment says nothing', 'Comment: Licensees: "z"\nLicensees: "a"', 'auto'],
    ['an indented line goes on', 'Licensees:\n  "a"\n\t&& "b"', 'auto'],
    ['# begins a comment, but not in a string', 'Licensees: "a" # && "z"\n# no field\n && "b#c"', 'auto'],
  ] as const)
    test(name, () => assert.equal(value({ text: policy(rest), requesters: ['a', 'b', 'b#c'] }), expected));

  for (const [name, text] of [
    ['Authorizer is needed', 'Licensees: "a"'],
    ['a field stands once', policy('Licensees: "a"\nLicensees: "b"')],
    ['KeyNote-Version stands first', policy('KeyNote-Version: 2')],
    ['KeyNote-Version is 2', `KeyNote-Version: 3\n${policy('')}`],
    ['Signature stands last', policy('Signature: "sig-pgp:AA=="\nLicensees: "a"')],
    ['an unknown field', policy('Licencees: "a"')],
    ['an indented line at first', ` Licensees: "a"\n${policy('')}`],
    ['a string that does not end', policy('Licensees: "a')],
    ['a bare word that is no constant', policy('Licensees: a')],
    ['k larger than the list', policy('Licensees: 3-of("a","b")')],
    ['k of nothing', policy('Licensees: 0-of("a","b")')],
    ['k-of of expressions', policy('Licensees: 1-of(("a" || "b"),"c")')],
    ['no operator between principals', policy('Licensees: "a" "b"')],
    ['a clause without its semicolon', policy('Conditions: true')],
    ['the last clause of a block without it', policy('Conditions: true -> { true -> "auto" };')],
    ['a block without it', policy('Conditions: true -> { true -> "auto"; }')],
    ['an error in a branch that never runs', policy('Conditions: false -> { "a" == ; }; true;')],
  ] as const)
    test(`void: ${name}`, () => {
      assert.notEqual(problem(text), undefined);
      assert.equal(value({ text, requesters: ['a', 'b'] }), 'refuse');
    });

  test('a void assertion takes no other with it', () => {
    const text = `${policy('Licensees: (')}\n\n${policy('Licensees: "a"')}`;
    assert.equal(value({ text, requesters: ['a'] }), 'auto');
  });
  test('KeyNote-Version may be a number or a string', () => {
    for (const version of ['2', '"2"'])
      assert.equal(value({ text: `KeyNote-Version: ${version}\n${policy('')}` }), 'auto');
  });
  test('blank lines part assertions, comment lines do not', () => {
    assert.equal(
      whatStands('Authorizer: "a"\n# x\nLicensees: "b"\n\n# only this\n\nAuthorizer: "c"\n \nAuthorizer: "d"')
        .length,
      3,
    );
  });
});

describe('Licensees', () => {
  for (const [licensees, requesters, expected] of [
    ['"a" && "b"', ['a'], false],
    ['"a" && "b"', ['a', 'b'], true],
    ['"a" || "b" && "c"', ['a'], true],
    ['"a" || "b" && "c"', ['b'], false],
    ['("a" || "b") && "c"', ['a'], false],
    ['("a" || "b") && "c"', ['b', 'c'], true],
    ['2-of("a","b","c")', ['a'], false],
    ['2-of("a","b","c")', ['a', 'c'], true],
    ['2-OF("a","b","c")', ['c', 'b'], true],
    // the RFC counts entries, we count principals
    ['2-of("a","a")', ['a'], false],
    ['2-of("a","a","b")', ['a'], false],
    ['2-of("a","a","b")', ['a', 'b'], true],
  ] as const)
    test(`${licensees} with ${requesters.join()}`, () =>
      assert.equal(
        value({ text: policy(`Licensees: ${licensees}`), requesters }),
        expected ? 'auto' : 'refuse',
      ));

  const chain = `${policy('Licensees: 2-of("a","b","c")')}

Authorizer: "a"
Licensees: "x"
Conditions: true -> "manual";

Authorizer: "b"
Licensees: "x"
Conditions: true -> "install";

Authorizer: "c"
Licensees: "x"
Conditions: true -> "stage";
`;
  test('k-of is the k-th largest value', () =>
    assert.equal(value({ text: chain, requesters: ['x'] }), 'manual'));
  test('&& is the least, || the most', () => {
    for (const [sign, expected] of [
      ['&&', 'stage'],
      ['||', 'install'],
    ] as const)
      assert.equal(
        value({ text: chain.replace('2-of("a","b","c")', `"a" ${sign} "b" ${sign} "c"`), requesters: ['x'] }),
        expected,
      );
  });
  test('a constant may be a principal, and only of its own assertion', () => {
    const text = `Local-Constants: A="a" P="POLICY"\nAuthorizer: P\nLicensees: A\n\n${policy('Licensees: A')}`;
    assert.equal(whatStands(text).length, 1);
    assert.equal(value({ text, requesters: ['a'] }), 'auto');
  });
});

describe('delegation', () => {
  const link = (from: string, to: string, rest = ''): string =>
    `Authorizer: "${from}"\nLicensees: "${to}"\n${rest}\n`;
  test('goes down a chain, and never gains on the way', () => {
    const text = [link('POLICY', 'a', 'Conditions: true -> "install";'), link('a', 'b'), link('b', 'c')].join(
      '\n',
    );
    assert.equal(value({ text, requesters: ['c'] }), 'install');
    assert.equal(
      value({ text: text.replace('"b"\nLicensees: "c"', '"b"\nLicensees: "d"'), requesters: ['c'] }),
      'refuse',
    );
  });
  test('of several ways the best counts', () => {
    const text = [
      link('POLICY', 'a', 'Conditions: true -> "stage";'),
      link('POLICY', 'b', 'Conditions: true -> "manual";'),
    ].join('\n');
    assert.equal(value({ text, requesters: ['a', 'b'] }), 'manual');
  });
  test('a cycle gives nothing, and takes nothing, in whatever order', () => {
    const parts = [link('POLICY', 'a'), link('a', 'b'), link('b', 'a')];
    for (const order of [parts, parts.toReversed()]) {
      assert.equal(value({ text: order.join('\n'), requesters: [] }), 'refuse');
      assert.equal(value({ text: [...order, link('b', 'x')].join('\n'), requesters: ['x'] }), 'auto');
    }
  });
  test('two assertions of one principal in a cycle', () => {
    const text = [
      link('POLICY', 'a'),
      'Authorizer: "a"\nLicensees: "b" && "c"\n',
      link('b', 'a'),
      link('b', 'x'),
      link('c', 'x'),
    ].join('\n');
    assert.equal(value({ text, requesters: ['x'] }), 'auto');
  });
});

describe('clauses', () => {
  for (const [name, conditions, expected] of [
    ['a clause without a value is the maximum', 'true;', 'auto'],
    ['the maximum of those that hold', 'true -> "stage"; false -> "auto"; true -> "manual";', 'manual'],
    ['an unknown value is the minimum', 'true -> "AUTO";', 'refuse'],
    ['a value may be an expression', 'true -> "in" . x;', 'install'],
    ['special values', 'true -> _MAX_TRUST;', 'auto'],
    ['the minimum', 'true -> _MIN_TRUST;', 'refuse'],
    ['a block is the maximum of its clauses', 'true -> { true -> "stage"; false; };', 'stage'],
    ['an empty block is nothing', 'true -> { };', 'refuse'],
    ['a block of a test that fails', 'false -> { true; };', 'refuse'],
    ['blocks in blocks', 'true -> { true -> { x == "stall" -> "install"; }; };', 'install'],
    ['an error fails its clause', '1/0 == 1;', 'refuse'],
    ['negated, too', '!(1/0 == 1);', 'refuse'],
    ['and not its siblings', '1/0 == 1; true -> "manual";', 'manual'],
    ['in a block, only the clause of the block', 'true -> { !(1/0 == 1); true -> "stage"; };', 'stage'],
    ['in a block, it is not forgotten', 'true -> { !(1/0 == 1); };', 'refuse'],
    ['&& looks no further than a false', 'false && 1/0 == 1; true -> "stage";', 'stage'],
    ['|| looks no further than a true', 'true || 1/0 == 1;', 'auto'],
    ['an error in the value', 'true -> $(x . "(") ; true -> "stage";', 'stage'],
  ] as const)
    test(name, () =>
      assert.equal(
        value({ text: policy(`Conditions: ${conditions}`), attributes: { x: 'stall' } }),
        expected,
      ),
    );
});

describe('tests', () => {
  const attributes = {
    a: 'abc',
    n: '10',
    m: '9',
    f: '1.5',
    neg: '-5',
    ref: 'a',
    umlaut: Buffer.from('ü').toString('latin1'),
  };
  for (const test_ of [
    'true',
    '!false',
    '!(false)',
    '!!true',
    'true && !false',
    'false || true',
    'false && false || true',
    'true || false && false',
    // strings compare by bytes
    'a == "abc"',
    'a != "ABC"',
    '"a" < "b"',
    '"B" < "a"',
    '"10" < "9"',
    'n < m',
    '"" < "a"',
    '"ab" <= "ab"',
    '"b" > "ab"',
    '"\\303\\274" == umlaut',
    '"z" < umlaut',
    // a bare word is an attribute, an undefined one ""
    'nothing == ""',
    '@nothing == 0',
    '&nothing < 0.1',
    'abc == ""',
    // joins and dereferences
    '"a" . "b" . "c" == a',
    '$ref == a',
    '$("re" . "f") == "a"',
    '$ref . "d" == "abcd"',
    '$$"ref" == "abc"',
    '("a" . "bc") == a',
    // escapes
    '"a\\\n     b" == "ab"',
    '"\\101" == "A"',
    '"\\n" < " "',
    '"\\"" == "\\042"',
    '"\\q" == "q"',
    '"\\0123" == "\\n3"',
    '"\\\\" == "\\134"',
    // integers
    '@n > @m',
    '@n == 10',
    '@neg == -5',
    '@"-5" < 0',
    '@"+7" == 7',
    '@"1.5" == 0',
    '@"x" == 0',
    '@" 1" == 0',
    '-2^2 == 4',
    '2^3^2 == 64',
    '2+3*4 == 14',
    '(2+3)*4 == 20',
    '7/2 == 3',
    '-7/2 == -3',
    '7%3 == 1',
    '-7%3 == -1',
    '2^0 == 1',
    '10-4-3 == 3',
    '16/4/2 == 2',
    '- -3 == 3',
    '0 == -0',
    '@$"n" == 10',
    '@("1" . "0") == 10',
    '2*3^2 == 18',
    '@"20270101000000" < 20280101000000',
    // floats
    '&f > 1.0',
    '&f * 2.0 >= 3.0',
    '&f <= 1.5',
    '&"-1.5" < 0.0',
    '&"x" <= 0.0',
    '&n > 9.5',
    '2.0^0.5 > 1.4',
    // specials
    '_MIN_TRUST == "refuse"',
    '_MAX_TRUST == "auto"',
    '_VALUES == "refuse,stage,manual,install,auto"',
    '_ACTION_AUTHORIZERS == ""',
    '_1 == ""',
    // regular expressions
    'a ~= "b"',
    'a ~= "^abc$"',
    '!(a ~= "^b")',
    'a ~= "^" . a . "$"',
    '"" ~= "^$"',
    '"a\\nb" ~= "a.b"',
    '"a\\nb" ~= "a[^x]b"',
    '!("a\\nb" ~= "a$")',
    'a ~= "^(.)(.)" && _0 == "2" && _1 == "a" && _2 == "b"',
    '"xyz" ~= "y" && _0 == "0"',
    'a ~= "(a)|(z)" && _1 == "a" && _2 == ""',
    '@_0 == 0 && a ~= "(b)" && @_0 == 1',
    'a ~= "(a)" && !(a ~= "z") && _1 == "a"',
  ])
    test(test_.replaceAll('\n', '\\n'), () => assert.equal(holds(test_, attributes), true));

  for (const test_ of [
    '1/0 == 0',
    '1%0 == 0',
    '1.0/0.0 > 0.0',
    '2^2000 > 0',
    '9007199254740991 + 1 > 0',
    '2^-1 == 0',
    '@"99999999999999999999" > 0',
    'a ~= "("',
    'a ~= "a**"',
  ])
    test(`neither it nor its opposite: ${test_}`, () => {
      assert.equal(holds(test_, attributes), false);
      assert.equal(holds(`!(${test_})`, attributes), false);
    });

  for (const test_ of [
    '"a"',
    '1',
    '@a',
    'a == 1',
    '@a == a',
    '1 == 1.0',
    '1.0 == 1.0',
    '1.5 != 2.0',
    '@n . "a" == "10a"',
    '1 . 2 == "12"',
    '"a" + "b" == "ab"',
    '-"a" == "a"',
    '@1 == 1',
    '$1 == ""',
    'a == b == c',
    '1 < 2 < 3',
    'true == true',
    '!"a"',
    '"a" && true',
    '1 ~= 2',
    'a ~= 1',
    '1.5 % 1.0 > 0.0',
    '1 + 1.0 > 0',
    '',
    'a =~ "b"',
    '"\\0" == ""',
    '"\\000" == ""',
    '"\\18" == ""',
    '99999999999999999999 > 0',
    '(true',
    'true)',
    'true -> 1',
    'true -> true',
    'a = "b"',
    "a == 'b'",
  ])
    test(`void: ${test_ === '' ? '(nothing)' : test_}`, () =>
      assert.notEqual(problem(policy(`Conditions: ${test_};`)), undefined));

  test('groups live for their clause, and for the block that hangs on it', () => {
    const text = (conditions: string): string => policy(`Conditions: ${conditions}`);
    const asked = (conditions: string): string => value({ text: text(conditions), attributes: { a: 'abc' } });
    assert.equal(asked('a ~= "(b)" -> { _1 == "b" -> "manual"; };'), 'manual');
    assert.equal(asked('a ~= "(b)" -> "stage"; _1 == "b" -> "auto";'), 'stage');
    assert.equal(asked('a ~= "(b)" -> { a ~= "(c)" -> "stage"; _1 == "b" -> "manual"; };'), 'manual');
  });
  test('_ACTION_AUTHORIZERS names the requesters, sorted', () => {
    assert.equal(
      value({ text: policy('Conditions: _ACTION_AUTHORIZERS == "a,b";'), requesters: ['b', 'a', 'b'] }),
      'auto',
    );
  });
});

describe('Local-Constants', () => {
  test('stand above attributes, in their own assertion only', () => {
    const text = `Local-Constants: x="own"\n${policy('Conditions: x == "own" -> "stage";')}\n\n${policy('Conditions: x == "given" -> "manual";')}`;
    assert.equal(value({ text, attributes: { x: 'given' } }), 'manual');
    assert.equal(value({ text, attributes: { x: 'else' } }), 'stage');
  });
  for (const constants of ['x="a" x="b"', '_x="a"', 'x=y', 'x', '"x"="y"', 'x="a",y="b"'])
    test(`void: ${constants}`, () =>
      assert.notEqual(problem(`Local-Constants: ${constants}\n${policy('')}`), undefined));
});

describe('the derivation', () => {
  const text = `${policy('Licensees: 2-of("a","b","c")\nConditions: name == "x" -> "install";')}

Authorizer: "a"
Licensees: "k"

Authorizer: "b"
Licensees: "k" || "l"

Authorizer: "c"
Licensees: "z"
`;
  test('is a proof, and the same in any order', () => {
    const parts = assertions(text);
    const asked = (list: typeof parts): unknown =>
      proof(answer({ text: list, requesters: ['k'], attributes: { name: 'x' } }), 'POLICY');
    const tree = asked(parts);
    assert.deepEqual(asked(parts.toReversed()), tree);
    assert.equal(JSON.stringify(tree).includes('"z"'), false);
    assert.equal((tree as { value: string }).value, 'install');
  });
  test('says what failed', () => {
    const tree = survey(
      answer({ text: assertions(text), requesters: ['k'], attributes: { name: 'y' } }),
      'POLICY',
    );
    assert.equal(tree.value, 'refuse');
    assert.deepEqual(tree.by[0]?.conditions.failing, [
      { test: 'name == "x"', attributes: { name: 'y' }, error: undefined },
    ]);
    assert.equal(JSON.stringify(tree).includes('"z"'), true);
  });
});

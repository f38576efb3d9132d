/**
 * Version numbers: dpkg is the judge, where it is here; a table and the laws of an order everywhere.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareVersions, GtpkgError, parseVersion, versionSatisfies } from '../../model/index.js';
import { packagesText } from '../resolver/debian.js';

const PAIRS = 20_000;
const MALFORMED = 1_500;

function dpkgIsAbsent(): string | false {
  try {
    execFileSync('dpkg', ['--validate-version', '1'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'dpkg is not here, or too old for --validate-version';
  }
}

const skip = dpkgIsAbsent();

function accepts(text: string): boolean {
  try {
    parseVersion(text);
    return true;
  } catch (error) {
    assert.ok(error instanceof GtpkgError && error.code === 'BAD_VERSION');
    return false;
  }
}

/**
 * Runs a shell loop over lines on its input, two at once; one line of output for each of input. A version holds
 * no quotes and no white space, and comes by `read -r`: nothing of it is ever run.
 */
async function judge(loop: string, input: readonly string[]): Promise<string[]> {
  const half = Math.ceil(input.length / 2);
  const part = (lines: readonly string[]): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const child = spawn('sh', ['-c', loop], { stdio: ['pipe', 'pipe', 'ignore'] });
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.on('error', reject).on('close', () => resolve(out.split('\n').slice(0, -1)));
      child.stdin.end(lines.map((line) => `${line}\n`).join(''));
    });
  const [first, second] = await Promise.all([part(input.slice(0, half)), part(input.slice(half))]);
  return [...first, ...second];
}

// One process a pair: whether our own answer is dpkg's too.
const COMPARE = `while read -r a operator b; do
  if dpkg --compare-versions "$a" "$operator" "$b"; then echo yes; else echo no; fi
done`;
// Status 1 (syntax that dpkg only warns about) and 2 both mean no.
const VALIDATE = `while read -r v; do if dpkg --validate-version "$v"; then echo yes; else echo no; fi; done`;

const operatorOf = (order: number): string => (order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq');

const sign = (order: number): string => (order < 0 ? '<' : order > 0 ? '>' : '=');

const chars = (from: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...from), { minLength: min, maxLength: max }).map((list) => list.join(''));

const upstream = fc
  .tuple(chars('0019', 1, 2), chars('0019aAzZ.+~-', 0, 6))
  .map(([head, tail]) => `${head}${tail}`);
const generated = fc
  .tuple(
    fc.constantFrom('', '', '', '0:', '1:', '00:', '12:'),
    upstream,
    fc.constantFrom('', '-'),
    chars('01aZ.+~', 1, 4),
  )
  .map(
    ([epoch, up, hyphen, revision]) =>
      `${epoch}${up.replace(/-+$/, '')}${hyphen === '' ? '' : `-${revision}`}`,
  );
// Often equal or near: the second is the first with a small change.
const nearby = fc
  .tuple(generated, fc.nat(20), fc.constantFrom('', '0', '~', '+', 'a', '.', '-0', '00'))
  .map(([version, at, more]): [string, string] => {
    const place = Math.max(version.indexOf(':') + 2, Math.min(at, version.length));
    return [version, version.slice(0, place) + more + version.slice(place)];
  })
  .filter(([a, b]) => accepts(a) && accepts(b));
const pair = fc.oneof(nearby, fc.tuple(generated, generated));

/** Pairs of versions that Debian has: neighbours in the sorted list are the hard ones. */
function realPairs(count: number): [string, string][] {
  const found = packagesText();
  if (typeof found === 'string') return [];
  const versions = [
    ...new Set([...found.text.matchAll(/^Version: (.*)$/gm)].map((match) => match[1] ?? '')),
  ].sort();
  const step = Math.max(1, Math.floor(versions.length / count));
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < versions.length && pairs.length < count; at += step) {
    pairs.push([versions[at] ?? '', versions[at + 1] ?? '']);
  }
  return pairs;
}

test(`the order of ${PAIRS} pairs is dpkg's`, { skip, timeout: 600_000 }, async (t) => {
  const real = realPairs(PAIRS / 2);
  if (real.length === 0) t.diagnostic('no list of Debian main here: generated pairs only');
  const pairs = [...real, ...fc.sample(pair, { numRuns: PAIRS - real.length, seed: 20 })];
  const ours = pairs.map(([a, b]) => operatorOf(compareVersions(a, b)));
  const answers = await judge(
    COMPARE,
    pairs.map(([a, b], at) => `${a} ${ours[at] ?? ''} ${b}`),
  );
  assert.equal(answers.length, pairs.length);
  pairs.forEach(([a, b], at) => assert.equal(answers[at], 'yes', `${a} ${ours[at] ?? ''} ${b}`));
  assert.equal(new Set(ours).size, 3);
});

test(`what is a version is what dpkg says, ${MALFORMED} times`, { skip, timeout: 600_000 }, async () => {
  // Neither white space nor a plus sign before the epoch: see the next test.
  const text = fc
    .tuple(chars('0019aZ.+~-:_/é', 0, 3), chars('0019aZ.+~-:-:', 1, 6))
    .map((parts) => parts.join(''));
  const candidates = fc
    .sample(fc.oneof(text, generated), { numRuns: MALFORMED, seed: 21 })
    .filter((one) => !/^\+\d*:/.test(one));
  const edges = [
    '1',
    '1-',
    '-1',
    '1--1',
    '1:',
    ':1',
    '1:2:3',
    '1.0:2',
    '0:1',
    '00000000000000001:1',
    '2147483647:1',
    '2147483648:1',
    '99999999999999999999:1',
    '1:a',
    '1-a:b',
    '1-1-',
    '~1',
    '1~',
    '1-~',
    'a1',
    '1_2',
    '1:1-',
    '0x1:1',
    '-1:1',
    '1-1_1',
    '1é',
  ];
  const all = [...edges, ...candidates];
  const answers = await judge(VALIDATE, all);
  const seen = { yes: 0, no: 0 };
  all.forEach((one, at) => {
    seen[answers[at] === 'yes' ? 'yes' : 'no']++;
    assert.equal(`${one} ${accepts(one) ? 'yes' : 'no'}`, `${one} ${answers[at] ?? '?'}`);
  });
  assert.ok(seen.yes > 100 && seen.no > 100, JSON.stringify(seen));
});

test('spellings that dpkg tolerates and we refuse: one version, one spelling', () => {
  for (const text of [' 1', '1 ', ' 1:1', '+1:2', '\t1', '1\n', ''])
    assert.equal(accepts(text), false, JSON.stringify(text));
});

test('parts', () => {
  assert.deepEqual(parseVersion('1:2.30-5-6+b1'), { epoch: 1, upstream: '2.30-5', revision: '6+b1' });
  assert.deepEqual(parseVersion('2:3'), { epoch: 2, upstream: '3', revision: '' });
  assert.deepEqual(parseVersion('1:2:3'), { epoch: 1, upstream: '2:3', revision: '' });
});

test('a table in rising order', () => {
  const rising = [
    '0~~',
    '0~~a',
    '0~',
    '0',
    '0a',
    '0+',
    '0.1',
    '1~rc1-1',
    '1-0.1',
    '1-1~bpo12+1',
    '1-1',
    '1-1+b1',
    '1-1+b10',
    '1.2',
    '1.10',
    '9'.repeat(40),
    '1:0',
  ];
  rising.forEach((a, i) => {
    rising.forEach((b, j) => assert.equal(sign(compareVersions(a, b)), sign(i - j), `${a} ${b}`));
  });
  const equal = [
    ['1', '0:1'],
    ['1.0', '1.0-0'],
    ['1.00', '1.0'],
    ['1.01', '1.1'],
    ['1a0', '1a'],
  ];
  for (const [a = '', b = ''] of equal) assert.equal(compareVersions(a, b), 0, `${a} ${b}`);
});

test('the laws of an order', () => {
  fc.assert(
    fc.property(generated, generated, generated, (a, b, c) => {
      assert.equal(sign(compareVersions(a, b)), sign(-compareVersions(b, a)));
      assert.equal(compareVersions(a, a), 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      const order = compareVersions(a, b);
      assert.deepEqual(
        (['<<', '<=', '=', '>=', '>>'] as const).map((operator) => versionSatisfies(a, operator, b)),
        [order < 0, order <= 0, order === 0, order >= 0, order > 0],
      );
    }),
    { numRuns: 3000 },
  );
});

test('hostile input is answered at once', () => {
  const start = performance.now();
  for (const text of [
    '1'.repeat(500_000),
    `1${'-'.repeat(500_000)}`,
    `1${':'.repeat(500_000)}`,
    '~'.repeat(500_000),
    `${'9'.repeat(500_000)}:1`,
  ]) {
    accepts(text);
  }
  assert.ok(compareVersions(`1${'a'.repeat(500_000)}`, `1${'a'.repeat(499_999)}b`) < 0);
  assert.ok(performance.now() - start < 2000);
});

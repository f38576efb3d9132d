/** Pins: which record decides, patterns, and what they open. And: dependencies stay within their package's source. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { matchesPattern, opensToAll, rankOf, type Pin } from '../../resolver/pins.js';
import { resolve, type Policy } from '../../resolver/index.js';
import { answerText, problemOf, summary } from './world.js';

const hello = { name: 'hello', source: 'acme', suite: 'stable', version: '2.10-3' };

test('the first record that names the package, else the highest of those about all', () => {
  const pins: Pin[] = [
    { packages: ['*'], priority: 900 },
    { packages: ['*'], source: 'acme', priority: 950 },
    { packages: ['other'], priority: -1 },
    { packages: ['hel*'], version: '3.*', priority: 1 },
    { packages: ['x', 'hel*'], suite: 'stable', priority: 100 },
    { packages: ['hello'], priority: 990 },
  ];
  const priority = (list: readonly Pin[]): number => rankOf(list, hello).priority;
  assert.equal(priority([]), 500);
  assert.equal(priority(pins.slice(0, 1)), 900);
  assert.equal(priority(pins.slice(0, 4)), 950);
  assert.equal(priority(pins), 100);
  assert.equal(priority([...pins].reverse()), 990);
  assert.equal(opensToAll([], hello), false);
  assert.equal(opensToAll(pins, hello), false);
  assert.equal(opensToAll([{ packages: ['*'], source: 'acme', priority: 500 }], hello), true);
});

test('a pattern means what the same regular expression means', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 6 });
  fc.assert(
    fc.property(pattern, text, (p, t) => {
      const same = new RegExp(`^${p.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(t);
      assert.equal(matchesPattern(p, t), same);
    }),
    { numRuns: 2000 },
  );
  // no runaway on a hostile pattern
  assert.equal(matchesPattern(`${'*a'.repeat(60)}b`, 'a'.repeat(4096)), false);
});

const OWN: Policy = { priority: () => 500, allows: (owner, candidate) => owner.source === candidate.source };

function ask(request: string, packages: string, installed = ''): string {
  const resolution = resolve({ ...problemOf(request, packages, installed), policy: OWN });
  return resolution.kind === 'solution' ? summary(resolution.plan) : answerText(resolution);
}

test('dependency confusion: a higher version of another source is not taken', () => {
  const packages = 'app 1; Source: corp; Depends: lib\nlib 1; Source: corp\nlib 99; Source: public';
  assert.equal(ask('install app', packages), '+lib=1 +app=1');
  assert.equal(ask('upgrade', packages, 'app 1; Depends: lib\nlib 1; auto'), '', 'nor by an upgrade');
  assert.equal(ask('upgrade', packages, 'lib 1'), '^lib=99', 'which nothing needs');
  assert.equal(ask('install app lib', packages), '+lib=99 +app=1', 'named by the user');
  assert.equal(ask('install app', packages, 'lib 50'), '+app=1', 'what is there does');
  assert.equal(ask('install app', 'app 1; Source: corp; Recommends: lib\nlib 99; Source: public'), '+app=1');
});

test('dependency confusion: a name that only another source has', () => {
  assert.equal(
    ask(
      'install app',
      'app 1; Source: corp; Depends: lib\nlib 99; Source: public\nmore 1; Source: third; Provides: lib',
    ),
    [
      'no',
      'You asked for app.',
      'app 1 depends on lib, but lib 99 is of another source, public and more 1 is of another source, third.',
      'To get further, run gtpkg pin lib@public.',
    ].join('\n'),
  );
});

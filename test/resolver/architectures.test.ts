/** Packages for a foreign architecture beside the native one: one row a rule of Debian's multiarch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolve } from '../../resolver/index.js';
import { problemOf, summary } from './world.js';

const answer = (ask: string, packages: string, installed = ''): string => {
  const lines = (text: string): string => text.replaceAll(' // ', '\n');
  const resolution = resolve(problemOf(`${ask} --i386`, lines(packages), lines(installed)));
  return resolution.kind === 'solution'
    ? summary(resolution.plan)
    : resolution.explanation.sentences.slice(0, -1).join(' ');
};

// rule, request, packages, installed, plan or explanation
// prettier-ignore
const RULES: readonly (readonly [string, string, string, string, string])[] = [
  ['a foreign package is asked for by name and architecture', 'install a:i386', 'a 1 // a 1 i386', '', '+a:i386=1'],
  ['without an architecture the native one is meant', 'install a', 'a 1 // a 2 i386', '', '+a=1'],
  ['the native architecture may be named', 'install a:amd64', 'a 1 // a 1 i386', '', '+a=1'],
  ['where only another architecture has it, that is meant', 'install a', 'a 1 i386', '', '+a:i386=1'],
  ['what is for all is native', 'install a', 'a 1; Depends: b // b 1 all // b 2 i386', '', '+b=1 +a=1'],
  ['a dependency is for the same architecture', 'install a:i386', 'a 1 i386; Depends: b // b 2 // b 1 i386', '', '+b:i386=1 +a:i386=1'],
  ['and not met by another', 'install a:i386', 'a 1 i386; Depends: b // b 1', '',
    'You asked for a:i386. a:i386 1 depends on b, but there is only b for amd64, not marked Multi-Arch: foreign.'],
  ['nor by a package for all', 'install a:i386', 'a 1 i386; Depends: b // b 1 all', '',
    'You asked for a:i386. a:i386 1 depends on b, but there is only b for amd64, not marked Multi-Arch: foreign.'],
  ['Multi-Arch: foreign meets dependencies of every architecture', 'install a:i386', 'a 1 i386; Depends: b // b 1 all; Multi-Arch: foreign', '', '+b=1 +a:i386=1'],
  ['the native one first', 'install a:i386', 'a 1 i386; Depends: b // b 1; Multi-Arch: foreign // b 1 i386; Multi-Arch: foreign', '', '+b=1 +a:i386=1'],
  ['a foreign one that is there will do', 'install a', 'a 1; Depends: b // b 1; Multi-Arch: foreign', 'b 1 i386; Multi-Arch: foreign', '+a=1'],
  ['what a Multi-Arch: foreign package provides is for all', 'install a:i386', 'a 1 i386; Depends: v // p 1; Provides: v; Multi-Arch: foreign', '', '+p=1 +a:i386=1'],
  ['what another provides is for its own', 'install a:i386', 'a 1 i386; Depends: v // p 1; Provides: v', '',
    'You asked for a:i386. a:i386 1 depends on v, but there is only v for amd64, not marked Multi-Arch: foreign.'],
  [':any takes Multi-Arch: allowed of every architecture', 'install a:i386', 'a 1 i386; Depends: py:any // py 1; Multi-Arch: allowed', '', '+py=1 +a:i386=1'],
  ['without it allowed is for its own', 'install a:i386', 'a 1 i386; Depends: py // py 1; Multi-Arch: allowed // py 1 i386; Multi-Arch: allowed', '', '+py:i386=1 +a:i386=1'],
  [':native', 'install a:i386', 'a 1 i386; Depends: b:native // b 1 // b 1 i386', '', '+b=1 +a:i386=1'],
  ['an architecture after the colon', 'install a', 'a 1; Depends: b:i386 // b 1 // b 1 i386', '', '+b:i386=1 +a=1'],
  ['one that the root does not take', 'install a', 'a 1; Depends: b:armhf // b 1', '',
    'You asked for a. a 1 depends on b:armhf, but nothing for armhf is looked at.'],
  ['Multi-Arch: same together in one version', 'install a a:i386', 'a 1; Multi-Arch: same // a 2; Multi-Arch: same // a 1 i386; Multi-Arch: same', '', '+a=1 +a:i386=1'],
  ['and in no other', 'install a=2 a:i386', 'a 2; Multi-Arch: same // a 1 i386; Multi-Arch: same', '',
    'You asked for a=2 and a:i386. a 2 and a:i386 1 can be there together only in one version.'],
  ['they are upgraded in step', 'upgrade', 'a 2; Multi-Arch: same // a 2 i386; Multi-Arch: same', 'a 1; Multi-Arch: same // a 1 i386; Multi-Arch: same', '^a=2 ^a:i386=2'],
  ['or not at all', 'upgrade', 'a 2; Multi-Arch: same', 'a 1; Multi-Arch: same // a 1 i386; Multi-Arch: same', ''],
  ['all others are there once', 'install a a:i386', 'a 1 // a 1 i386', '',
    'You asked for a and a:i386. a and a:i386 cannot be there together, since they are not marked Multi-Arch: same.'],
  ['one takes the place of another that came as a dependency', 'install a', 'a 1', 'a 1 i386; auto', '-a:i386 +a=1'],
  ['a conflict means every architecture', 'install a', 'a 1; Conflicts: b', 'b 1 i386; auto', '-b:i386 +a=1'],
  ['unless one stands there', 'install a', 'a 1; Conflicts: b:i386', 'b 1; auto; Multi-Arch: same // b 1 i386; auto; Multi-Arch: same', '-b:i386 +a=1'],
  ['and never its own name', 'install a a:i386', 'a 1; Multi-Arch: same; Provides: v; Conflicts: v // a 1 i386; Multi-Arch: same; Provides: v; Conflicts: v', '', '+a=1 +a:i386=1'],
  ['a recommendation is for the same architecture', 'install a:i386', 'a 1 i386; Recommends: r // r 1 // r 1 i386', '', '+a:i386=1 +r:i386=1'],
  ['remove takes what needs it along, not its twin', 'remove a:i386', '', 'a 1; auto; Multi-Arch: same // a 1 i386; Multi-Arch: same // u 1 i386; auto; Depends: a', '-u:i386 -a:i386'],
  ['a foreign essential package is none', 'remove a:i386', '', 'a 1 i386; Essential: yes', '-a:i386'],
  ['autoremove tells them apart', 'autoremove', '', 'm 1; Depends: a // a 1; auto; Multi-Arch: same // a 1 i386; auto; Multi-Arch: same', '-a:i386'],
];

for (const [rule, ask, packages, installed, gives] of RULES)
  test(rule, () => assert.equal(answer(ask, packages, installed), gives));

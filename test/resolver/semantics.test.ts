/**
 * What each relation and each request means, one row a rule: request, packages, installed → plan or "no".
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GtpkgError } from '../../model/index.js';
import { resolve, type Plan, type Problem } from '../../resolver/index.js';
import { problemOf, release, summary } from './world.js';

interface Row {
  readonly rule: string;
  readonly ask: string;
  readonly packages: string;
  readonly installed?: string;
  /** the plan in a line, or 'no' */
  readonly gives: string;
}

function check(rows: readonly Row[]): void {
  for (const { rule, ask, packages, installed, gives } of rows) {
    test(rule, () => {
      const resolution = resolve(
        problemOf(ask, packages.replaceAll(' // ', '\n'), installed?.replaceAll(' // ', '\n')),
      );
      const got = resolution.kind === 'conflict' ? 'no' : summary(resolution.plan);
      assert.equal(
        got,
        gives,
        resolution.kind === 'conflict' ? resolution.explanation.sentences.join(' ') : '',
      );
    });
  }
}

function planOf(problem: Problem): Plan {
  const resolution = resolve(problem);
  if (resolution.kind === 'conflict') assert.fail(resolution.explanation.sentences.join(' '));
  return resolution.plan;
}

// prettier-ignore
check([
  // Depends
  { rule: 'a dependency comes first', ask: 'install a', packages: 'a 1; Depends: b // b 1', gives: '+b=1 +a=1' },
  { rule: 'the highest version that fits', ask: 'install a', packages: 'a 1; Depends: b (<< 3) // b 1 // b 2 // b 3', gives: '+b=2 +a=1' },
  { rule: '= means exactly', ask: 'install a', packages: 'a 1; Depends: b (= 1) // b 1 // b 2', gives: '+b=1 +a=1' },
  { rule: '>> means strictly later', ask: 'install a', packages: 'a 1; Depends: b (>> 1) // b 1', gives: 'no' },
  { rule: '<= takes the bound', ask: 'install a', packages: 'a 1; Depends: b (<= 1) // b 1 // b 1+x', gives: '+b=1 +a=1' },
  { rule: 'the first alternative', ask: 'install a', packages: 'a 1; Depends: c | b // b 1 // c 1', gives: '+c=1 +a=1' },
  { rule: 'the second alternative where the first is not to be had', ask: 'install a', packages: 'a 1; Depends: c | b // b 1', gives: '+b=1 +a=1' },
  { rule: 'the second alternative where the first leads nowhere', ask: 'install a', packages: 'a 1; Depends: c | b // b 1 // c 1; Depends: gone', gives: '+b=1 +a=1' },
  { rule: 'an installed alternative does', ask: 'install a', packages: 'a 1; Depends: c | b // b 1 // c 1', installed: 'b 1', gives: '+a=1' },
  { rule: 'an alternative that comes anyway does', ask: 'install a', packages: 'a 1; Depends: c | b, b // b 1 // c 1', gives: '+b=1 +a=1' },
  { rule: 'no dependency, no plan', ask: 'install a', packages: 'a 1; Depends: b', gives: 'no' },
  { rule: 'an older release where the newest leads nowhere', ask: 'install a', packages: 'a 1 // a 2; Depends: gone', gives: '+a=1' },
  { rule: 'real backtracking over two choices', ask: 'install a', packages: 'a 1; Depends: b | c, d | e // b 1; Conflicts: d, e // c 1; Conflicts: d // d 1 // e 1', gives: '+c=1 +e=1 +a=1' },
  // Pre-Depends
  { rule: 'a pre-dependency comes before what a dependency would allow', ask: 'install a', packages: 'a 1; Pre-Depends: z; Depends: b // b 1; Depends: a // z 1', gives: '+z=1 +a=1 +b=1' },
  { rule: 'a pre-dependency must be had', ask: 'install a', packages: 'a 1; Pre-Depends: b', gives: 'no' },
  { rule: 'a pre-dependency wins over a dependency in a cycle', ask: 'install a', packages: 'a 1; Depends: b // b 1; Pre-Depends: a', gives: '+a=1 +b=1' },
  // Provides
  { rule: 'a virtual package', ask: 'install a', packages: 'a 1; Depends: mta // p 1; Provides: mta', gives: '+p=1 +a=1' },
  { rule: 'providers by name', ask: 'install a', packages: 'a 1; Depends: mta // q 1; Provides: mta // p 1; Provides: mta', gives: '+p=1 +a=1' },
  { rule: 'an installed provider does', ask: 'install a', packages: 'a 1; Depends: mta // q 1; Provides: mta // p 1; Provides: mta', installed: 'q 1; Provides: mta', gives: '+a=1' },
  { rule: 'the real package before its providers', ask: 'install a', packages: 'a 1; Depends: b // aa 1; Provides: b // b 1', gives: '+b=1 +a=1' },
  { rule: 'a provider where the real package does not fit', ask: 'install a', packages: 'a 1; Depends: b (>= 2) // p 1; Provides: b (= 2) // b 1', gives: '+p=1 +a=1' },
  { rule: 'an unversioned Provides never satisfies a versioned relation', ask: 'install a', packages: 'a 1; Depends: b (>= 1) // p 1; Provides: b', gives: 'no' },
  { rule: 'a versioned Provides satisfies an unversioned relation', ask: 'install a', packages: 'a 1; Depends: b // p 1; Provides: b (= 1)', gives: '+p=1 +a=1' },
  { rule: 'a versioned Provides is compared by its own version', ask: 'install a', packages: 'a 1; Depends: b (>= 3) // p 9; Provides: b (= 2)', gives: 'no' },
  { rule: 'a package may provide another version of its own name', ask: 'install a', packages: 'a 1; Depends: b (>= 5) // b 1; Provides: b (= 5)', gives: '+b=1 +a=1' },
  { rule: 'what is installed provides too, though no source has it', ask: 'install a', packages: 'a 1; Depends: mta', installed: 'old 1; Provides: mta', gives: '+a=1' },
  { rule: 'a name that one package provides may be asked for', ask: 'install mta', packages: 'p 1; Provides: mta', gives: '+p=1' },
  // Conflicts and Breaks
  { rule: 'two packages that conflict', ask: 'install a b', packages: 'a 1; Conflicts: b // b 1', gives: 'no' },
  { rule: 'a conflict counts whoever declares it', ask: 'install a b', packages: 'b 1; Conflicts: a // a 1', gives: 'no' },
  { rule: 'a versioned conflict leaves other versions', ask: 'install a b', packages: 'a 1; Conflicts: b (>= 2) // b 1 // b 2', gives: '+a=1 +b=1' },
  { rule: 'a conflict with a virtual name that it provides itself', ask: 'install a', packages: 'a 1; Provides: mta; Conflicts: mta', gives: '+a=1' },
  { rule: 'two such packages', ask: 'install a b', packages: 'a 1; Provides: mta; Conflicts: mta // b 1; Provides: mta; Conflicts: mta', gives: 'no' },
  { rule: 'a conflict with its own name means nothing', ask: 'install a', packages: 'a 2; Conflicts: a (<< 2)', installed: 'a 1', gives: '^a=2' },
  { rule: 'a versioned conflict does not mean an unversioned Provides', ask: 'install a p', packages: 'a 1; Conflicts: b (<< 2) // p 1; Provides: b', gives: '+a=1 +p=1' },
  { rule: 'a versioned conflict means a versioned Provides', ask: 'install a p', packages: 'a 1; Conflicts: b (<< 2) // p 1; Provides: b (= 1)', gives: 'no' },
  { rule: 'Breaks: the broken one is upgraded before', ask: 'install a', packages: 'a 1; Breaks: z (<< 2) // z 1 // z 2', installed: 'z 1', gives: '^z=2 +a=1' },
  { rule: 'Breaks: removed where no upgrade helps and nobody asked for it', ask: 'install a', packages: 'a 1; Breaks: z // z 1', installed: 'z 1; auto', gives: '-z +a=1' },
  { rule: 'Breaks: never what the user installed', ask: 'install a', packages: 'a 1; Breaks: z // z 1', installed: 'z 1', gives: 'no' },
  { rule: 'Conflicts: the upgrade of the other solves it', ask: 'install a', packages: 'a 1; Conflicts: z (<< 2) // z 2', installed: 'z 1', gives: '^z=2 +a=1' },
  { rule: 'Conflicts: an older release without it, rather than none', ask: 'install a', packages: 'a 2; Conflicts: z // a 1', installed: 'z 1', gives: '+a=1' },
  { rule: 'Conflicts with Replaces removes what came as a dependency', ask: 'install new', packages: 'new 1; Conflicts: old; Replaces: old; Provides: old', installed: 'old 1; auto // m 1; Depends: old', gives: '-old +new=1' },
  { rule: 'Replaces alone removes nothing', ask: 'install new', packages: 'new 1; Replaces: old', installed: 'old 1; auto', gives: '+new=1' },
  { rule: 'what depends on a removed package goes before it', ask: 'install a', packages: 'a 1; Conflicts: l', installed: 'l 1; auto // d 1; Depends: l; auto', gives: '-d -l +a=1' },
  // one version a name
  { rule: 'one version of a name at a time', ask: 'install a b', packages: 'a 1; Depends: c (= 1) // b 1; Depends: c (= 2) // c 1 // c 2', gives: 'no' },
  { rule: 'two versions of a name asked for', ask: 'install a=1 a=2', packages: 'a 1 // a 2', gives: 'no' },
  { rule: 'the same wish twice', ask: 'install a a', packages: 'a 1', gives: '+a=1' },
  // architectures
  { rule: ':any where the package is Multi-Arch: allowed', ask: 'install a', packages: 'a 1; Depends: py:any // py 1; Multi-Arch: allowed', gives: '+py=1 +a=1' },
  { rule: ':any where it is not', ask: 'install a', packages: 'a 1; Depends: py:any // py 1; Multi-Arch: foreign', gives: 'no' },
  { rule: ':native and our own architecture', ask: 'install a', packages: 'a 1; Depends: b:native, c:amd64 // b 1 // c 1 all', gives: '+b=1 +c=1 +a=1' },
  { rule: 'another architecture after the colon', ask: 'install a', packages: 'a 1; Depends: b:i386 // b 1', gives: 'no' },
  { rule: 'releases for other machines are not looked at', ask: 'install a', packages: 'a 1; Depends: b // b 2 i386 // b 1 all', gives: '+b=1 +a=1' },
  { rule: 'a conflict with another architecture means nothing here', ask: 'install a b', packages: 'a 1; Conflicts: b:i386 // b 1', gives: '+a=1 +b=1' },
  // Recommends
  { rule: 'recommended packages come', ask: 'install a', packages: 'a 1; Recommends: r // r 1', gives: '+a=1 +r=1' },
  { rule: 'unless not wanted', ask: 'install a --no-recommends', packages: 'a 1; Recommends: r // r 1', gives: '+a=1' },
  { rule: 'never a reason to fail', ask: 'install a', packages: 'a 1; Recommends: gone, r // r 1; Conflicts: a', gives: '+a=1' },
  { rule: 'one that leads nowhere is given up whole', ask: 'install a', packages: 'a 1; Recommends: r // r 1; Depends: s, gone // s 1', gives: '+a=1' },
  { rule: 'its next alternative is tried', ask: 'install a', packages: 'a 1; Recommends: r | t // r 1; Depends: gone // t 1', gives: '+a=1 +t=1' },
  { rule: 'a recommendation removes nothing', ask: 'install a', packages: 'a 1; Recommends: r // r 1; Conflicts: z', installed: 'z 1; auto', gives: '+a=1' },
  { rule: 'nor upgrades a held package', ask: 'install a', packages: 'a 1; Recommends: z (>= 2) // z 2', installed: 'z 1; held', gives: '+a=1' },
  { rule: 'what is installed already is not asked again what it recommends', ask: 'install b', packages: 'a 1; Recommends: r // r 1 // b 1', installed: 'a 1; Recommends: r', gives: '+b=1' },
  // install of what is there
  { rule: 'the newest is there already', ask: 'install a', packages: 'a 1', installed: 'a 1', gives: '' },
  { rule: 'a newer one is taken', ask: 'install a', packages: 'a 1 // a 2', installed: 'a 1', gives: '^a=2' },
  { rule: 'what is installed is newer than any source has', ask: 'install a', packages: 'a 1', installed: 'a 2', gives: '' },
  { rule: 'other packages keep their versions', ask: 'install a', packages: 'a 1; Depends: b // b 2 // c 2', installed: 'b 1 // c 1', gives: '+a=1' },
  { rule: 'unless a dependency needs more', ask: 'install a', packages: 'a 1; Depends: b (>= 2) // b 2 // b 3', installed: 'b 1', gives: '^b=3 +a=1' },
  { rule: 'an upgrade pulls those that depend on the exact version', ask: 'install l', packages: 'l 2 // u 2; Depends: l (= 2)', installed: 'l 1 // u 1; Depends: l (= 1)', gives: '^l=2 ^u=2' },
  // downgrades
  { rule: 'a downgrade that was asked for', ask: 'install a=1', packages: 'a 1 // a 2', installed: 'a 2', gives: 'va=1' },
  { rule: 'none that was not', ask: 'install b', packages: 'b 1; Depends: a (= 1) // a 1', installed: 'a 2', gives: 'no' },
  { rule: 'a suite is no wish to go down', ask: 'install a/old', packages: 'a 1; Suite: old // a 2', installed: 'a 2', gives: 'no' },
  { rule: 'a suite chooses', ask: 'install a/old', packages: 'a 1; Suite: old // a 2', gives: '+a=1' },
  { rule: 'a version is found however it is written', ask: 'install a=0:1.0', packages: 'a 1.0', gives: '+a=1.0' },
  // holds and marks
  { rule: 'a held package stays as it is', ask: 'install a', packages: 'a 1; Depends: b // b 2', installed: 'b 1; held', gives: '+a=1' },
  { rule: 'though a newer one would be needed', ask: 'install a', packages: 'a 1; Depends: b (>= 2) // b 2', installed: 'b 1; held', gives: 'no' },
  { rule: 'asked for by name it stays too', ask: 'install b', packages: 'b 2', installed: 'b 1; held', gives: '' },
  { rule: 'asked for by version it does not come', ask: 'install b=2', packages: 'b 2', installed: 'b 1; held', gives: 'no' },
  { rule: 'a held package that came as a dependency is not removed', ask: 'install a', packages: 'a 1; Conflicts: b', installed: 'b 1; auto; held', gives: 'no' },
  { rule: 'nor on request', ask: 'remove b', packages: '', installed: 'b 1; held', gives: 'no' },
  { rule: 'an essential package that came as a dependency stays', ask: 'install a', packages: 'a 1; Conflicts: b', installed: 'b 1; auto; Essential: yes', gives: 'no' },
  { rule: 'nor does it go on request', ask: 'remove b', packages: '', installed: 'b 1; Essential: yes', gives: 'no' },
  { rule: 'unless the user insists', ask: 'remove b --essential', packages: '', installed: 'b 1; Essential: yes', gives: '-b' },
  // upgrade
  { rule: 'upgrade takes the newest of all', ask: 'upgrade', packages: 'a 2 // a 3 // b 2', installed: 'a 1 // b 1', gives: '^a=3 ^b=2' },
  { rule: 'upgrade of one name', ask: 'upgrade a', packages: 'a 2 // b 2', installed: 'a 1 // b 1', gives: '^a=2' },
  { rule: 'and what it needs of what is there', ask: 'upgrade a', packages: 'a 2; Depends: b (>= 2) // b 2', installed: 'a 1 // b 1', gives: '^b=2 ^a=2' },
  { rule: 'upgrade adds nothing', ask: 'upgrade', packages: 'a 2; Depends: n // n 1', installed: 'a 1', gives: '' },
  { rule: 'but goes as far as it can', ask: 'upgrade', packages: 'a 2 // a 3; Depends: n // n 1', installed: 'a 1', gives: '^a=2' },
  { rule: 'upgrade removes nothing', ask: 'upgrade', packages: 'a 2; Conflicts: b', installed: 'a 1 // b 1; auto', gives: '' },
  { rule: 'upgrade --full adds', ask: 'upgrade --full', packages: 'a 2; Depends: n // n 1', installed: 'a 1', gives: '+n=1 ^a=2' },
  { rule: 'upgrade --full removes what came as a dependency', ask: 'upgrade --full', packages: 'a 2; Conflicts: b', installed: 'a 1 // b 1; auto', gives: '-b ^a=2' },
  { rule: 'but nothing that the user installed', ask: 'upgrade --full', packages: 'a 2; Conflicts: b', installed: 'a 1 // b 1', gives: '' },
  { rule: 'upgrade --full takes new recommendations', ask: 'upgrade --full', packages: 'a 2; Recommends: o, n // n 1 // o 1', installed: 'a 1; Recommends: o', gives: '^a=2 +n=1' },
  { rule: 'a package in no source stays', ask: 'upgrade --full', packages: '', installed: 'a 1; auto', gives: '' },
  // remove
  { rule: 'remove takes what depends on it along', ask: 'remove b', packages: '', installed: 'b 1; auto // a 1; Depends: b; auto', gives: '-a -b' },
  { rule: 'but nothing that the user installed', ask: 'remove b', packages: '', installed: 'b 1; auto // a 1; Depends: b', gives: 'no' },
  { rule: 'unless that is named too', ask: 'remove b a', packages: '', installed: 'b 1; auto // a 1; Depends: b', gives: '-a -b' },
  { rule: 'remove adds nothing to keep what came as a dependency', ask: 'remove b', packages: 'c 1', installed: 'b 1 // a 1; Depends: b | c; auto', gives: '-a -b' },
  { rule: 'remove adds what keeps a manual package', ask: 'remove b', packages: 'c 1', installed: 'b 1; auto // a 1; Depends: b | c', gives: '-b +c=1' },
  { rule: 'remove leaves what is no longer needed', ask: 'remove a', packages: '', installed: 'a 1; Depends: b // b 1; auto', gives: '-a' },
  { rule: 'autoremove takes it', ask: 'autoremove', packages: '', installed: 'b 1; auto; Depends: c // c 1; auto // m 1; Recommends: r // r 1; auto', gives: '-b -c' },
  { rule: 'autoremove keeps what is suggested, too', ask: 'autoremove', packages: '', installed: 'm 1; Suggests: s | t // s 1; auto; Depends: d // t 1; auto // d 1; auto // u 1; auto; Enhances: m // v 1; auto; Suggests: w // w 1; auto', gives: '-u -v -w' },
  { rule: 'nothing is installed because it is suggested, or enhances something', ask: 'install a', packages: 'a 1; Suggests: s // s 1 // e 1; Enhances: a', gives: '+a=1' },
  { rule: 'autoremove knows held and essential packages', ask: 'autoremove', packages: '', installed: 'b 1; auto; held // c 1; auto; Essential: yes; Depends: d // d 1; auto', gives: '' },
  // what is broken already
  { rule: 'what was broken before does not stand in the way', ask: 'install b', packages: 'b 1', installed: 'a 1; Depends: gone', gives: '+b=1' },
  { rule: 'a package named by the user is mended', ask: 'install a', packages: 'c 1', installed: 'a 1; Depends: c', gives: '+c=1' },
  // no dependencies
  { rule: '--no-deps takes the named package only', ask: 'install a --no-deps', packages: 'a 1; Depends: b // b 1', gives: '+a=1' },
  { rule: '--no-deps changes nothing else', ask: 'install a=2 --no-deps', packages: 'a 2 // u 2', installed: 'a 1 // u 1; Depends: a (= 1); auto', gives: '^a=2' },
  { rule: '--no-deps still knows conflicts', ask: 'install a --no-deps', packages: 'a 1; Conflicts: b', installed: 'b 1; auto', gives: 'no' },
]);

test('installing what is there marks it', () => {
  const plan = planOf(problemOf('install a', 'a 1', 'a 1; auto'));
  assert.deepEqual(plan.steps, []);
  assert.deepEqual(plan.marks, [{ name: 'a', manual: true }]);
  const upgraded = planOf(
    problemOf('install a', 'a 2; Depends: b // b 1'.replace(' // ', '\n'), 'a 1; auto'),
  );
  assert.deepEqual(
    upgraded.steps.map(({ name, manual }) => [name, manual]),
    [
      ['b', false],
      ['a', true],
    ],
  );
});

test('a file is installed as it is, and again when the version is the same', () => {
  const file = release('a 1; Depends: b; Source: file');
  const base = problemOf('install a', 'a 2\nb 1', 'a 1; auto');
  const request = {
    kind: 'install',
    targets: [{ name: 'a', candidate: file }],
    recommends: true,
    dependencies: true,
  } as const;
  const plan = planOf({ ...base, request });
  assert.equal(summary(plan), '+b=1 =a=1');
  assert.equal(plan.steps[1]?.to, file);
  assert.equal(summary(planOf({ ...base, installed: [], request })), '+b=1 +a=1');
});

test('held back, with the reason', () => {
  const plan = planOf(
    problemOf(
      'upgrade',
      'a 2; Depends: n\nn 1\nb 2\nc 2; Depends: d (>= 9)\nd 1',
      'a 1\nb 1; held\nc 1\nd 1',
    ),
  );
  assert.deepEqual(
    plan.heldBack.map(({ name, installed, available, reason }) => [
      name,
      installed.version,
      available.version,
      reason,
    ]),
    [
      ['a', '1', '2', 'a 2 depends on n, but n would be new'],
      ['b', '1', '2', 'it is held'],
      ['c', '1', '2', 'c 2 depends on d (>= 9), but only d 1 is there'],
    ],
  );
});

test('sizes, what is no longer needed, purge', () => {
  const packages = 'a 2; Size: 500; Installed-Size: 30; Depends: n\nn 1; Size: 70; Installed-Size: 5';
  const up = planOf(problemOf('install a', packages, 'a 1; Depends: o; Installed-Size: 40\no 1; auto'));
  assert.deepEqual([up.downloadSize, up.sizeChange, up.autoremovable], [570, -5, ['o']]);
  const down = planOf(problemOf('remove --purge a', '', 'a 1; Depends: o\no 1; auto; Depends: p\np 1; auto'));
  assert.deepEqual([down.downloadSize, down.sizeChange, down.autoremovable], [0, -10, ['o', 'p']]);
  assert.deepEqual(
    down.steps.map((step) => step.kind === 'remove' && step.purge),
    [true],
  );
});

test('a plan is frozen', () => {
  const plan = planOf(problemOf('install a', 'a 1'));
  for (const part of [
    plan,
    plan.steps,
    plan.steps[0],
    plan.marks,
    plan.heldBack,
    plan.autoremovable,
    plan.unmet,
  ]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('what stays broken is told', () => {
  const plan = planOf(problemOf('install a --no-deps', 'a 1; Depends: b (>= 2) | c'));
  assert.deepEqual(plan.unmet, [{ name: 'a', version: '1', field: 'Depends', relation: 'b (>= 2) | c' }]);
});

test('priorities: never, only where nothing is, even if a downgrade', () => {
  const by = (numbers: Record<string, number>, ask: string, packages: string, installed?: string): string => {
    const problem = problemOf(ask, packages, installed);
    return summary(planOf({ ...problem, policy: { priority: ({ suite }) => numbers[suite] ?? 500 } }));
  };
  assert.equal(by({ bad: -1 }, 'install a', 'a 1\na 2; Suite: bad'), '+a=1');
  assert.equal(by({ bad: -1 }, 'install a=2', 'a 1\na 2; Suite: bad'), '+a=2');
  assert.equal(by({ testing: 50 }, 'upgrade', 'a 2; Suite: testing', 'a 1'), '');
  assert.equal(by({ testing: 50 }, 'install a', 'a 2; Suite: testing'), '+a=2');
  assert.equal(by({ own: 990 }, 'install a', 'a 1; Suite: own\na 2'), '+a=1');
  assert.equal(by({ own: 1001 }, 'upgrade', 'a 1; Suite: own\na 2', 'a 2'), 'va=1');
  assert.equal(by({ own: 990 }, 'upgrade', 'a 1; Suite: own\na 2', 'a 2'), '');
});

test('names that mean nothing', () => {
  const fails = (code: string, ask: string, packages: string, installed?: string): void => {
    assert.throws(
      () => resolve(problemOf(ask, packages, installed)),
      (error) => error instanceof GtpkgError && error.code === code,
    );
  };
  fails('PACKAGE_NOT_FOUND', 'install nothing', 'a 1');
  fails('PACKAGE_NOT_FOUND', 'install mta', 'p 1; Provides: mta\nq 1; Provides: mta');
  fails('PACKAGE_NOT_FOUND', 'install b', 'b 1 i386');
  fails('VERSION_NOT_FOUND', 'install a=3', 'a 1');
  fails('VERSION_NOT_FOUND', 'install a/sid', 'a 1');
  fails('NOT_INSTALLED', 'remove a', 'a 1');
  fails('NOT_INSTALLED', 'upgrade a', 'a 1');
});

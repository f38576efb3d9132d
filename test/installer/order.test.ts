/**
 * Order inside one transaction: Pre-Depends, Breaks, Conflicts, circles. The calls are compared with those of dpkg for the same packages. Where several
 * packages come at once, dpkg goes through them one by one and gtpkg step by step: then each package's own calls are compared.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus } from '../../installer/index.js';
import { deb, dpkg, dpkgRoot, dpkgStates, noDpkg } from './debs.js';
import * as h from './helpers.js';

const OUTSIDE = { how: 'outside' } as const;
const NAMES = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
type Extra = Partial<Record<(typeof NAMES)[number], string>>;

interface Made {
  readonly fields?: Record<string, string>;
  readonly extra?: Extra;
  readonly files?: h.PackageSpec['files'];
}

/** A package each of whose scripts says that it was called, and with what. */
function made(
  name: string,
  version: string,
  { fields = {}, extra = {}, files = {} }: Made = {},
): h.PackageSpec {
  const script = (one: (typeof NAMES)[number]): string =>
    `#!/bin/sh\necho "${name} ${version}-${one} $*" >> "$DPKG_ROOT/calls"\n${extra[one] ?? ''}\n`;
  return {
    name,
    version,
    fields,
    files: { [`usr/lib/${name}/data`]: version, ...files },
    scripts: Object.fromEntries(NAMES.map((one) => [one, script(one)])),
  };
}

function calls(dir: string): string[] {
  const path = join(dir, 'calls');
  if (!fs.existsSync(path)) return [];
  const lines = fs.readFileSync(path, 'utf8').trim().split('\n');
  fs.rmSync(path);
  // dpkg passes an empty word or none where there was no version before
  return lines.map((line) => line.trim());
}

interface Story {
  readonly first: readonly h.PackageSpec[];
  readonly then: readonly h.PackageSpec[];
  readonly removed?: readonly string[];
  /** dpkg is called once for each of these lists of what to do; default: all at once */
  readonly dpkg?: readonly (readonly (string | h.PackageSpec)[])[];
  /** all calls are the same, not each package's own only */
  readonly exactly?: boolean;
  readonly fails?: boolean;
}

const fails = (words: string): Extra => ({ preinst: `case "$1" in ${words}) exit 1;; esac` });
const a2 = made('aa', '2', { fields: { Breaks: 'bb (<< 2)' } });
const b2 = made('bb', '2');
const instead = { Conflicts: 'bb', Replaces: 'bb', Provides: 'bb' };
const q2 = made('qq', '2');
const p2 = made('pp', '2', { fields: { 'Pre-Depends': 'qq (>= 2)' } });

const STORIES: Readonly<Record<string, Story>> = {
  'Breaks: what is broken is deconfigured first': { first: [made('aa', '1'), made('bb', '1')], then: [a2, b2] },
  'Breaks, of a new package': { first: [made('bb', '1')], then: [a2, b2] },
  'Breaks: not when the other one came before': { first: [made('aa', '1'), made('bb', '1')], then: [b2, a2] },
  'Breaks, and the preinst fails: abort-deconfigure': {
    first: [made('aa', '1'), made('bb', '1')],
    then: [made('aa', '2', { fields: { Breaks: 'bb (<< 2)' }, extra: fails('upgrade') }), b2],
    dpkg: [['--auto-deconfigure', '--install', made('aa', '2', { fields: { Breaks: 'bb (<< 2)' }, extra: fails('upgrade') })]],
    exactly: true,
    fails: true,
  },
  'Conflicts: removed in favour of what comes': {
    first: [made('bb', '1')],
    then: [made('aa', '2', { fields: instead })],
    removed: ['bb'],
    exactly: true,
  },
  'Conflicts, and the preinst fails: abort-remove in-favour': {
    first: [made('bb', '1')],
    then: [made('aa', '2', { fields: instead, extra: fails('install') })],
    removed: ['bb'],
    exactly: true,
    fails: true,
  },
  'Conflicts with what another one needs: deconfigured because of the removal': {
    first: [made('bb', '1'), made('cc', '1', { fields: { Depends: 'bb' } })],
    then: [made('aa', '2', { fields: { Conflicts: 'bb', Replaces: 'bb' } }), made('cc', '2', { fields: { Depends: 'aa' } })],
    removed: ['bb'],
  },
  'Pre-Depends: configured before the other one is unpacked': {
    first: [],
    then: [made('qq', '1'), made('pp', '1', { fields: { 'Pre-Depends': 'qq' } })],
    dpkg: [['--install', made('qq', '1')], ['--install', made('pp', '1', { fields: { 'Pre-Depends': 'qq' } })]],
    exactly: true,
  },
  'Pre-Depends, upgraded together': {
    first: [made('qq', '1'), made('pp', '1', { fields: { 'Pre-Depends': 'qq' } })],
    then: [q2, p2],
    dpkg: [['--install', q2], ['--install', p2]],
    exactly: true,
  },
  'Depends in a circle': {
    first: [],
    then: [made('xx', '1', { fields: { Depends: 'yy' } }), made('yy', '1', { fields: { Depends: 'xx' } })],
    exactly: true,
  },
}; // prettier-ignore

for (const [label, story] of Object.entries(STORIES)) {
  test(`as dpkg does: ${label}`, { skip: noDpkg() }, async (t) => {
    const [work, theirs, ours] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
    dpkgRoot(theirs);
    for (const spec of story.first) {
      assert.equal(dpkg(theirs, '--install', deb(work, spec)).status, 0);
      await h.run(ours, [h.install(spec)], { scripts: OUTSIDE });
    }
    calls(theirs);
    calls(ours);
    for (const words of story.dpkg ?? [['--auto-deconfigure', '--install', ...story.then]]) {
      const { status, output } = dpkg(theirs, ...words.map((one) => (typeof one === 'string' ? one : deb(work, one))));
      assert.equal(status !== 0, story.fails === true, output);
    }
    const before = h.wholeState(ours);
    const steps = [...story.then.map((spec) => h.install(spec)), ...(story.removed ?? []).map((name) => h.remove(name))];
    const run = h.run(ours, steps, { scripts: OUTSIDE });
    if (story.fails === true) await assert.rejects(run, h.coded('SCRIPT_FAILED'));
    else await run;
    const [actual, expected] = [calls(ours), calls(theirs)];
    const byPackage = (list: readonly string[]): string[] => [...list].sort((one, other) => {
      const [x = '', y = ''] = [one.split(' ')[0], other.split(' ')[0]];
      return x < y ? -1 : x > y ? 1 : 0;
    });
    if (story.exactly === true) assert.deepEqual(actual, expected);
    else assert.deepEqual(byPackage(actual), byPackage(expected));
    if (story.fails === true) return assert.deepEqual(h.wholeState(ours), before);
    const states = [...readStatus(ours).values()].map(({ name, state, version }) => `${name} ${state} ${version}`);
    assert.deepEqual(states.sort(), dpkgStates(theirs));
  }); // prettier-ignore
}

// Two phases, with directories that both bring, files that change hands, conffiles.
const shared = (name: string, version: string): h.PackageSpec['files'] => ({
  [`usr/share/both-${version}/${name}`]: version,
  [`usr/share/both-${version}/deep/${name}/file`]: version,
  [`etc/${name}.conf`]: version,
});
const two = (version: string, check = ''): ReturnType<typeof h.install>[] =>
  [
    made('qq', version, { files: shared('qq', version) }),
    made('pp', version, {
      files: { ...shared('pp', version), [`usr/share/p-${version}/only`]: '' },
      fields: { 'Pre-Depends': `qq (= ${version})`, Depends: 'rr' },
      extra: { preinst: check },
    }),
    // needs nothing of them, so it comes with q
    made('rr', version, { files: { [`usr/share/both-${version}/rr`]: '' } }),
    // comes after p, because it needs p
    made('ss', version, { fields: { Depends: 'pp' }, files: { [`usr/share/both-${version}/ss`]: '' } }),
  ].map((spec) =>
    h.install({ ...spec, conffiles: ['qq', 'pp'].includes(spec.name) ? [`etc/${spec.name}.conf`] : [] }),
  );

test('two phases: what is needed is in place and configured, what comes later is not there yet', async (t) => {
  const dir = h.tempDir(t);
  const check = [
    'cd "$DPKG_ROOT/usr/share/both-1"',
    '[ "$(cat qq deep/qq/file)" = 11 ] && [ -e rr ]',
    '[ ! -e pp ] && [ ! -e deep/pp ] && [ ! -e ss ] && [ ! -e ../p-1 ] && [ ! -e ../../../etc/pp.conf ]',
    'grep -q "qq 1-postinst configure" "$DPKG_ROOT/calls"',
  ].join(' || exit 1\n');
  await h.run(dir, two('1', check), { scripts: OUTSIDE });
  assert.deepEqual(calls(dir), [
    'qq 1-preinst install', 'rr 1-preinst install', 'qq 1-postinst configure', 'rr 1-postinst configure',
    'pp 1-preinst install', 'ss 1-preinst install', 'pp 1-postinst configure', 'ss 1-postinst configure',
  ]); // prettier-ignore
  for (const name of ['qq', 'pp', 'rr', 'ss']) assert.ok(h.exists(dir, `usr/share/both-1/${name}`), name);
});

test('two phases, stopped at every change: all old or all new', async (t) => {
  const template = h.tempDir(t);
  await h.run(template, two('1'), { scripts: OUTSIDE });
  h.write(template, 'etc/pp.conf', 'edited');
  fs.utimesSync(join(template, 'etc/pp.conf'), 1_700_000_000, 1_700_000_000);
  calls(template);
  const before = h.wholeState(template);
  const copy = (): string => {
    const dir = h.tempDir(t);
    h.copyTree(template, dir);
    return dir;
  };
  const whole = copy();
  let total = 0;
  await h.run(whole, two('2'), { scripts: OUTSIDE, step: () => void total++ });
  calls(whole);
  const after = h.wholeState(whole);
  const outcomes = { old: 0, new: 0 };
  const each = process.env['GTPKG_TEST_FAULTS'] === 'all' ? 1 : 11;
  for (let at = total % each || each; at <= total; at += each) {
    const dir = copy();
    let count = 0;
    const step = (): void => {
      if (++count >= at) throw new Error('stopped');
    };
    await h.run(dir, two('2'), { scripts: OUTSIDE, step }).catch((error: unknown) => error);
    for (const name of fs.readdirSync(join(dir, 'var/lib/gtpkg')))
      if (name.startsWith('lock')) fs.rmSync(join(dir, 'var/lib/gtpkg', name));
    (await h.open(dir)).close();
    calls(dir);
    const now = h.wholeState(dir);
    const isNew = now['HISTORY'] === after['HISTORY'];
    assert.deepEqual(now, isNew ? after : before, `stopped at change ${at} of ${total}`);
    outcomes[isNew ? 'new' : 'old']++;
    fs.rmSync(dir, { recursive: true, force: true });
  }
  assert.ok(outcomes.old > 10, JSON.stringify(outcomes));
  t.diagnostic(`${JSON.stringify(outcomes)} of ${total}`);
});

/**
 * Triggers: files that come to a place, names that packages activate, names that scripts give to dpkg-trigger; dpkg is asked what it does. A made-up
 * package `dpkg` makes these roots such that have dpkg's database; the machine's dpkg-trigger writes to it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus } from '../../installer/index.js';
import { deb, dpkg, dpkgRoot, dpkgStates, noDpkg } from './debs.js';
import * as h from './helpers.js';
import { calls, made, OUTSIDE, steps } from './script-packages.js';

const withTriggers = (spec: h.PackageSpec, triggers: string): h.PackageSpec => ({
  ...spec,
  scripts: { ...spec.scripts, triggers },
});
const noTrigger = (): string | false =>
  noDpkg() ||
  (spawnSync('dpkg-trigger', ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : 'dpkg-trigger is not here');

interface Told {
  readonly triggered?: string;
  readonly configured?: string;
  readonly triggers?: string;
  readonly files?: Record<string, h.Spec>;
}

/** A package called `name` that says so, as script-packages.ts's do, and does something when it is triggered, and when it is configured. */
const told = (
  name: string,
  { triggered = '', configured = '', triggers = '', files = {} }: Told,
): h.PackageSpec =>
  withTriggers(
    made({
      name,
      // so that the calls tell whose they are
      version: `1+${name}`,
      files: { [`usr/lib/${name}`]: '', ...files },
      extra: { postinst: `case "$1" in triggered) ${triggered}\n:;; configure) ${configured}\n:;; esac` },
    }),
    triggers,
  );

test('triggers: by name and by path, once each, also of packages that were there; not for what is configured anyway', async (t) => {
  const dir = h.tempDir(t);
  const watcher: h.PackageSpec = {
    ...made({ name: 'watcher', version: '1', files: { w: '' } }),
  };
  await steps(dir, h.install(withTriggers(watcher, 'interest /usr/share/fonts\ninterest-noawait called\n')));
  const font = withTriggers(
    made({ name: 'font', version: '5', files: { 'usr/share/fonts/a': '', 'usr/share/fonts/b': '' } }),
    'activate called # so it is\n',
  );
  assert.deepEqual(await steps(dir, h.install(font)), [
    '5-preinst install',
    '5-postinst configure ',
    '1-postinst triggered /usr/share/fonts called',
  ]);
  assert.deepEqual(
    await steps(dir, h.install(made({ name: 'unrelated', version: '6', files: { 'usr/share/fontsx': '' } }))),
    ['6-preinst install', '6-postinst configure '],
  );
  assert.deepEqual(await steps(dir, h.remove('font', true)), [
    '5-prerm remove',
    '5-postrm remove',
    '1-postinst triggered /usr/share/fonts called',
    '5-postrm purge',
  ]);
});

// Both roots get `first`, one after the other; then the calls that `then` makes are compared.
async function asDpkg(
  t: Parameters<typeof h.tempDir>[0],
  first: readonly h.PackageSpec[],
  then: readonly h.PackageSpec[],
): Promise<{
  ours: string;
  theirs: string;
  status: number | null;
  error: unknown;
  before: Record<string, string>;
}> {
  const [work, theirs, ours] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
  dpkgRoot(theirs);
  await h.run(ours, [
    h.install({ name: 'dpkg', version: '1.21.22', files: { 'var/lib/dpkg': { type: 'd' } } }),
  ]);
  for (const spec of first) {
    const { status, output } = dpkg(theirs, '--install', deb(work, spec));
    assert.equal(status, 0, output);
    await h.run(ours, [h.install(spec)], { scripts: OUTSIDE });
  }
  calls(theirs);
  calls(ours);
  const before = h.wholeState(ours);
  const { status } = dpkg(theirs, '--install', ...then.map((spec) => deb(work, spec)));
  const error: unknown = await h
    .run(ours, then.map((spec) => h.install(spec)), { scripts: OUTSIDE })
    .then(() => undefined, (reason: unknown) => reason); // prettier-ignore
  return { ours, theirs, status, error, before };
}

// dpkg-trigger's own files: it makes the one and empties the other; nothing is left in it.
function asBefore(dir: string, state = h.wholeState(dir)): Record<string, string> {
  assert.equal(fs.readFileSync(join(dir, 'var/lib/dpkg/triggers/Unincorp'), 'utf8'), '');
  const own = /^var\/lib\/dpkg\/triggers\/(Lock|Unincorp)$/;
  return Object.fromEntries(Object.entries(state).filter(([path]) => !own.test(path)));
}

// The order of names within one call is nobody's promise.
const sorted = (list: readonly string[]): string[] =>
  list.map((line) => {
    const [script = '', word = '', names = ''] = [
      line.split(' ')[0],
      line.split(' ')[1],
      line.split(' ').slice(2).join(' '),
    ];
    return [script, word, ...names.split(' ').sort()].join(' ').trimEnd();
  });

test('as dpkg does: dpkg-trigger in scripts, with and without --no-await; interest and interest-noawait; files', { skip: noTrigger() }, async (t) => {
  const watcher = told('watcher', { triggers: 'interest /usr/share/fonts\ninterest called\n' });
  const quiet = told('quiet', { triggers: 'interest-noawait hushed\ninterest-noawait /usr/share/none\n' });
  const font = told('font', {
    configured: 'dpkg-trigger called; dpkg-trigger --no-await hushed; dpkg-trigger nobody-waits',
    files: { 'usr/share/fonts/one': '', 'usr/share/fontsy': '' },
  });
  const { ours, theirs, status, error } = await asDpkg(t, [watcher, quiet], [font]);
  assert.deepEqual([status, error], [0, undefined]);
  assert.deepEqual(sorted(calls(ours)).sort(), sorted(calls(theirs)).sort());
  assert.deepEqual(dpkgStates(ours).filter((line) => !line.startsWith('dpkg ')), dpkgStates(theirs));
  assert.equal(fs.readFileSync(join(ours, 'var/lib/dpkg/triggers/Unincorp'), 'utf8'), '');
}); // prettier-ignore

test('a chain of triggers: one that sets off another, to its end', { skip: noTrigger() }, async (t) => {
  const one = told('one', { triggers: 'interest first\n', triggered: 'dpkg-trigger second' });
  const two = told('two', { triggers: 'interest second\n' });
  const start = told('start', { triggers: 'activate first\n' });
  const { ours, theirs, status, error } = await asDpkg(t, [one, two], [start]);
  assert.deepEqual([status, error], [0, undefined]);
  assert.deepEqual(sorted(calls(ours)), sorted(calls(theirs)));
});

test('triggers that set each other off without end: refused, all is as before; dpkg leaves one half-configured', { skip: noTrigger() }, async (t) => {
  const ping = told('ping', { triggers: 'interest ping\n', triggered: 'dpkg-trigger pong' });
  const pong = told('pong', { triggers: 'interest pong\n', triggered: 'dpkg-trigger ping' });
  const { ours, theirs, status, error, before } = await asDpkg(t, [ping, pong], [told('start', { triggers: 'activate ping\n' })]);
  assert.ok(h.coded('SCRIPT_FAILED', /ping|pong/)(error));
  assert.equal(status, 1);
  assert.match(dpkgStates(theirs).join(), /half-configured/);
  calls(ours);
  assert.deepEqual(asBefore(ours), asBefore(ours, before));
}); // prettier-ignore

test('a trigger fails: all is as before; dpkg leaves who was triggered half-configured', { skip: noTrigger() }, async (t) => {
  const watcher = told('watcher', { triggers: 'interest called\n', triggered: 'exit 4' });
  const { ours, theirs, status, error, before } = await asDpkg(t, [watcher], [told('start', { triggers: 'activate called\n' })]);
  assert.ok(h.coded('SCRIPT_FAILED', /postinst of watcher/)(error));
  assert.equal(status, 1);
  assert.match(dpkgStates(theirs).join(), /watcher half-configured/);
  const [ourCalls, theirCalls] = [calls(ours), calls(theirs)];
  assert.deepEqual(ourCalls.slice(0, theirCalls.length), theirCalls);
  assert.deepEqual(asBefore(ours), asBefore(ours, before));
  assert.equal(readStatus(ours).get('watcher')?.state, 'installed');
}); // prettier-ignore

/**
 * Conffiles that a package no longer ships, that move to another package, that the maintainer takes away (`remove-on-upgrade`), that become directories: dpkg is the
 * judge of each step, and where we differ on purpose the test says how.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus, verifyAll } from '../../installer/index.js';
import { backFacts } from '../../installer/rollback.js';
import { noDpkg } from './debs.js';
import * as h from './helpers.js';
import { drop, edit, tell, type Action } from './judge.js';

const C = 'etc/aa/conf';
type More = Partial<h.PackageSpec>;
/** A package with the conffile, without it (null), or with a line that takes it away ('gone'). */
const pkg = (
  name: string,
  version: string,
  conf: string | null | { gone: true },
  more: More = {},
): h.PackageSpec => {
  const text = typeof conf === 'string' ? conf : undefined;
  return {
    name,
    version,
    ...more,
    files: { ...(text === undefined ? {} : { [C]: text }), [`usr/${name}`]: version, ...more.files },
    conffiles: text === undefined ? [] : [C],
    gone: conf !== null && typeof conf === 'object' ? [C] : [],
  };
};
const GONE = { gone: true } as const;
const install = (...specs: readonly h.PackageSpec[]): Action => ({ install: specs });
const a1 = install(pkg('aa', '1', 'one'));
const without = install(pkg('aa', '2', null));
const taking = install(pkg('aa', '2', GONE));
const mine = edit(C, 'mine');
const purge: Action = { remove: 'aa', purge: true };
const moving = { replaces: 'aa (<< 2)', fields: { Breaks: 'aa (<< 2)' } };

const STORIES: Readonly<Record<string, readonly Action[]>> = {
  'obsolete, then shipped again: replaced': [a1, without, install(pkg('aa', '3', 'three')), purge],
  'obsolete, shipped again as it was': [a1, without, install(pkg('aa', '3', 'one'))],
  'obsolete, changed, shipped again: kept, the new one beside it': [a1, without, mine, install(pkg('aa', '3', 'three')), purge],
  'obsolete, changed, shipped again as it was last': [a1, without, mine, install(pkg('aa', '3', 'one'))],
  'obsolete, twice upgraded, removed, installed again with it': [
    a1, without, install(pkg('aa', '3', null)), { remove: 'aa' }, install(pkg('aa', '4', 'four')), purge,
  ],
  'obsolete, taken over without Replaces': [a1, without, install(pkg('bb', '1', 'bee')), { remove: 'bb' }],
  'obsolete and changed, taken over without Replaces; both purged': [
    a1, without, mine, install(pkg('bb', '1', 'bee')), purge, { remove: 'bb', purge: true },
  ],
  'obsolete, taken over with Replaces': [a1, without, install(pkg('bb', '1', 'bee', { replaces: 'aa' })), purge],
  'obsolete, taken over as a plain file with Replaces': [
    a1, without, install({ name: 'bb', version: '1', files: { [C]: 'plain' }, replaces: 'aa' }), purge,
  ],
  'removed, and taken over by another': [a1, mine, { remove: 'aa' }, install(pkg('bb', '1', 'bee'))],
  'obsolete and not changed: stays through upgrade and removal, goes with the purge': [
    a1, without, install(pkg('aa', '3', null)), { remove: 'aa' }, purge,
  ],
  'moved to another package, not changed': [a1, install(pkg('aa', '2', null), pkg('bb', '2', 'two', moving)), purge],
  'moved to another package as it was, changed by the user': [
    a1, mine, install(pkg('aa', '2', null), pkg('bb', '2', 'one', moving)),
  ],
  "moved to another package and changed on both sides: the user's stays": [
    a1, mine, install(pkg('aa', '2', null), pkg('bb', '2', 'two', moving)), purge, { remove: 'bb', purge: true },
  ],
  'taken away, not changed': [a1, taking, taking, install(pkg('aa', '3', null)), purge],
  'taken away, changed: kept beside': [a1, mine, taking, taking, install(pkg('aa', '3', null)), { remove: 'aa', purge: true }],
  'taken away, deleted by the user before': [a1, drop(C), taking, purge],
  'taken away when it was obsolete already': [a1, without, install(pkg('aa', '3', GONE))],
  'taken away when it was obsolete already, and changed': [a1, without, mine, install(pkg('aa', '3', GONE))],
  'taken away, changed, and shipped again later': [a1, mine, taking, install(pkg('aa', '3', 'three')), purge],
  'taken away, made again by the user, shipped again': [a1, taking, mine, install(pkg('aa', '3', 'three'))],
  'taken away after a removal': [a1, mine, { remove: 'aa' }, taking, purge],
  'taken away by a new package where a file of nobody is': [mine, taking],
  'taken away, but another package has it': [install(pkg('bb', '1', 'bee')), mine, taking, purge],
  'taken away with its directory': [
    install({ name: 'aa', version: '1', files: { 'etc/only/conf': '1' }, conffiles: ['etc/only/conf'] }),
    install({ name: 'aa', version: '2', files: { 'usr/aa': '' }, gone: ['etc/only/conf'] }),
  ],
  'a purge takes the copies that dpkg and editors made': [
    a1,
    ...['.dpkg-old', '.dpkg-new', '.dpkg-dist', '.dpkg-tmp', '~', '.bak', '%'].map((end) => edit(`${C}${end}`, end)),
    edit('etc/aa/#conf#', 'emacs'),
    edit(`${C}.mine`, 'no copy'),
    edit(`${C}.ucf-dist`, 'no copy either'),
    { remove: 'aa' },
    purge,
  ],
  'a purge takes the copies of an obsolete one': [a1, without, edit(`${C}~`, 'copy'), purge],
  'not changed, becomes a directory': [a1, install({ name: 'aa', version: '2', files: { [`${C}/part`]: 'x' }, conffiles: [`${C}/part`] })],
  'not changed, becomes a plain file': [a1, install({ name: 'aa', version: '2', files: { [C]: 'plain' } })],
}; // prettier-ignore

for (const [story, actions] of Object.entries(STORIES)) {
  test(`as dpkg does: ${story}`, { skip: noDpkg() }, async (t) => {
    const { ours } = await tell(t, actions);
    const { differences } = await verifyAll(ours);
    assert.deepEqual(differences.filter(({ conffile }) => !conffile), []); // prettier-ignore
  });
}

test('what is taken away is told: where the version of the user is; a dry run says the same and changes nothing', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
  h.write(dir, C, 'mine');
  const { keptConffiles, notes } = await h.run(dir, [h.install(pkg('aa', '2', GONE))]);
  assert.deepEqual(keptConffiles, [{ package: 'aa', path: `/${C}`, kept: 'none', other: `/${C}.gtpkg-old` }]);
  assert.ok(
    notes.some((note) => note.includes(`your version is kept as /${C}.gtpkg-old`)),
    notes.join('\n'),
  );
  assert.deepEqual(readStatus(dir).get('aa')?.conffiles, []);
});

test('taken away by a transaction that is stopped at every change: all old or all new', async (t) => {
  const template = h.tempDir(t);
  const other = { files: { 'etc/aa/other': 'x' } };
  await h.run(template, [h.install(pkg('aa', '1', 'one', other)), h.install({ name: 'cc', version: '1', files: { 'etc/cc': 'c' }, conffiles: ['etc/cc'] })]); // prettier-ignore
  h.write(template, C, 'mine');
  h.write(template, `${C}.gtpkg-old`, 'older');
  for (const path of [C, `${C}.gtpkg-old`]) fs.utimesSync(join(template, path), 1_700_000_000, 1_700_000_000);
  const before = h.wholeState(template);
  const steps = () => [
    h.install(pkg('aa', '2', GONE, other)),
    h.install({ name: 'cc', version: '2', files: { 'usr/cc': '' }, gone: ['etc/cc'] }),
  ];
  const copy = (): string => {
    const dir = h.tempDir(t);
    h.copyTree(template, dir);
    return dir;
  };
  const whole = copy();
  let total = 0;
  await h.run(whole, steps(), { step: () => void total++ });
  const after = h.wholeState(whole);
  assert.equal(h.read(whole, `${C}.gtpkg-old`), 'mine');
  assert.equal(h.exists(whole, C) || h.exists(whole, 'etc/cc'), false);
  for (let at = 1; at <= total; at += 3) {
    const dir = copy();
    let count = 0;
    const step = (): void => {
      if (++count >= at) throw new Error('stopped');
    };
    await h.run(dir, steps(), { step }).catch((error: unknown) => error);
    for (const name of fs.readdirSync(join(dir, 'var/lib/gtpkg')))
      if (name.startsWith('lock')) fs.rmSync(join(dir, 'var/lib/gtpkg', name));
    (await h.open(dir)).close();
    const now = h.wholeState(dir);
    assert.deepEqual(
      now,
      now['HISTORY'] === after['HISTORY'] ? after : before,
      `stopped at ${at} of ${total}`,
    );
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test("attack: gtpkg's own state is taken away, also through a link: refused", async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
  fs.symlinkSync('lib/gtpkg', join(dir, 'var/short'));
  const before = h.wholeState(dir);
  for (const path of ['var/lib/gtpkg/status', 'var/short/status', 'var/lib/gtpkg/manifests/aa']) {
    const taker = { name: 'evil', files: { 'usr/evil': '' }, gone: [path] };
    await assert.rejects(h.run(dir, [h.install(taker)]), h.coded('FILE_CONFLICT', /gtpkg's own state/));
  }
  assert.deepEqual(h.wholeState(dir), before);
});

test('a link or a directory that the user made of it is not taken away', async (t) => {
  const dir = h.tempDir(t);
  for (const make of [(at: string) => fs.symlinkSync('../../usr/aa', at), (at: string) => fs.mkdirSync(at)]) {
    await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
    fs.rmSync(join(dir, C), { recursive: true, force: true });
    make(join(dir, C));
    await h.run(dir, [h.install(pkg('aa', '2', GONE))]);
    assert.ok(h.exists(dir, C));
    await h.run(dir, [h.remove('aa', true)]);
    fs.rmSync(join(dir, C), { recursive: true, force: true });
  }
});

// dpkg overwrites all of these
const PLAIN: Readonly<Record<string, readonly [first: Action[], then: h.PackageSpec[]]>> = {
  'becomes a directory': [[a1], [{ name: 'aa', version: '2', files: { [`${C}/part`]: 'x' }, conffiles: [`${C}/part`] }]],
  'becomes a plain file': [[a1], [{ name: 'aa', version: '2', files: { [C]: 'plain' } }]],
  'becomes a link': [[a1], [{ name: 'aa', version: '2', files: { [C]: { type: 'l', link: '/etc/other' } } }]],
  'is obsolete, and another package replaces it by a plain file': [[a1, without], [{ name: 'bb', files: { [C]: 'plain' }, replaces: 'aa' }]],
  'is of a package that was removed, and another one brings a plain file': [[a1], [{ name: 'bb', files: { [C]: 'plain' } }]],
  'goes over to a plain file of another package': [[a1], [pkg('aa', '2', null), { name: 'bb', files: { [C]: 'plain' }, replaces: 'aa (<< 2)' }]],
}; // prettier-ignore

for (const [label, [first, then]] of Object.entries(PLAIN)) {
  test(`a changed conffile ${label}: the version of the user is kept beside`, async (t) => {
    const dir = h.tempDir(t);
    for (const action of first) if ('install' in action) await h.run(dir, action.install.map((spec) => h.install(spec))); // prettier-ignore
    h.write(dir, C, 'mine');
    if (label.includes('removed')) await h.run(dir, [h.remove('aa')]);
    const { keptConffiles } = await h.run(dir, then.map((spec) => h.install(spec))); // prettier-ignore
    assert.equal(h.read(dir, `${C}.gtpkg-old`), 'mine');
    assert.deepEqual(keptConffiles.map(({ kept, other }) => [kept, other]), [['none', `/${C}.gtpkg-old`]]); // prettier-ignore
    assert.deepEqual((await verifyAll(dir)).differences, []);
  });
}

test('a plain file of another package comes to an obsolete conffile, which it does not replace: refused, as by dpkg', async (t) => {
  const dir = h.tempDir(t);
  const plain = h.install({ name: 'bb', files: { [C]: 'plain' } });
  await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
  await assert.rejects(h.run(dir, [h.install(pkg('aa', '2', null)), plain]), h.coded('FILE_CONFLICT'));
  await h.run(dir, [h.install(pkg('aa', '2', null))]);
  const before = h.wholeState(dir);
  await assert.rejects(h.run(dir, [plain]), h.coded('FILE_CONFLICT', /bb and aa|aa and bb/));
  assert.deepEqual(h.wholeState(dir), before);
});

test('a purge leaves what another package has, though it is named like a copy', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one')), h.install({ name: 'bb', files: { [`${C}.bak`]: 'of bb', [`${C}~`]: '' }, conffiles: [`${C}~`] })]); // prettier-ignore
  await h.run(dir, [h.remove('bb')]);
  await h.run(dir, [h.install({ name: 'cc', files: { [`${C}.bak`]: 'of cc' } })]);
  await h.run(dir, [h.remove('aa', true)]);
  assert.deepEqual(
    [h.exists(dir, C), h.read(dir, `${C}.bak`), h.exists(dir, `${C}~`)],
    [false, 'of cc', true],
  );
});

test('a directory becomes a conffile: when nothing of the user is in it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', version: '1', files: { [`${C}/x`]: 'in it' } })]);
  h.write(dir, `${C}/mine`, 'mine');
  await assert.rejects(h.run(dir, [h.install(pkg('aa', '2', 'two'))]), h.coded('ROOT_OBSTRUCTED'));
  fs.rmSync(join(dir, C, 'mine'));
  await h.run(dir, [h.install(pkg('aa', '2', 'two'))]);
  assert.equal(h.read(dir, C), 'two');
});

test("verify: an obsolete conffile is nobody's fault and no stranger", async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one', { files: { 'usr/share/aa/conf': 'one' } }))]);
  await h.run(dir, [h.install(pkg('aa', '2', null))]);
  h.write(dir, C, 'mine');
  const { differences, extras } = await verifyAll(dir);
  assert.deepEqual([differences, extras.paths], [[], []]);
});

test('a way back does not purge what an old copy of a conffile would go with', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
  h.write(dir, C, 'mine');
  await h.run(dir, [h.install(pkg('aa', '2', 'two'))], { conffilePolicy: 'new' });
  assert.equal(h.read(dir, `${C}.gtpkg-old`), 'mine');
  const root = await h.open(dir);
  try {
    const facts = () => backFacts(root, ['aa'], { purge: false, runsScripts: false });
    assert.deepEqual([...(await facts()).clean], []);
    fs.rmSync(join(dir, `${C}.gtpkg-old`));
    assert.deepEqual([...(await facts()).clean], ['aa']);
  } finally {
    root.close();
  }
});

test('deleted before it was obsolete, shipped again: stays deleted, where dpkg would have forgotten it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('aa', '1', 'one'))]);
  fs.rmSync(join(dir, C));
  await h.run(dir, [h.install(pkg('aa', '2', null))]);
  await h.run(dir, [h.install(pkg('aa', '3', 'three'))]);
  assert.equal(h.exists(dir, C), false);
});

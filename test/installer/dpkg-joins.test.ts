/** dpkg comes to a root that has packages already, goes, and comes again: its database is true each time. dpkg itself is asked. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAll } from '../../installer/index.js';
import { FileSink } from '../../installer/lay-out.js';
import { repairRoot } from '../../installer/repair.js';
import { dpkg, dpkgRoot, deb, dpkgStates, noDpkg } from './debs.js';
import * as h from './helpers.js';

const DIRS = ['info', 'updates', 'triggers', 'alternatives', 'parts'];
const theDpkg: h.PackageSpec = {
  name: 'dpkg',
  version: '1.21.22',
  files: {
    'usr/bin/dpkg': { content: 'a program', mode: 0o755 },
    'etc/dpkg/dpkg.cfg': 'no-debsig',
    ...Object.fromEntries(DIRS.map((name) => [`var/lib/dpkg/${name}`, { type: 'd' as const }])),
  },
  conffiles: ['etc/dpkg/dpkg.cfg'],
};
const aa = (version: string, more: Partial<h.PackageSpec> = {}): h.PackageSpec => ({
  name: 'aa',
  version,
  files: {
    'usr/bin/aa': { content: `aa ${version}`, mode: 0o755 },
    'usr/bin/hard': { type: 'h', link: 'usr/bin/aa', mode: 0o755 },
    'usr/bin/soft': { type: 'l', link: 'aa' },
    'usr/share/aa/ümlaut and space': version,
    'etc/aa.conf': `of ${version}`,
    'etc/aa.two': 'never changes',
  },
  conffiles: ['etc/aa.conf', 'etc/aa.two'],
  scripts: {
    triggers: 'interest-noawait /usr/share/aa\ninterest aa-trigger\n',
    postinst: '#!/bin/sh\nexit 0\n',
  },
  ...more,
});
const bb: h.PackageSpec = {
  name: 'bb',
  files: { 'usr/share/bb': 'bb', 'etc/bb': 'conf' },
  conffiles: ['etc/bb'],
};

const info = (dir: string, name: string): string => h.read(dir, `var/lib/dpkg/info/${name}`);
const told = (dir: string, ...words: string[]): string[] =>
  dpkg(dir, ...words)
    .output.split('\n')
    .filter((line) => line !== '' && !line.startsWith('dpkg: warning: overriding'))
    .sort();
/** Nothing is wrong, but for these. */
const sound = (dir: string, changed: readonly string[] = []): void => {
  assert.deepEqual(told(dir, '--audit'), []);
  assert.deepEqual(told(dir, '--verify'), [...changed].sort());
};
const OUTSIDE = { scripts: { how: 'outside' } } as const;

test('what was there before has its sums, conffiles, lists and triggers', { skip: noDpkg() }, async (t) => {
  const [dir, judge, work] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
  await h.run(dir, [h.install(aa('1')), h.install(bb)], OUTSIDE);
  await h.run(dir, [h.remove('bb')]);
  assert.equal(h.exists(dir, 'var/lib/dpkg'), false);
  await h.run(dir, [h.install(theDpkg)], OUTSIDE);
  sound(dir);
  assert.deepEqual(dpkgStates(dir), ['aa installed 1', 'bb config-files 1', 'dpkg installed 1.21.22']);
  assert.equal(info(dir, 'aa.md5sums').split('\n').length, 4);
  assert.match(h.read(dir, 'var/lib/dpkg/triggers/File'), /^\/usr\/share\/aa aa\/noawait$/m);
  assert.equal(h.read(dir, 'var/lib/dpkg/triggers/aa-trigger'), 'aa\n');
  // the same packages by dpkg: the same records
  dpkgRoot(judge);
  const { status, output } = dpkg(judge, '--install', deb(work, aa('1')), deb(work, bb));
  assert.equal(status, 0, output);
  dpkg(judge, '--remove', 'bb');
  const conffiles = (of: string): string[] =>
    h.read(of, 'var/lib/dpkg/status').split('\n').filter((line) => /^ \/etc\/(aa|bb)/.test(line)).sort(); // prettier-ignore
  assert.deepEqual(conffiles(dir), conffiles(judge));
  for (const file of ['aa.list', 'aa.conffiles', 'bb.list']) {
    const lines = (of: string): string[] => info(of, file).trim().split('\n').sort();
    assert.deepEqual(lines(dir), lines(judge), file);
  }
  // and dpkg goes on from there
  const upgraded = dpkg(dir, '--install', deb(work, aa('2')));
  assert.equal(upgraded.status, 0, upgraded.output);
  assert.equal(h.read(dir, 'etc/aa.conf'), 'of 2');
  assert.equal(dpkg(dir, '--purge', 'bb').status, 0);
  assert.equal(h.exists(dir, 'etc/bb'), false);
});

test('a file that was changed or is gone is named by dpkg -V; a changed or deleted conffile stays so', { skip: noDpkg() }, async (t) => {
  const [dir, work] = [h.tempDir(t), h.tempDir(t)];
  await h.run(dir, [h.install(aa('1')), h.install(bb)], OUTSIDE);
  h.write(dir, 'usr/share/bb', 'not as signed');
  h.write(dir, 'etc/aa.conf', 'mine');
  fs.rmSync(join(dir, 'etc/aa.two'));
  fs.rmSync(join(dir, 'usr/share/aa/ümlaut and space'));
  await h.run(dir, [h.install(theDpkg)], OUTSIDE);
  sound(dir, ['??5??????   /usr/share/bb', '??5?????? c /etc/aa.conf', 'missing     /usr/share/aa/ümlaut and space', 'missing   c /etc/aa.two']); // prettier-ignore
  const { status, output } = dpkg(dir, '--install', deb(work, aa('2')));
  assert.equal(status, 0, output);
  assert.equal(h.read(dir, 'etc/aa.conf'), 'mine');
  assert.equal(h.exists(dir, 'etc/aa.two'), false);
}); // prettier-ignore

test('together with new packages, diverted files, and what a package has lost to another', { skip: noDpkg() }, async (t) => {
  const dir = h.tempDir(t);
  h.write(dir, 'var/lib/dpkg/diversions', '/usr/share/bb\n/usr/share/bb.real\n:\n');
  await h.run(dir, [h.install(aa('1')), h.install(bb)], OUTSIDE);
  assert.ok(h.exists(dir, 'usr/share/bb.real'));
  await h.run(dir, [h.install({ name: 'cc', files: { 'usr/bin/soft': 'of cc', 'usr/share/cc': 'c' }, replaces: 'aa' })]);
  await h.run(dir, [h.install(theDpkg), h.install({ name: 'new', files: { 'usr/share/new': 'n' } })], OUTSIDE);
  sound(dir);
  assert.equal(info(dir, 'aa.list').includes('/usr/bin/soft'), false);
  // with dpkg there, a package loses a file: its list and sums are without it
  await h.run(dir, [h.install({ name: 'dd', files: { 'usr/share/cc': 'of dd' }, replaces: 'cc' })], OUTSIDE);
  sound(dir);
  assert.equal(info(dir, 'cc.list').includes('/usr/share/cc'), false);
  assert.equal(info(dir, 'cc.md5sums').includes('usr/share/cc'), false);
  await h.run(dir, [{ kind: 'mark', name: 'aa', held: true }]);
  sound(dir);
  assert.ok(info(dir, 'aa.md5sums').includes('usr/bin/aa'), 'a mark takes no sums away');
}); // prettier-ignore

test('dpkg goes and comes again: what happened meanwhile is known, and so is what it had installed itself', { skip: noDpkg() }, async (t) => {
  const [dir, work] = [h.tempDir(t), h.tempDir(t)];
  await h.run(dir, [h.install(aa('1')), h.install(bb), h.install(theDpkg)], OUTSIDE);
  sound(dir);
  const foreign = dpkg(dir, '--install', deb(work, { name: 'foreign', files: { 'usr/share/foreign': 'f' } }));
  assert.equal(foreign.status, 0, foreign.output);
  await h.run(dir, [h.remove('dpkg')], OUTSIDE);
  assert.deepEqual(dpkgStates(dir), ['foreign installed 1']);
  assert.deepEqual(fs.readdirSync(join(dir, 'var/lib/dpkg/info')).filter((name) => !name.startsWith('foreign')), ['format']); // prettier-ignore
  await h.run(dir, [h.install(aa('2')), h.remove('bb', true)], OUTSIDE);
  await h.run(dir, [h.install(theDpkg)], OUTSIDE);
  assert.deepEqual(dpkgStates(dir), ['aa installed 2', 'dpkg installed 1.21.22', 'foreign installed 1']);
  sound(dir);
  await h.run(dir, [h.remove('dpkg', true)], OUTSIDE);
  assert.equal(dpkg(dir, '--purge', 'foreign').status, 0);
}); // prettier-ignore

test('dpkg goes where nobody else used it: nothing of its database is left to be taken for true', { skip: noDpkg() }, async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(aa('1')), h.install(theDpkg)], OUTSIDE);
  await h.run(dir, [h.remove('dpkg', true)], OUTSIDE);
  const left = h.exists(dir, 'var/lib/dpkg') ? fs.readdirSync(join(dir, 'var/lib/dpkg'), { recursive: true }) : [];
  assert.deepEqual(left.filter((name) => !fs.statSync(join(dir, 'var/lib/dpkg', String(name))).isDirectory()), []);
}); // prettier-ignore

test('a file that was not as signed when dpkg came, and is repaired: dpkg knows it then', { skip: noDpkg() }, async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(aa('1')), h.install(bb)], OUTSIDE);
  h.write(dir, 'usr/share/bb', 'not as signed');
  await h.run(dir, [h.install(theDpkg)], OUTSIDE);
  const root = await h.open(dir);
  try {
    await repairRoot(root, {
      differences: (await verifyAll(dir)).differences,
      conffiles: 'keep',
      command: 'test',
      now: h.NOW,
      report: () => undefined,
      contents: (_pkg, targets) => h.release(bb).extract(new FileSink(root.disk, targets, () => undefined)),
    });
  } finally {
    root.close();
  }
  assert.equal(h.read(dir, 'usr/share/bb'), 'bb');
  sound(dir);
}); // prettier-ignore

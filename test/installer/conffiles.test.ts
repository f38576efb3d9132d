/** Conffiles: what a user wrote stays, whatever the package does. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus } from '../../installer/index.js';
import { decideConffile } from '../../installer/conffiles.js';
import type { Sha256 } from '../../model/ids.js';
import * as h from './helpers.js';

const ETC = 'etc/aa/conf';
const pkg = (version: string, content: string, more: Partial<h.PackageSpec> = {}): h.PackageSpec => ({
  name: 'aa',
  version,
  files: { [ETC]: content, 'usr/aa': version },
  conffiles: [ETC],
  ...more,
});

test('the three-way table', () => {
  const [a, b, c] = ['a', 'b', 'c'] as unknown as [Sha256, Sha256, Sha256];
  const decide = (
    base: Sha256 | undefined,
    dist: Sha256,
    current: Sha256 | 'absent' | 'special',
    policy?: 'new',
  ) => decideConffile({ base, dist, current }, policy);
  assert.equal(decide(undefined, a, 'absent'), 'place');
  assert.equal(decide(a, a, 'absent'), 'absent');
  assert.equal(decide(a, b, 'absent'), 'absent');
  assert.equal(decide(a, b, 'absent', 'new'), 'absent');
  assert.equal(decide(a, b, a), 'replace');
  assert.equal(decide(a, b, b), 'identical');
  assert.equal(decide(a, a, c), 'keep');
  assert.equal(decide(a, b, c), 'keep-beside');
  assert.equal(decide(a, b, c, 'new'), 'replace-beside');
  assert.equal(decide(undefined, b, c), 'keep-beside');
  assert.equal(decide(a, a, 'special'), 'keep');
  assert.equal(decide(a, b, 'special', 'new'), 'keep-beside');
});

test('unmodified: replaced', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  const result = await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, ETC), 'two');
  assert.deepEqual(result.keptConffiles, []);
});

test('modified, and the new version differs: kept, the new one beside it, reported; later replaced or matched: cleared away', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  h.write(dir, ETC, 'mine');
  const result = await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, ETC), 'mine');
  assert.equal(h.read(dir, `${ETC}.gtpkg-new`), 'two');
  assert.deepEqual(result.keptConffiles, [
    { package: 'aa', path: `/${ETC}`, kept: 'user', other: `/${ETC}.gtpkg-new` },
  ]);
  // same version of the conffile again: nothing to say, nothing to write
  fs.rmSync(join(dir, `${ETC}.gtpkg-new`));
  const again = await h.run(dir, [h.install(pkg('3', 'two'))]);
  assert.deepEqual(again.keptConffiles, []);
  assert.equal(h.exists(dir, `${ETC}.gtpkg-new`), false);
  // changed once more, then the user takes it over
  await h.run(dir, [h.install(pkg('4', 'four'))]);
  h.write(dir, ETC, 'four');
  await h.run(dir, [h.install(pkg('5', 'four'))]);
  assert.equal(h.exists(dir, `${ETC}.gtpkg-new`), false);
});

test('policy new: the new version is in place, the old one beside it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  h.write(dir, ETC, 'mine');
  const result = await h.run(dir, [h.install(pkg('2', 'two'))], { conffilePolicy: 'new' });
  assert.equal(h.read(dir, ETC), 'two');
  assert.equal(h.read(dir, `${ETC}.gtpkg-old`), 'mine');
  assert.equal(result.keptConffiles[0]?.kept, 'new');
  h.write(dir, ETC, 'mine again');
  await h.run(dir, [h.install(pkg('3', 'three'))], { conffilePolicy: 'new' });
  assert.equal(h.read(dir, `${ETC}.gtpkg-old`), 'mine again');
});

test('deleted by the user: stays deleted, with and without its directory', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  fs.rmSync(join(dir, ETC));
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.exists(dir, ETC), false);
  fs.rmSync(join(dir, 'etc'), { recursive: true });
  await h.run(dir, [h.install(pkg('3', 'three'))]);
  assert.equal(h.exists(dir, 'etc/aa'), true);
  assert.equal(h.exists(dir, ETC), false);
});

test('the permissions that the user set stay', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  fs.chmodSync(join(dir, ETC), 0o600);
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, ETC), 'two');
  assert.equal(fs.statSync(join(dir, ETC)).mode & 0o777, 0o600);
});

test('remove keeps them, reinstalling finds them, purge deletes them and what stands beside them', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  h.write(dir, ETC, 'mine');
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  const removed = await h.run(dir, [h.remove('aa')]);
  assert.deepEqual(removed.notes, []);
  assert.equal(h.read(dir, ETC), 'mine');
  assert.equal(h.exists(dir, 'usr'), false);
  assert.equal(readStatus(dir).get('aa')?.state, 'config-files');
  await assert.rejects(h.run(dir, [h.remove('aa')]), h.coded('NOT_INSTALLED'));
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, ETC), 'mine');
  await h.run(dir, [h.remove('aa')]);
  await h.run(dir, [h.remove('aa', true)]);
  assert.deepEqual([...h.picture(dir)], []);
  assert.equal(readStatus(dir).size, 0);
  assert.deepEqual(
    Object.keys(h.wholeState(dir)).filter((key) => key.startsWith('MANIFEST')),
    [],
  );
});

test('no longer shipped: stays as obsolete until the purge, or until another package ships it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  await h.run(dir, [h.install({ name: 'aa', version: '2', files: { 'usr/aa': '2' } })]);
  assert.equal(h.read(dir, ETC), 'one');
  assert.deepEqual(readStatus(dir).get('aa')?.conffiles.map(({ path, obsolete }) => [path, obsolete]), [[ETC, true]]); // prettier-ignore
  // another package takes it over, and knows what the last shipped version was
  const other: h.PackageSpec = { name: 'bb', files: { [ETC]: 'bb' }, conffiles: [ETC] };
  await h.run(dir, [h.install(other)]);
  assert.equal(h.read(dir, ETC), 'bb');
  assert.deepEqual(readStatus(dir).get('aa')?.conffiles, []);
  await h.run(dir, [h.remove('bb', true)]);
  assert.equal(h.exists(dir, ETC), false);
});

test('a plain file that became a conffile is treated by what was shipped before', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one', { conffiles: [] }))]);
  h.write(dir, ETC, 'mine');
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, ETC), 'mine');
  await h.run(dir, [h.install(pkg('3', 'two'))]);
  assert.equal(h.read(dir, ETC), 'mine');
});

test("a file of nobody in the place of a new conffile is the user's", async (t) => {
  const dir = h.tempDir(t);
  h.write(dir, ETC, 'mine');
  const result = await h.run(dir, [h.install(pkg('1', 'one'))]);
  assert.equal(h.read(dir, ETC), 'mine');
  assert.equal(h.read(dir, `${ETC}.gtpkg-new`), 'one');
  assert.equal(result.keptConffiles.length, 1);
  assert.equal(
    result.notes.some((note) => note.includes('belonged to no package')),
    false,
  );
});

test('a conffile that the user made a link or a directory is left alone, and nothing is written through it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  h.write(dir, 'target', 'precious');
  fs.rmSync(join(dir, ETC));
  fs.symlinkSync('../../target', join(dir, ETC));
  await h.run(dir, [h.install(pkg('2', 'two'))]);
  assert.equal(h.read(dir, 'target'), 'precious');
  assert.ok(fs.lstatSync(join(dir, ETC)).isSymbolicLink());
  fs.rmSync(join(dir, ETC));
  fs.mkdirSync(join(dir, ETC));
  h.write(dir, `${ETC}/x`, 'in my directory');
  await h.run(dir, [h.install(pkg('3', 'three'))]);
  assert.equal(h.read(dir, `${ETC}/x`), 'in my directory');
  assert.equal(h.read(dir, `${ETC}.gtpkg-new`), 'three');
});

test('a user who edits while the transaction is being staged keeps the edit', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(pkg('1', 'one'))]);
  const late = pkg('2', 'two', {
    tamper: (sink) => {
      h.write(dir, ETC, 'mine, just now');
      return sink;
    },
  });
  const result = await h.run(dir, [h.install(late)]);
  assert.equal(h.read(dir, ETC), 'mine, just now');
  assert.equal(result.keptConffiles.length, 1);
});

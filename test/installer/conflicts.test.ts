/** Two packages and one path, directories that become files, links that lead elsewhere. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type GtpkgError } from '../../model/errors.js';
import { filesOf, ownerOf, readStatus, verifyRoot } from '../../installer/index.js';
import * as h from './helpers.js';

const owners = (dir: string, path: string): string[] => ownerOf(dir, path).map(({ name }) => name);
const verify = async (dir: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const { package: name, path, kind } of verifyRoot(dir)) found.push(`${name} ${path} ${kind}`);
  return found;
};
async function refused(
  dir: string,
  steps: Parameters<typeof h.run>[1],
  code: 'FILE_CONFLICT' | 'ROOT_OBSTRUCTED',
  pattern?: RegExp,
) {
  const before = h.wholeState(dir);
  await assert.rejects(h.run(dir, steps), h.coded(code, pattern));
  assert.deepEqual(h.wholeState(dir), before);
}

test('a file of another package is not overwritten; both names and the path are in the error', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/x': 'aa' } })]);
  await refused(
    dir,
    [h.install({ name: 'bb', files: { 'opt/x': 'bb' } })],
    'FILE_CONFLICT',
    /bb and aa .*\/opt\/x/,
  );
  await assert.rejects(
    h.run(dir, [h.install({ name: 'bb', files: { 'opt/x': 'bb' } })]),
    (error: GtpkgError) => {
      assert.deepEqual(error.data, { path: 'opt/x', packages: ['bb', 'aa'] });
      assert.equal(error.exit, 7);
      return true;
    },
  );
  await refused(
    dir,
    [h.install({ name: 'cc', files: { y: '1' } }), h.install({ name: 'dd', files: { y: '2' } })],
    'FILE_CONFLICT',
  );
  await refused(dir, [h.install({ name: 'ee', files: { opt: 'a file' } })], 'FILE_CONFLICT');
  await refused(dir, [h.install({ name: 'ff', files: { 'opt/x/y': 'below a file' } })], 'FILE_CONFLICT');
});

test('no conflict when the other package goes, or moves away from the path, in the same transaction', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install({ name: 'aa', files: { 'opt/x': 'aa' } }),
    h.install({ name: 'bb', files: { 'opt/y': 'bb' } }),
  ]);
  await h.run(dir, [h.remove('aa'), h.install({ name: 'cc', files: { 'opt/x': 'cc' } })]);
  assert.equal(h.read(dir, 'opt/x'), 'cc');
  await h.run(dir, [
    h.install({ name: 'bb', version: '2', files: { 'opt/z': 'bb' } }),
    h.install({ name: 'dd', files: { 'opt/y': 'dd' } }),
  ]);
  assert.equal(h.read(dir, 'opt/y'), 'dd');
  // two packages swap their paths
  await h.run(dir, [
    h.install({ name: 'cc', version: '2', files: { 'opt/y': 'cc' } }),
    h.install({ name: 'dd', version: '2', files: { 'opt/x': 'dd' } }),
  ]);
  assert.deepEqual([h.read(dir, 'opt/x'), h.read(dir, 'opt/y')], ['dd', 'cc']);
  assert.deepEqual(await verify(dir), []);
});

test('Replaces: takes the file over from the versions it names, for good', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', version: '1', files: { 'opt/x': 'aa', 'opt/a': 'a' } })]);
  await refused(
    dir,
    [h.install({ name: 'bb', files: { 'opt/x': 'bb' }, replaces: 'aa (<< 1)' })],
    'FILE_CONFLICT',
  );
  await h.run(dir, [h.install({ name: 'bb', files: { 'opt/x': 'bb' }, replaces: 'aa (<< 3)' })]);
  assert.equal(h.read(dir, 'opt/x'), 'bb');
  assert.deepEqual(owners(dir, '/opt/x'), ['bb']);
  assert.deepEqual(
    filesOf(dir, 'aa').map(({ path }) => path),
    ['opt', 'opt/a'],
  );
  assert.deepEqual(await verify(dir), []);
  // an upgrade of aa that still has the path does not take it back
  await h.run(dir, [h.install({ name: 'aa', version: '2', files: { 'opt/x': 'aa2', 'opt/a': 'a2' } })]);
  assert.equal(h.read(dir, 'opt/x'), 'bb');
  assert.deepEqual(readStatus(dir).get('aa')?.replaced, ['opt/x']);
  // removing aa leaves it to bb; removing bb then takes it away
  await h.run(dir, [h.remove('aa')]);
  assert.equal(h.read(dir, 'opt/x'), 'bb');
  await h.run(dir, [h.remove('bb')]);
  assert.deepEqual([...h.picture(dir)], []);
});

test('Replaces inside one transaction, in either order', async (t) => {
  for (const order of [0, 1]) {
    const dir = h.tempDir(t);
    const steps = [
      h.install({ name: 'aa', files: { 'opt/x': 'aa' } }),
      h.install({ name: 'bb', files: { 'opt/x': 'bb' }, replaces: 'aa' }),
    ];
    await h.run(dir, order === 0 ? steps : steps.reverse());
    assert.equal(h.read(dir, 'opt/x'), 'bb');
    assert.deepEqual(owners(dir, 'opt/x'), ['bb']);
    assert.deepEqual(await verify(dir), []);
  }
});

test('a conffile taken over by Replaces keeps its history', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'etc/c': 'one' }, conffiles: ['etc/c'] })]);
  await h.run(dir, [
    h.install({ name: 'bb', files: { 'etc/c': 'two' }, conffiles: ['etc/c'], replaces: 'aa' }),
  ]);
  assert.equal(h.read(dir, 'etc/c'), 'two');
  assert.deepEqual(readStatus(dir).get('aa')?.conffiles, []);
  await h.run(dir, [h.remove('aa', true)]);
  assert.equal(h.read(dir, 'etc/c'), 'two');
});

test('a file becomes a directory, a directory becomes a file or a link, a link becomes a directory', async (t) => {
  const dir = h.tempDir(t);
  const one: h.PackageSpec = {
    name: 'aa',
    files: {
      'opt/f2d': 'file',
      'opt/d2f/a': '1',
      'opt/d2f/deep/b': '2',
      'opt/d2l/c': '3',
      'opt/l2d': { type: 'l', link: 'd2f' },
      'opt/l2f': { type: 'l', link: '/etc/passwd' },
      'opt/f2l': 'x',
    },
  };
  const two: h.PackageSpec = {
    name: 'aa',
    version: '2',
    files: {
      'opt/f2d/new': 'in a directory now',
      'opt/d2f': 'file now',
      'opt/d2l': { type: 'l', link: 'f2d' },
      'opt/l2d/x': 'own directory now',
      'opt/l2f': 'file now',
      'opt/f2l': { type: 'l', link: 'f2d/new' },
    },
  };
  await h.run(dir, [h.install(one)]);
  const before = h.picture(dir);
  await h.run(dir, [h.install(two)]);
  const fresh = h.tempDir(t);
  await h.run(fresh, [h.install(two)]);
  assert.deepEqual(h.picture(dir), h.picture(fresh));
  assert.deepEqual(await verify(dir), []);
  await h.run(dir, [h.install(one)]);
  assert.deepEqual([...h.picture(dir).keys()], [...before.keys()]);
  assert.deepEqual(await verify(dir), []);
});

test('a directory that holds what is not going is never replaced', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/d/a': '1' } })]);
  h.write(dir, 'opt/d/mine', 'precious');
  await refused(
    dir,
    [h.install({ name: 'aa', version: '2', files: { 'opt/d': 'file' } })],
    'ROOT_OBSTRUCTED',
    /opt\/d\/mine/,
  );
  await refused(
    dir,
    [h.install({ name: 'aa', version: '2', files: { 'opt/d': { type: 'l', link: '/' } } })],
    'ROOT_OBSTRUCTED',
  );
  fs.rmSync(join(dir, 'opt/d/mine'));
  await h.run(dir, [h.install({ name: 'bb', files: { 'opt/d/b': '1' } })]);
  await refused(
    dir,
    [h.install({ name: 'aa', version: '2', files: { 'opt/d': 'file' } })],
    'FILE_CONFLICT',
    /aa and bb/,
  );
  await refused(
    dir,
    [h.install({ name: 'aa', version: '2', files: { 'opt/d': { type: 'l', link: '/' } } })],
    'FILE_CONFLICT',
  );
});

test('a file of nobody in the way: replaced by a file, never by a directory', async (t) => {
  const dir = h.tempDir(t);
  h.write(dir, 'opt/x', 'nobody');
  const result = await h.run(dir, [h.install({ name: 'aa', files: { 'opt/x': 'aa' } })]);
  assert.equal(h.read(dir, 'opt/x'), 'aa');
  assert.match(result.notes.join(), /opt\/x belonged to no package/);
  h.write(dir, 'opt/y', 'nobody');
  await refused(
    dir,
    [h.install({ name: 'bb', files: { 'opt/y/z': 'below' } })],
    'ROOT_OBSTRUCTED',
    /opt\/y is not a directory/,
  );
});

test('merged /usr: links to directories stay, files go through them, verify and owns see both names', async (t) => {
  const dir = h.tempDir(t);
  fs.mkdirSync(join(dir, 'usr/lib'), { recursive: true });
  fs.mkdirSync(join(dir, 'usr/bin'));
  fs.symlinkSync('usr/lib', join(dir, 'lib'));
  fs.symlinkSync('/usr/bin', join(dir, 'bin')); // absolute: means from the root
  await h.run(dir, [
    h.install({ name: 'libc', files: { 'lib/ld.so': 'ld', 'lib/deep/x': 'x', 'bin/sh': 'sh' } }),
  ]);
  assert.ok(fs.lstatSync(join(dir, 'lib')).isSymbolicLink());
  assert.equal(h.read(dir, 'usr/lib/ld.so'), 'ld');
  assert.equal(h.read(dir, 'usr/lib/deep/x'), 'x');
  assert.equal(h.read(dir, 'usr/bin/sh'), 'sh');
  assert.deepEqual(await verify(dir), []);
  assert.deepEqual(owners(dir, '/usr/lib/ld.so'), ['libc']);
  assert.deepEqual(owners(dir, '/lib/ld.so'), ['libc']);
  // the same file under its other name is the same file
  await refused(
    dir,
    [h.install({ name: 'evil', files: { 'usr/lib/ld.so': 'evil' } })],
    'FILE_CONFLICT',
    /evil and libc/,
  );
  await refused(
    dir,
    [
      h.install({ name: 'pp', files: { 'usr/bin/q': '1' } }),
      h.install({ name: 'qq', files: { 'bin/q': '2' } }),
    ],
    'FILE_CONFLICT',
  );
  // the package moves to the other name: nothing is lost (the bug that made Debian forbid it)
  await h.run(dir, [
    h.install({
      name: 'libc',
      version: '2',
      files: { 'usr/lib/ld.so': 'ld2', 'usr/lib/deep/x': 'x2', 'bin/sh': 'sh2' },
    }),
  ]);
  assert.equal(h.read(dir, 'lib/ld.so'), 'ld2');
  assert.equal(h.read(dir, 'lib/deep/x'), 'x2');
  assert.deepEqual(await verify(dir), []);
  await h.run(dir, [h.remove('libc')]);
  assert.ok(fs.lstatSync(join(dir, 'lib')).isSymbolicLink());
  assert.deepEqual([...h.picture(dir).keys()], ['bin', 'lib', 'usr', 'usr/bin']);
});

test('merged /usr made by a package: its links and the directories of others, in any order and over several transactions', async (t) => {
  const base: h.PackageSpec = {
    name: 'base-files',
    files: { 'lib': { type: 'l', link: 'usr/lib' }, 'usr/lib': { type: 'd' }, 'var/run': { type: 'l', link: '/run' }, 'run': { type: 'd' } },
  }; // prettier-ignore
  const user: h.PackageSpec = { name: 'libx', files: { 'lib/x.so': 'x', 'var/run/libx/pid': '1' } };
  const pictures: string[][] = [];
  for (const steps of [[[base, user]], [[user, base]], [[base], [user]]]) {
    const dir = h.tempDir(t);
    for (const specs of steps)
      await h.run(
        dir,
        specs.map((spec) => h.install(spec)),
      );
    pictures.push([...h.picture(dir)].map(([path, what]) => `${path} ${what}`));
    assert.equal(h.read(dir, 'usr/lib/x.so'), 'x');
    assert.equal(h.read(dir, 'run/libx/pid'), '1');
    assert.deepEqual(await verify(dir), []);
    // base-files comes new while the other stays behind its links
    await h.run(dir, [h.install({ ...base, version: '2' })]);
    assert.deepEqual(await verify(dir), []);
    // base-files goes: the links stay as long as somebody lives behind them
    await h.run(dir, [h.remove('base-files')]);
    assert.equal(h.read(dir, 'lib/x.so'), 'x');
    assert.deepEqual(await verify(dir), []);
  }
  assert.deepEqual(pictures[1], pictures[0]);
  assert.deepEqual(pictures[2], pictures[0]);
  // too late: the directory is there and in use
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(user)]);
  await refused(dir, [h.install(base)], 'FILE_CONFLICT', /base-files and libx/);
});

test('attack: links that lead out of the root are not followed', async (t) => {
  const outside = h.tempDir(t);
  h.write(outside, 'victim', 'untouched');
  const up = '../'.repeat(20) + outside.slice(1);
  for (const [target, code] of [
    [up, 'ROOT_OBSTRUCTED'],
    ['loop', 'ROOT_OBSTRUCTED'],
  ] as const) {
    const dir = h.tempDir(t);
    fs.symlinkSync(target, join(dir, 'loop'));
    await refused(dir, [h.install({ name: 'aa', files: { 'loop/victim': 'overwritten' } })], code);
  }
  // absolute: inside the root, at the same name
  const dir = h.tempDir(t);
  fs.symlinkSync(outside, join(dir, 'abs'));
  await h.run(dir, [h.install({ name: 'aa', files: { 'abs/victim': 'inside' } })]);
  assert.equal(h.read(dir, `${outside.slice(1)}/victim`), 'inside');
  assert.equal(h.read(outside, 'victim'), 'untouched');
  await h.run(dir, [h.remove('aa', true)]);
  assert.equal(h.read(outside, 'victim'), 'untouched');
});

test('attack: one package brings a link, another writes through it', async (t) => {
  const outside = h.tempDir(t);
  h.write(outside, 'victim', 'untouched');
  const dir = h.tempDir(t);
  const link = (target: string): h.PackageSpec => ({
    name: 'link',
    files: { 'opt/way': { type: 'l', link: target } },
  });
  const user: h.PackageSpec = { name: 'user', files: { 'opt/way/victim': 'overwritten' } };
  const up = '../'.repeat(20) + outside.slice(1);
  // refused as a conflict: the two packages cannot both have their way
  await refused(dir, [h.install(link(up)), h.install(user)], 'FILE_CONFLICT');
  await h.run(dir, [h.install(link(up))]);
  await refused(dir, [h.install(user)], 'FILE_CONFLICT');
  assert.equal(h.read(outside, 'victim'), 'untouched');
});

test('attack: links in the way of a removal', async (t) => {
  const outside = h.tempDir(t);
  h.write(outside, 'f', 'untouched');
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/d/f': '1' } })]);
  fs.rmSync(join(dir, 'opt/d'), { recursive: true });
  fs.symlinkSync('../'.repeat(20) + outside.slice(1), join(dir, 'opt/d'));
  await h.run(dir, [h.remove('aa', true)]);
  assert.equal(h.read(outside, 'f'), 'untouched');
});

test("attack: gtpkg's own state is nobody's to ship, by any name", async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/a': '1' } })]);
  await refused(
    dir,
    [h.install({ name: 'evil', files: { 'var/lib/gtpkg/status': '# packages: 0\n' } })],
    'FILE_CONFLICT',
  );
  await refused(dir, [h.install({ name: 'evil', files: { 'var/lib/gtpkg': 'x' } })], 'FILE_CONFLICT');
  await refused(
    dir,
    [h.install({ name: 'evil', files: { 'var/lib': { type: 'l', link: '/opt' } } })],
    'ROOT_OBSTRUCTED',
  );
  const steps = [
    h.install({ name: 'evil', files: { way: { type: 'l', link: 'var/lib/gtpkg' } } }),
    h.install({ name: 'worse', files: { 'way/status': 'x' } }),
  ];
  await refused(dir, steps, 'FILE_CONFLICT');
});

test('a root whose /var is a link keeps its state where the link leads', async (t) => {
  const dir = h.tempDir(t);
  fs.mkdirSync(join(dir, 'data/var'), { recursive: true });
  fs.symlinkSync('/data/var', join(dir, 'var'));
  await h.run(dir, [h.install({ name: 'aa', files: { 'var/cache/x': '1' } })]);
  assert.equal(h.read(dir, 'data/var/cache/x'), '1');
  assert.ok(h.exists(dir, 'data/var/lib/gtpkg/status'));
  assert.equal(readStatus(dir).size, 1);
  const escaping = h.tempDir(t);
  fs.symlinkSync('../../../../../../tmp', join(escaping, 'var'));
  await assert.rejects(
    h.run(escaping, [h.install({ name: 'aa', files: { x: '1' } })]),
    h.coded('ROOT_OBSTRUCTED'),
  );
});

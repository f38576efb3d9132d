/** Every way a path can differ from its manifest is seen; a user's right to change conffiles is respected. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf, ownerOf, verifyAll, verifyRoot, type Difference } from '../../installer/index.js';
import { parseManifest } from '../../model/manifest.js';
import { scanManifest } from '../../installer/claims.js';
import * as h from './helpers.js';

async function differences(dir: string, names?: string[]): Promise<Difference[]> {
  const found: Difference[] = [];
  for await (const difference of verifyRoot(dir, names)) found.push(difference);
  return found;
}
const isRoot = process.getuid?.() === 0;

const SPEC: h.PackageSpec = {
  name: 'aa',
  files: {
    'etc/conf': 'default',
    'opt/content': 'abcd',
    'opt/d/x': 'x',
    'opt/hard': { type: 'h', link: 'opt/content' },
    'opt/big': { content: Buffer.alloc(3_000_000, 7) },
    'opt/link': { type: 'l', link: 'content' },
    'opt/missing': 'm',
    'opt/mode': { content: 'm', mode: 0o4755 },
    'opt/owner': 'o',
    'opt/size': 's',
    'opt/type': 't',
  },
  conffiles: ['etc/conf'],
};

test('an untouched root has no difference', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC), h.install({ name: 'bb', files: { 'opt/d/y': 'y' } })]);
  assert.deepEqual(await differences(dir), []);
});

test('each kind of difference is named', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  h.write(dir, 'etc/conf', 'mine');
  h.write(dir, 'opt/content', 'abcX');
  const big = fs.openSync(join(dir, 'opt/big'), 'r+');
  fs.writeSync(big, 'x', 2_999_999);
  fs.closeSync(big);
  fs.rmSync(join(dir, 'opt/d'), { recursive: true });
  fs.rmSync(join(dir, 'opt/link'));
  fs.symlinkSync('elsewhere', join(dir, 'opt/link'));
  fs.rmSync(join(dir, 'opt/missing'));
  fs.chmodSync(join(dir, 'opt/mode'), 0o777);
  if (isRoot) fs.chownSync(join(dir, 'opt/owner'), 0, 5);
  h.write(dir, 'opt/size', 'longer');
  fs.rmSync(join(dir, 'opt/type'));
  fs.mkdirSync(join(dir, 'opt/type'));
  fs.rmSync(join(dir, 'opt/hard'));
  fs.writeFileSync(join(dir, 'opt/hard'), 'abcd');
  const found = (await differences(dir)).map(
    ({ path, kind, conffile }) => `${path} ${kind}${conffile ? ' conffile' : ''}`,
  );
  assert.deepEqual(found, [
    'etc/conf size conffile',
    'opt/big content',
    'opt/content content',
    'opt/d missing',
    'opt/d/x missing',
    'opt/hard link',
    'opt/link link',
    'opt/missing missing',
    'opt/mode mode',
    ...(isRoot ? ['opt/owner owner'] : []),
    'opt/size size',
    'opt/type type',
  ]);
  await assert.rejects(differences(dir, ['zz']), h.coded('NOT_INSTALLED'));
});

test('many packages, in threads: the same differences, in the same order', async (t) => {
  const dir = h.tempDir(t);
  const names = Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, '0')}`);
  const files = (name: string): h.PackageSpec => ({
    name,
    files: { [`opt/${name}/a`]: name, [`opt/${name}/b`]: 'b' },
  });
  await h.run(dir, names.map((name) => h.install(files(name)))); // prettier-ignore
  assert.deepEqual(await differences(dir), []);
  for (const name of names) h.write(dir, `opt/${name}/a`, 'XXX');
  fs.rmSync(join(dir, 'opt/p07/b'));
  const found = (await differences(dir)).map(({ path, kind }) => `${path} ${kind}`);
  const wanted = names.flatMap((name) => [`opt/${name}/a content`, ...(name === 'p07' ? ['opt/p07/b missing'] : [])]); // prettier-ignore
  assert.deepEqual(found, wanted);
  // a thread that fails fails all, with its reason
  const manifest = join(dir, 'var/lib/gtpkg/manifests/p29');
  fs.writeFileSync(manifest, 'nonsense');
  await assert.rejects(differences(dir), h.coded('STATUS_CORRUPT', /p29/));
});

test('what no package has is named, in directories of packages; what scripts are known to make is not', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install({ name: 'aa', files: { 'usr/bin/aa': 'a', 'usr/share/aa/x': 'x', 'etc/aa.d/c': 'c' } }),
    h.install({ name: 'bb', files: { 'usr/bin/bb': 'b', 'usr/lib/libb.so.1.2': 'b' } }),
  ]);
  h.write(dir, 'usr/share/aa/stranger', '');
  h.write(dir, 'usr/share/aa/dir/inside', '');
  h.write(dir, 'usr/bin/cc', '');
  h.write(dir, 'etc/aa.d/local', '');
  h.write(dir, 'usr/share/other/x', '');
  h.write(dir, 'usr/share/aa/__pycache__/x.pyc', '');
  fs.symlinkSync('/etc/alternatives/vi', join(dir, 'usr/bin/vi'));
  fs.symlinkSync('libb.so.1.2', join(dir, 'usr/lib/libb.so.1'));
  fs.symlinkSync('/tmp/evil', join(dir, 'usr/lib/libe.so.1'));
  const all = await verifyAll(dir);
  assert.deepEqual(all.differences, []);
  const shown = all.extras.paths.map(({ path, kind }) => `${path} ${kind}`);
  assert.deepEqual(shown, [
    'usr/bin/cc file',
    'usr/lib/libe.so.1 link',
    'usr/share/other directory',
    'usr/share/aa/dir directory',
    'usr/share/aa/stranger file',
  ]);
  // of one package: only where it is alone
  const one = (await verifyAll(dir, ['aa'])).extras.paths.map(({ path }) => path as string);
  assert.deepEqual(one, ['usr/share/other', 'usr/share/aa/dir', 'usr/share/aa/stranger']);
  for (let i = 0; i < 1100; i++) fs.writeFileSync(join(dir, 'usr/share/aa', `n${i}`), '');
  const many = await verifyAll(dir);
  assert.deepEqual([many.extras.paths.length, many.extras.more], [1000, true]);
});

test('diverted paths are looked for where they are; overrides of dpkg-statoverride count, as files are laid out too', async (t) => {
  const dir = h.tempDir(t);
  const spec = (version: string): h.PackageSpec => ({
    name: 'aa',
    version,
    files: { 'usr/bin/aa': version, 'usr/bin/tool': { content: 'x', mode: 0o755 } },
  });
  await h.run(dir, [h.install(spec('1'))]);
  h.write(
    dir,
    'var/lib/dpkg/diversions',
    '/usr/bin/aa\n/usr/bin/aa.real\nother\n/usr/bin/tool\n/usr/bin/tool.x\naa\n',
  );
  h.write(dir, 'var/lib/dpkg/statoverride', 'root #7 2750 /usr/bin/tool\nno such line\n');
  const one = (await differences(dir)).map(
    ({ path, kind, diverted }) => `${path} ${kind} ${diverted ?? '-'}`,
  );
  assert.deepEqual(one, ['usr/bin/aa missing usr/bin/aa.real', 'usr/bin/tool mode -', ...(isRoot ? ['usr/bin/tool owner -'] : [])]); // prettier-ignore
  fs.renameSync(join(dir, 'usr/bin/aa'), join(dir, 'usr/bin/aa.real'));
  await h.run(dir, [h.install(spec('2'))]);
  const { mode, gid } = fs.statSync(join(dir, 'usr/bin/tool'));
  assert.equal(mode & 0o7777, isRoot ? 0o2750 : 0o750);
  if (isRoot) assert.equal(gid, 7);
});

test('a link put in the place of a directory cannot make another file pass for the right one', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  const outside = h.tempDir(t);
  h.write(outside, 'x', 'x');
  fs.rmSync(join(dir, 'opt/d'), { recursive: true });
  fs.symlinkSync(outside, join(dir, 'opt/d'));
  const found = (await differences(dir)).map(({ path, kind }) => `${path} ${kind}`);
  assert.deepEqual(found, ['opt/d missing', 'opt/d/x missing']);
});

test('a kept manifest that was tampered with is not believed', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  const manifest = join(dir, 'var/lib/gtpkg/manifests/aa');
  fs.writeFileSync(manifest, fs.readFileSync(manifest, 'latin1').replace('4755', '4777'), 'latin1');
  await assert.rejects(differences(dir), h.coded('STATUS_CORRUPT', /damaged/));
  fs.rmSync(manifest);
  await assert.rejects(differences(dir), h.coded('STATUS_CORRUPT', /missing/));
});

test('owns and files', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install(SPEC),
    h.install({ name: 'bb', files: { 'opt/d/y': 'y', 'etc/bb': '1' }, conffiles: ['etc/bb'] }),
  ]);
  const who = (path: string): string[] => ownerOf(dir, path).map(({ name }) => name);
  assert.deepEqual(who('/opt/d/x'), ['aa']);
  assert.deepEqual(who('opt/d/'), ['aa', 'bb']);
  assert.deepEqual(who('./opt//d/y'), ['bb']);
  assert.deepEqual(who('/opt/nothing'), []);
  assert.deepEqual(who('../x'), []);
  assert.deepEqual(filesOf(dir, 'bb').map(({ path, type }) => `${type} ${path}`), ['d etc', 'f etc/bb', 'd opt', 'd opt/d', 'f opt/d/y']); // prettier-ignore
  await h.run(dir, [h.remove('bb')]);
  assert.deepEqual(filesOf(dir, 'bb').map(({ path }) => path), ['etc', 'etc/bb']); // prettier-ignore
  assert.deepEqual(who('/etc/bb'), ['bb']);
  assert.deepEqual(who('/opt/d/y'), []);
  assert.throws(() => filesOf(dir, 'zz'), h.coded('NOT_INSTALLED'));
});

test('the quick scan of a manifest sees what the parser sees', () => {
  const { manifestBytes } = h.release({
    name: 'aa',
    files: { 'a b/c%d\n/é\u0001': '1', 'x\\y': { type: 'l', link: 'a b' } },
  });
  const scanned: string[] = [];
  scanManifest(Buffer.from(manifestBytes), (type, path) => scanned.push(`${type} ${path}`));
  assert.deepEqual(scanned, parseManifest(manifestBytes).map(({ type, path }) => `${type} ${path}`)); // prettier-ignore
});

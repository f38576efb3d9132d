/** Every way a path can differ from its manifest is seen; a user's right to change conffiles is respected. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf, ownerOf, verifyRoot, type Difference } from '../../installer/index.js';
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

/** Installing, upgrading, removing: what ends up in the root, and that nothing does when a release is bad. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GtpkgError } from '../../model/errors.js';
import { pathFromBytes } from '../../model/bytes.js';
import {
  openRoot,
  previewTransaction,
  readHistory,
  readStatus,
  scriptsOf,
  setMarks,
  stateAfter,
} from '../../installer/index.js';
import { silent } from '../../model/events.js';
import * as h from './helpers.js';

const isRoot = process.getuid?.() === 0;

test('files, directories, links, modes, owners and times come out as the manifest says', async (t) => {
  const dir = h.tempDir(t, 'disk');
  const big = h.random(700_000);
  const spec: h.PackageSpec = {
    name: 'all-kinds',
    files: {
      'usr/bin/tool': { content: '#!/bin/sh\n', mode: 0o755 },
      'usr/bin/sudo': { content: 'set-uid', mode: 0o4755 },
      'usr/bin/zool': { type: 'h', link: 'usr/bin/tool' },
      'usr/lib/big': { content: big, mode: 0o600 },
      'usr/lib/link': { type: 'l', link: '../bin/tool' },
      'usr/lib/dangling': { type: 'l', link: '/nowhere/at all' },
      'usr/share/empty': { type: 'd', mode: 0o2775 },
      'usr/share/system-x\\x2d.slice': 'backslash',
      'usr/share/naïve name': 'utf-8 and a space',
      'usr/share/fifo': { type: 'p', mode: 0o600 },
      'usr/share/zero': '',
      ...(isRoot
        ? { 'usr/share/game': { content: 'x', mode: 0o2755, owner: { name: 'games', id: 12345 } } }
        : {}),
    },
  };
  const result = await h.run(dir, [h.install(spec)], { durable: true });
  assert.equal(result.id, 1);
  assert.deepEqual(
    result.installed.map(({ name }) => name),
    ['all-kinds'],
  );
  const stat = (path: string): fs.Stats => fs.lstatSync(join(dir, path));
  assert.equal(stat('usr/bin/sudo').mode & 0o7777, isRoot ? 0o4755 : 0o755);
  assert.equal(stat('usr/bin/zool').ino, stat('usr/bin/tool').ino);
  assert.equal(stat('usr/bin/tool').mtimeMs, h.MTIME * 1000);
  assert.equal(stat('usr/lib').mtimeMs, h.MTIME * 1000);
  assert.equal(stat('usr/lib/link').mtimeMs, h.MTIME * 1000);
  assert.equal(stat('usr/share/empty').mode & 0o7777, 0o2775);
  assert.ok(stat('usr/share/fifo').isFIFO());
  assert.ok(fs.readFileSync(join(dir, 'usr/lib/big')).equals(big));
  assert.equal(fs.readlinkSync(join(dir, 'usr/lib/dangling')), '/nowhere/at all');
  if (isRoot) {
    assert.equal(stat('usr/share/game').gid, 12345);
    assert.equal(stat('usr/share/game').mode & 0o7777, 0o2755);
  }
  const left = Object.keys(h.wholeState(dir)).filter((key) => key.startsWith('LEFT'));
  assert.deepEqual(left, []);
});

test('names that are not UTF-8 survive', async (t) => {
  const dir = h.tempDir(t);
  const odd = pathFromBytes(Buffer.from([0x75, 0x2f, 0xff, 0xe9, 0x0a, 0x62]));
  const release = h.release({ name: 'odd', files: { 'u/plain': '1' } });
  // the helper takes text; this path is bytes
  const manifest = [
    ...release.manifest,
    { ...release.manifest.find(({ type }) => type === 'f')!, path: odd },
  ];
  const { formatManifest } = await import('../../model/manifest.js');
  const bytes = Buffer.from('1');
  const twisted = {
    ...release,
    manifest,
    manifestBytes: formatManifest(manifest),
    extract: async (sink: Parameters<typeof release.extract>[0]) => {
      for (const entry of manifest) {
        if (entry.type === 'd') await sink.entry(entry);
        else
          await sink.file(
            entry,
            (async function* () {
              yield await Promise.resolve(bytes);
            })(),
          );
      }
    },
  };
  await h.run(dir, [{ kind: 'install', release: twisted, auto: false, source: 's', suite: 't' }]);
  const names = fs.readdirSync(join(dir, 'u'), 'latin1');
  assert.deepEqual(names.sort(), ['plain', odd.slice(2)].sort());
  await h.run(dir, [h.remove('odd', true)]);
  assert.deepEqual([...h.picture(dir)], []);
});

test(
  'owners are looked up by name in the passwd of the root',
  { skip: isRoot ? false : 'needs root' },
  async (t) => {
    const dir = h.tempDir(t);
    h.write(dir, 'etc/passwd', 'root:x:0:0::/:/bin/sh\nalice:x:777:888::/:/bin/sh\n');
    h.write(dir, 'etc/group', 'alice:x:888:\n');
    await h.run(dir, [
      h.install({ name: 'aa', files: { 'srv/x': { content: '1', owner: { name: 'alice', id: 5 } } } }),
    ]);
    const { uid, gid } = fs.statSync(join(dir, 'srv/x'));
    assert.deepEqual([uid, gid], [777, 888]);
  },
);

test('an upgrade replaces, adds and removes; directories that empty go, shared ones stay', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install({ name: 'aa', files: { 'opt/aa/one': '1', 'opt/aa/sub/two': '2', 'opt/shared/a': 'a' } }),
    h.install({ name: 'bb', files: { 'opt/shared/b': 'b' } }),
  ]);
  h.write(dir, 'opt/aa/mine', 'not from a package');
  const result = await h.run(dir, [
    h.install({ name: 'aa', version: '2', files: { 'opt/aa/one': '1.2', 'opt/aa/new/three': '3' } }),
  ]);
  assert.deepEqual([...h.picture(dir).keys()], [
    'opt', 'opt/aa', 'opt/aa/mine', 'opt/aa/new', 'opt/aa/new/three', 'opt/aa/one', 'opt/shared', 'opt/shared/b',
  ]); // prettier-ignore
  assert.equal(h.read(dir, 'opt/aa/one'), '1.2');
  assert.equal(result.changes[0]?.action, 'upgrade');
  const gone = await h.run(dir, [h.remove('aa'), h.remove('bb')]);
  assert.deepEqual([...h.picture(dir).keys()], ['opt', 'opt/aa', 'opt/aa/mine']);
  assert.ok(
    gone.notes.some((note) => note === '/opt/aa is not empty and stays'),
    gone.notes.join('\n'),
  );
  assert.deepEqual(
    gone.removed.map(({ name }) => name),
    ['aa', 'bb'],
  );
  assert.equal(readStatus(dir).size, 0);
});

test('arbitrary installation: a release that fails its check while streaming leaves no trace, whatever came before it', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'good', files: { 'usr/good': '1' } })]);
  const before = h.wholeState(dir);
  const failAfter = new GtpkgError('PAYLOAD_CORRUPT', 'one flipped bit');
  const steps = [
    h.install({ name: 'good', version: '2', files: { 'usr/good': '2', 'usr/more': '2' } }),
    h.install({ name: 'other', files: { 'opt/other': 'x' } }),
    h.install({ name: 'evil', files: { 'opt/evil': 'x' }, failAfter }),
  ];
  await assert.rejects(h.run(dir, steps), h.coded('PAYLOAD_CORRUPT'));
  assert.deepEqual(h.wholeState(dir), before);
});

test('endless data: more bytes than the manifest says are not written, fewer are refused', async (t) => {
  const dir = h.tempDir(t);
  let given = 0;
  const endless: h.PackageSpec = {
    name: 'endless',
    files: { 'opt/big': { content: Buffer.alloc(300_000) } },
    tamper: (sink) => ({
      entry: (entry) => sink.entry(entry),
      file: (entry) =>
        sink.file(
          entry,
          (async function* () {
            for (;;) yield await Promise.resolve(Buffer.alloc((given += 65536) && 65536));
          })(),
        ),
    }),
  };
  await assert.rejects(h.run(dir, [h.install(endless)]), h.coded('PAYLOAD_CORRUPT', /size/));
  assert.ok(given <= 300_000 + 2 * 65536, `${given} bytes were taken`);
  for (const size of [10, 300_000]) {
    const short: h.PackageSpec = {
      name: 'short',
      files: { 'opt/short': { content: Buffer.alloc(size) } },
      tamper: (sink) => ({
        entry: (entry) => sink.entry(entry),
        file: (entry) =>
          sink.file(
            entry,
            (async function* () {
              yield await Promise.resolve(Buffer.alloc(5));
            })(),
          ),
      }),
    };
    await assert.rejects(h.run(dir, [h.install(short)]), h.coded('PAYLOAD_CORRUPT', /size/));
  }
  assert.deepEqual([...h.picture(dir)], []);
});

test('a payload that leaves a file out is refused', async (t) => {
  const dir = h.tempDir(t);
  const spec: h.PackageSpec = {
    name: 'aa',
    files: { 'opt/a': '1', 'opt/b': '2' },
    tamper: (sink) => ({
      entry: () => undefined,
      file: (entry, chunks) => (entry.path === 'opt/b' ? undefined : sink.file(entry, chunks)),
    }),
  };
  await assert.rejects(h.run(dir, [h.install(spec)]), h.coded('PAYLOAD_CORRUPT', /lacks \/opt\/b/));
  assert.deepEqual([...h.picture(dir)], []);
});

test('installing the same release again repairs it and changes nothing else', async (t) => {
  const dir = h.tempDir(t);
  const spec: h.PackageSpec = { name: 'aa', files: { 'opt/a': 'right', 'opt/d/b': 'b' } };
  await h.run(dir, [h.install(spec)]);
  const picture = h.picture(dir);
  h.write(dir, 'opt/a', 'wrong');
  fs.rmSync(join(dir, 'opt/d'), { recursive: true });
  const result = await h.run(dir, [h.install(spec)]);
  assert.equal(result.changes[0]?.action, 'reinstall');
  assert.deepEqual(h.picture(dir), picture);
});

test('permissions of a directory follow the package only where the administrator left them', async (t) => {
  const dir = h.tempDir(t);
  const version = (n: string, mode: number): h.PackageSpec => ({
    name: 'aa',
    version: n,
    files: { 'srv/own': { type: 'd', mode }, 'srv/touched': { type: 'd', mode }, 'srv/x': n },
  });
  await h.run(dir, [h.install(version('1', 0o755))]);
  fs.chmodSync(join(dir, 'srv/touched'), 0o711);
  await h.run(dir, [h.install(version('2', 0o750))]);
  assert.equal(fs.statSync(join(dir, 'srv/own')).mode & 0o777, 0o750);
  assert.equal(fs.statSync(join(dir, 'srv/touched')).mode & 0o777, 0o711);
});

test('maintainer scripts are kept and not run', async (t) => {
  const dir = h.tempDir(t);
  const scripts = { postinst: '#!/bin/sh\ntouch /tmp/gtpkg-must-not-be\n', prerm: '#!/bin/sh\n' };
  const result = await h.run(dir, [h.install({ name: 'aa', files: { 'opt/a': '1' }, scripts })]);
  assert.deepEqual(result.scriptsNotRun, ['aa']);
  assert.equal(scriptsOf(dir, 'aa').get('postinst')?.toString(), scripts.postinst);
  assert.ok(readStatus(dir).get('aa')?.scriptsSkipped);
  await h.run(dir, [
    h.install({ name: 'aa', version: '2', files: { 'opt/a': '1' }, scripts: { prerm: 'x' } }),
  ]);
  assert.deepEqual([...scriptsOf(dir, 'aa').keys()], ['prerm']);
  await h.run(dir, [h.remove('aa')]);
  assert.equal(h.exists(dir, 'var/lib/gtpkg/scripts/aa'), false);
  assert.equal(h.exists(dir, 'var/lib/gtpkg/manifests/aa'), false);
});

test('a preview says what would happen and touches nothing, also where no root is', async (t) => {
  const dir = h.tempDir(t);
  const absent = join(dir, 'not/there');
  const root = await openRoot(absent, { lock: 'none', report: silent });
  const preview = await previewTransaction(root, {
    steps: [h.install({ name: 'aa', files: { 'opt/a': '12345' } })],
  });
  assert.equal(preview.bytes, 5);
  assert.deepEqual(
    preview.changes.map(({ name, action }) => [name, action]),
    [['aa', 'install']],
  );
  assert.equal(fs.existsSync(join(dir, 'not')), false);
});

test('marks and holds survive upgrades and stand in the history', async (t) => {
  const dir = h.tempDir(t);
  const command = 'gtpkg hold aa';
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/a': '1' } }, true)]);
  const root = await h.open(dir);
  assert.deepEqual(await setMarks(root, { names: ['aa'], held: true, command, now: h.NOW, report: silent }), [
    'aa',
  ]);
  assert.deepEqual(
    await setMarks(root, { names: ['aa'], held: true, command, now: h.NOW, report: silent }),
    [],
  );
  await assert.rejects(
    setMarks(root, { names: ['zz'], auto: true, command, now: h.NOW, report: silent }),
    h.coded('NOT_INSTALLED'),
  );
  root.close();
  await h.run(dir, [h.install({ name: 'aa', version: '2', files: { 'opt/a': '2' } }, true)]);
  const pkg = readStatus(dir).get('aa');
  assert.deepEqual([pkg?.auto, pkg?.held, pkg?.version], [true, true, '2']);
  const history = readHistory(dir);
  assert.deepEqual(history.map(({ id, command: what }) => [id, what]), [[1, 'test'], [2, command], [3, 'test']]); // prettier-ignore
  assert.deepEqual(history[0]?.indexCommits, { test: 'c0ffee' });
});

test('the history tells every earlier state with full pins', async (t) => {
  const dir = h.tempDir(t);
  const states: unknown[] = [];
  const note = (): number =>
    states.push(
      [...readStatus(dir).values()].map(({ name, version, auto, held, pin }) => [
        name,
        version,
        auto,
        held,
        pin.core.key,
      ]),
    );
  note();
  await h.run(dir, [
    h.install({ name: 'aa', files: { a: '1' } }),
    h.install({ name: 'bb', files: { b: '1' } }, true),
  ]);
  note();
  await h.run(dir, [
    h.install({ name: 'aa', version: '2', files: { a: '2' } }),
    { kind: 'mark', name: 'bb', auto: false },
  ]);
  note();
  await h.run(dir, [h.remove('bb'), h.install({ name: 'cc', files: { c: '1' } })]);
  note();
  for (const [id, expected] of states.entries()) {
    const told = [...stateAfter(dir, id)]
      .map(([name, pin]) => [name, pin.version, pin.auto, pin.held, pin.core])
      .sort();
    assert.deepEqual(told, expected, `after transaction ${id}`);
  }
  assert.throws(() => stateAfter(dir, 9), h.coded('HISTORY_NOT_FOUND'));
});

test('what is not installed cannot be removed, and nothing twice', async (t) => {
  const dir = h.tempDir(t);
  await assert.rejects(h.run(dir, [h.remove('zz')]), h.coded('NOT_INSTALLED'));
  const twice = [
    h.install({ name: 'aa', files: { a: '1' } }),
    h.install({ name: 'aa', version: '2', files: { a: '2' } }),
  ];
  await assert.rejects(h.run(dir, twice), h.coded('USAGE'));
});

test('a hostile control paragraph cannot speak in the words of the status file', async (t) => {
  const dir = h.tempDir(t);
  const spec = h.release({ name: 'aa', files: { a: '1' } });
  spec.control.fields
    .set('Held', 'yes')
    .set('Status', 'config-files')
    .set('Conffiles', '\n /etc/shadow x')
    .set('Core', 'zzz');
  await h.run(dir, [{ kind: 'install', release: spec, auto: false, source: 's', suite: 't' }]);
  const pkg = readStatus(dir).get('aa');
  assert.deepEqual(
    [pkg?.held, pkg?.state, pkg?.conffiles, pkg?.pin.core.key],
    [false, 'installed', [], spec.pin.core.key],
  );
});

test('set-uid programs that go lose the bit, in case somebody holds a hard link to them', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'aa', files: { 'bin/su': { content: 'hole', mode: 0o4755 } } })]);
  fs.chmodSync(join(dir, 'bin/su'), 0o4755);
  fs.linkSync(join(dir, 'bin/su'), join(dir, 'mine'));
  await h.run(dir, [
    h.install({ name: 'aa', version: '2', files: { 'bin/su': { content: 'fixed', mode: 0o4755 } } }),
  ]);
  assert.equal(fs.statSync(join(dir, 'mine')).mode & 0o7777, 0o600);
});

test("the user's umask is not the packages' business", async (t) => {
  const dir = h.tempDir(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  await h.run(dir, [
    h.install({ name: 'aa', files: { 'var/lib/aa/x': '1', 'opt/aa': '1' }, scripts: { prerm: 'x' } }),
  ]);
  for (const path of ['var', 'var/lib', 'var/lib/aa', 'var/lib/gtpkg', 'var/lib/gtpkg/scripts/aa', 'opt']) {
    assert.equal(fs.statSync(join(dir, path)).mode & 0o777, 0o755, path);
  }
  assert.equal(fs.statSync(join(dir, 'var/lib/gtpkg/status')).mode & 0o777, 0o644);
  assert.equal(fs.statSync(join(dir, 'var/lib/gtpkg/staging')).mode & 0o777, 0o700);
});

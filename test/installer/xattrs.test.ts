/** Extended attributes and file capabilities: on the disk as the signed manifest says, for as long as the package is there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyAll, type Difference } from '../../installer/index.js';
import { FileSink } from '../../installer/lay-out.js';
import { Disk } from '../../installer/disk.js';
import { perform, revert } from '../../installer/operations.js';
import { repairRoot, type Repaired } from '../../installer/repair.js';
import type { TransactionRequest } from '../../installer/index.js';
import * as xattr from '../../system/xattr.js';
import * as h from './helpers.js';
import { lacksXattrs, RAW, ADMIN, capability, note, valueOf } from './xattr-support.js';

const isRoot = process.getuid?.() === 0;
const CAP = 'security.capability';

const ping = (
  version: string,
  caps: string | undefined,
  more: h.PackageSpec['files'] = {},
): h.PackageSpec => ({
  name: 'ping',
  version,
  files: {
    'usr/bin/ping': {
      content: version,
      mode: 0o755,
      ...(caps === undefined ? {} : { xattrs: [capability(caps), note('user.note', 'hello')] }),
    },
    ...more,
  },
});

function place(t: TestContext): string | undefined {
  const dir = h.tempDir(t, 'disk');
  const why = lacksXattrs(dir, isRoot);
  if (why !== false) t.skip(why);
  return why === false ? dir : undefined;
}

test('set on every name of the file, small or large, also without a hard link; gone with the next version that has none', async (t) => {
  const dir = place(t);
  if (dir === undefined) return;
  const both = [capability(RAW), note('user.empty', ''), note('user.sp ace%', '\0\xff')];
  const files: h.PackageSpec['files'] = {
    'usr/bin/ping': { content: 'p', mode: 0o755, owner: { name: '', id: isRoot ? 7 : 0 }, xattrs: both },
    'usr/bin/ping6': {
      type: 'h',
      link: 'usr/bin/ping',
      mode: 0o755,
      owner: { name: '', id: isRoot ? 7 : 0 },
    },
    'usr/share/large': { content: Buffer.alloc(100_000), xattrs: [note('user.a', 'x')] },
    'usr/share/plain': 'plain',
  };
  await h.run(dir, [h.install({ name: 'ping', files })]);
  for (const path of ['usr/bin/ping', 'usr/bin/ping6']) {
    for (const { name, value } of both.slice(isRoot ? 0 : 1))
      assert.equal(valueOf(dir, path, name), value, name);
    if (!isRoot) assert.equal(valueOf(dir, path, CAP), undefined);
  }
  assert.equal(valueOf(dir, 'usr/share/large', 'user.a'), '78');
  const names = xattr.list(Buffer.from(join(dir, 'usr/share/plain')));
  assert.deepEqual(names.filter((name) => name.startsWith('user.') || name === CAP), []); // prettier-ignore
  // the system's own tool agrees
  const { stdout, error } = spawnSync('getcap', [join(dir, 'usr/bin/ping')], { encoding: 'utf8' });
  if (isRoot && error === undefined) assert.match(stdout, /cap_net_raw[+=]ep/);
  assert.deepEqual((await verifyAll(dir)).differences, []);
  await h.run(dir, [h.install({ name: 'ping', version: '2', files: { 'usr/bin/ping': 'p' } })]);
  assert.equal(valueOf(dir, 'usr/bin/ping', CAP), undefined);
  assert.equal(valueOf(dir, 'usr/bin/ping', 'user.empty'), undefined);
});

test('a transaction that fails leaves the old ones, and who holds a second name of the old file loses its rights', async (t) => {
  const dir = place(t);
  if (dir === undefined) return;
  if (!isRoot) return t.skip('needs root');
  await h.run(dir, [h.install(ping('1', RAW))]);
  fs.linkSync(join(dir, 'usr/bin/ping'), join(dir, 'mine'));
  const bad: h.PackageSpec = { name: 'bad', files: { 'opt/x': 'x' }, failAfter: new Error('no peer') };
  await assert.rejects(h.run(dir, [h.install(ping('2', ADMIN)), h.install(bad)]));
  assert.equal(valueOf(dir, 'usr/bin/ping', CAP), RAW);
  await h.run(dir, [h.install(ping('2', ADMIN))]);
  assert.equal(valueOf(dir, 'usr/bin/ping', CAP), ADMIN);
  assert.equal(h.read(dir, 'mine'), '1');
  assert.equal(valueOf(dir, 'mine', CAP), undefined);
});

test('a conffile that is replaced, with the permissions that the user gave it, has them', async (t) => {
  const dir = place(t);
  if (dir === undefined) return;
  const spec = (version: string): h.PackageSpec => ({
    name: 'conf',
    version,
    files: {
      'etc/conf': {
        content: version,
        xattrs: [...(isRoot ? [capability(RAW)] : []), note('user.v', version)],
      },
    },
    conffiles: ['etc/conf'],
  });
  await h.run(dir, [h.install(spec('1'))]);
  fs.chmodSync(join(dir, 'etc/conf'), 0o600);
  await h.run(dir, [h.install(spec('2'))]);
  assert.equal(h.read(dir, 'etc/conf'), '2');
  assert.equal(fs.statSync(join(dir, 'etc/conf')).mode & 0o777, 0o600);
  assert.equal(valueOf(dir, 'etc/conf', 'user.v'), '32');
  if (isRoot) assert.equal(valueOf(dir, 'etc/conf', CAP), RAW);
});

async function repair(dir: string, spec: h.PackageSpec): Promise<Repaired & { asked: string[] }> {
  const asked: string[] = [];
  const root = await h.open(dir);
  try {
    const { differences } = await verifyAll(dir);
    const done = await repairRoot(root, {
      differences,
      conffiles: 'keep',
      command: 'gtpkg verify --repair',
      now: h.NOW,
      report: () => undefined,
      contents: async (_pkg, targets) => {
        asked.push(...targets.keys());
        await h.release(spec).extract(new FileSink(root.disk, targets, () => undefined));
      },
    });
    return { ...done, asked };
  } finally {
    root.close();
  }
}

test('verify names what is missing or another, and repair puts it back without contents', async (t) => {
  const dir = place(t);
  if (dir === undefined) return;
  const spec = ping('1', RAW, { 'usr/bin/ping4': { type: 'h', link: 'usr/bin/ping', mode: 0o755 } });
  await h.run(dir, [h.install(spec)]);
  const at = Buffer.from(join(dir, 'usr/bin/ping'));
  const kinds = async (): Promise<string[]> =>
    (await verifyAll(dir)).differences.map(
      ({ kind, expected, actual }: Difference) => `${kind} ${actual} for ${expected}`,
    );
  xattr.set(at, 'user.note', Buffer.from('bye'));
  xattr.set(at, 'user.other', Buffer.from('the user’s own'));
  assert.deepEqual(await kinds(), ['xattr user.note=0x627965 for user.note=0x68656c6c6f']);
  xattr.remove(at, 'user.note');
  if (isRoot) xattr.set(at, CAP, Buffer.from(ADMIN, 'hex'));
  assert.deepEqual(await kinds(), [
    ...(isRoot ? [`xattr ${CAP}=0x${ADMIN} for ${CAP}=0x${RAW}`] : []),
    'xattr user.note=none for user.note=0x68656c6c6f',
  ]);
  const done = await repair(dir, spec);
  assert.deepEqual([done.asked, done.repaired.map(({ path }) => String(path))], [[], ['usr/bin/ping']]);
  assert.deepEqual(await kinds(), []);
  assert.equal(valueOf(dir, 'usr/bin/ping', 'user.other'), Buffer.from('the user’s own').toString('hex'));
  // permissions alone: capabilities that nobody speaks of stay, those of the manifest too
  fs.chmodSync(at, 0o700);
  if (isRoot) fs.chownSync(at, 7, 7);
  assert.deepEqual((await repair(dir, spec)).asked, []);
  assert.deepEqual(await kinds(), []);
  if (isRoot) assert.equal(valueOf(dir, 'usr/bin/ping', CAP), RAW);
  // made anew
  fs.writeFileSync(at, 'other');
  assert.deepEqual((await repair(dir, spec)).asked, ['usr/bin/ping']);
  assert.deepEqual(await kinds(), []);
});

test('what is changed in its place is taken back: set, other, removed', (t) => {
  const dir = place(t);
  if (dir === undefined) return;
  h.write(dir, 'f', 'x');
  const at = Buffer.from(join(dir, 'f'));
  xattr.set(at, 'user.a', Buffer.from('1'));
  const disk = new Disk(dir);
  const { uid, gid, mode } = fs.statSync(at);
  const own = { uid, gid, mode: mode & 0o7777 };
  const after = { ...own, xattrs: [{ name: 'user.a', value: '32' }, { name: 'user.b', value: '' }] }; // prettier-ignore
  const before = { ...own, xattrs: disk.xattrs('f', ['user.a', 'user.b']) };
  // as it comes out of a journal
  const operation = JSON.parse(JSON.stringify({ kind: 'attributes', path: 'f', before, after })) as never;
  perform(disk, operation);
  assert.deepEqual([valueOf(dir, 'f', 'user.a'), valueOf(dir, 'f', 'user.b')], ['32', '']);
  revert(disk, operation);
  revert(disk, operation);
  assert.deepEqual([valueOf(dir, 'f', 'user.a'), valueOf(dir, 'f', 'user.b')], ['31', undefined]);
});

test('new capabilities lend rights: named, refused where that is set; the same ones are nothing new, others are', async (t) => {
  const dir = h.tempDir(t);
  const install = async (spec: h.PackageSpec, setting: Partial<TransactionRequest>) => {
    const root = await h.open(dir);
    try {
      const { runTransaction } = await import('../../installer/index.js');
      const fixed = { command: 't', now: h.NOW, indexCommits: {}, report: () => undefined };
      return await runTransaction(root, { steps: [h.install(spec)], ...fixed, ...setting });
    } finally {
      root.close();
    }
  };
  const refuse = { specialFiles: 'refuse' } as const;
  await install(ping('1', undefined), refuse);
  const before = h.wholeState(dir);
  const named = /\/usr\/bin\/ping \(capability, root:root\)/;
  await assert.rejects(install(ping('2', RAW), refuse), h.coded('POLICY_REFUSED', named));
  assert.deepEqual(h.wholeState(dir), before);
  assert.match((await install(ping('2', RAW), {})).notes.join('\n'), named);
  await install(ping('3', RAW), refuse);
  await assert.rejects(install(ping('4', ADMIN), refuse), h.coded('POLICY_REFUSED', named));
  // a second name lends what its file lends
  const second: h.PackageSpec['files'] = { 'usr/bin/q': { type: 'h', link: 'usr/bin/ping', mode: 0o755 } };
  await assert.rejects(
    install(ping('4', RAW, second), refuse),
    h.coded('POLICY_REFUSED', /\/usr\/bin\/q \(capability/),
  );
});

test('without root rights, and on a file system without attributes: left out, named, and no difference', async (t) => {
  const dir = h.tempDir(t, 'disk');
  const child = fileURLToPath(new URL('./xattr-child.js', import.meta.url));
  if (isRoot) fs.chownSync(dir, 65534, 65534);
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [child, dir], {
    encoding: 'utf8',
    ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'EACCES')
    return t.skip('another user cannot run node');
  if (/EACCES|Cannot find module/.test(stderr) && status !== 0)
    return t.skip('another user cannot read this checkout');
  assert.equal(status, 0, stderr);
  const said = JSON.parse(stdout) as {
    warnings: string[];
    notes: string[];
    differences: unknown[];
    note: string | null;
  };
  if (lacksXattrs(dir, false) === false) {
    assert.match(
      said.warnings.join('\n'),
      /File capabilities of \/usr\/bin\/ping were not set, because gtpkg does not run as root/,
    );
    assert.equal(said.note, '68656c6c6f');
  } else assert.match(said.warnings.join('\n'), /Extended attributes of \/usr\/bin\/ping were not set/);
  assert.match(said.notes.join('\n'), /of \/usr\/bin\/ping were not set/);
  assert.deepEqual(said.differences, []);
});

test('a file system without attributes', async (t) => {
  if (!isRoot) return t.skip('needs root');
  const dir = h.tempDir(t);
  // ramfs has none of user.*, and none of security.* that is not a label
  const mounted = spawnSync('mount', ['-t', 'ramfs', 'ramfs', dir], { stdio: 'ignore' });
  if (mounted.status !== 0) return t.skip('nothing can be mounted here');
  t.after(() => spawnSync('umount', ['-l', dir]));
  if (lacksXattrs(dir, false) === false) return t.skip('ramfs has attributes here');
  const { texts, report } = h.listener();
  // ramfs says that it is full
  const xattrs = [capability(RAW), note('user.note', 'hello')];
  const empty: h.PackageSpec = { name: 'ping', files: { 'usr/bin/ping': { content: '', xattrs } } };
  const { notes } = await h.run(dir, [h.install(empty)], { report });
  assert.match(texts.join('\n'), /Extended attributes of \/usr\/bin\/ping were not set: this file system/);
  assert.match(notes.join('\n'), /Extended attributes of \/usr\/bin\/ping were not set/);
  assert.deepEqual((await verifyAll(dir)).differences, []);
});

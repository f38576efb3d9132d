/** `download --tar`: extended attributes in the archive, as other tools write and read them. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeTarball } from '../../cli/workflows/tarball.js';
import { LayOutThreads } from '../../cli/workflows/lay-out.js';
import { Disk } from '../../installer/disk.js';
import { LayOutHere, type FileTargets } from '../../installer/lay-out.js';
import { formatManifest } from '../../model/index.js';
import { fileSource, verifyRelease } from '../../package-repo/index.js';
import * as xattr from '../../system/xattr.js';
import { capability, lacksXattrs, note, RAW, valueOf } from '../installer/xattr-support.js';
import { deb, inTemp, lacks, makeKey, pax, publish, run, withDeb } from '../package-repo/support.js';

const isRoot = process.getuid?.() === 0;
const long = `${'d'.repeat(60)}/${'é'.repeat(60)}`;
const kept = [capability(RAW), note('user.a=%', '\0\xff\n'), note('user.b', '')];
const records = {
  'SCHILY.xattr.security.capability': Buffer.from(RAW, 'hex').toString('latin1'),
  'SCHILY.xattr.user.a%3D%25': '\0\xff\n',
  'SCHILY.xattr.user.b': '',
};

test('what comes in with a .deb goes out with a tar, and through a thread to the disk', async (t) => {
  await inTemp(async (dir) => {
    const data = [
      pax({ ...records, path: Buffer.from(`./${long}`).toString('latin1') }),
      { name: 'x', body: 'long' },
      pax(records),
      { name: './ping', body: 'p', mode: 0o755, mtime: 7 },
      { name: './plain', body: 'plain' },
      { name: './zz', type: '1', link: './ping' },
    ];
    const key = await makeKey(dir);
    const { image, pin, manifest } = await withDeb(deb({ data }), async (input) => ({
      ...(await publish(dir, input, key)),
      manifest: formatManifest(input.entries),
    }));
    const source = await fileSource(image);
    const release = await verifyRelease({ source, pin, keys: [key.publicKey], now: new Date() });
    assert.deepEqual(Buffer.from(release.manifestBytes), manifest);
    await writeTarball(release, join(dir, 'out.tar'));
    const again = await withDeb(deb({ data: await readFile(join(dir, 'out.tar')) }), ({ entries }) => formatManifest(entries)); // prettier-ignore
    assert.deepEqual(again.toString(), manifest.toString());

    const why = lacksXattrs(dir, isRoot);
    if (why !== false) return t.skip(why);
    const check = (root: string, path: string): void => {
      for (const { name, value } of kept.slice(isRoot ? 0 : 1))
        assert.equal(valueOf(root, path, name), value, `${root} ${path} ${name}`);
    };
    if (lacks('tar') === false) {
      await mkdir(join(dir, 'tar'));
      run(dir, 'tar', ['xf', 'out.tar', '-C', 'tar', '--xattrs', '--xattrs-include=*']);
      for (const path of [long, 'ping', 'zz']) check(join(dir, 'tar'), path);
      assert.equal(await readFile(join(dir, 'tar', long), 'utf8'), 'long');
    }
    const root = join(dir, 'root');
    await mkdir(root);
    const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const files = release.manifest.filter(({ type }) => type === 'f');
    const targets: FileTargets = new Map(
      files.map(({ path, mode, mtime, xattrs }, at) => [
        path,
        { path: String(at), mode, mtime, ...own, xattrs: isRoot ? xattrs : xattrs?.slice(1) },
      ]),
    );
    const arriving = { source: () => source, whole: () => Promise.resolve(), stop: () => Promise.resolve() };
    const threads = new LayOutThreads({ root, arriving, here: new LayOutHere(new Disk(root)) });
    await threads.files(release, targets, () => undefined);
    await threads.stop();
    files.forEach(({ xattrs }, at) => {
      if (xattrs !== undefined) check(root, String(at));
      else assert.deepEqual(xattr.list(Buffer.from(join(root, String(at)))), []);
    });
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { mangleVersion, parseTag, Repository } from '../../git/index.js';
import type { Oid } from '../../model/index.js';
import {
  commitRelease,
  describeRelease,
  listReleases,
  readDeb,
  signRelease,
} from '../../package-repo/index.js';
import {
  control,
  deb,
  inTemp,
  lacks,
  makeDebTree,
  makeKey,
  run,
  tar,
  withDeb,
  type RawMember,
} from './support.js';

const GIT = lacks('git');
const sample = (version: string, body = 'x', more: RawMember[] = []): Buffer =>
  deb({
    control: control({ Version: version }),
    data: [{ name: './usr/bin/tool', body, mode: 0o755 }, ...more],
  });
const id = (version: string): { name: string; version: string; architecture: string } => ({
  name: 'sample',
  version,
  architecture: 'amd64',
});

test(
  'a real package: plain git clones it, checks it, verifies its tag and recomputes Tree-SHA256',
  { skip: GIT || lacks('dpkg-deb') || lacks('gpg') },
  async () => {
    await inTemp(async (dir) => {
      const key = await makeKey(dir);
      await makeDebTree(`${dir}/tree`);
      run(dir, 'dpkg-deb', ['--root-owner-group', '-Zxz', '-b', 'tree', 'x.deb']);
      const input = await readDeb(`${dir}/x.deb`);
      const done = await commitRelease(`${dir}/r.git`, input);
      await input.close();
      const { tag } = await signRelease(`${dir}/r.git`, done.id, key.signer);

      run(dir, 'git', ['-C', 'r.git', 'fsck', '--full', '--strict']);
      run(dir, 'git', [
        '-c',
        'core.protectNTFS=true',
        '-c',
        'core.protectHFS=true',
        'clone',
        '-q',
        'r.git',
        'clone',
      ]);
      run(dir, 'git', ['-C', 'clone', 'fsck', '--full', '--strict']);
      assert.deepEqual((await readdir(`${dir}/clone`)).sort(), [
        '.git',
        'conffiles',
        'control',
        'data',
        'manifest',
        'scripts',
      ]);
      assert.ok(
        (await readdir(`${dir}/clone/data/lib/systemd`)).includes('system-systemd%5Cx2dcryptsetup.slice'),
      );
      assert.ok((await readdir(`${dir}/clone/data/usr/share`)).includes('%2Egitignore'));
      assert.match(
        run(dir, 'git', ['-C', 'clone', 'log', '--format=%an <%ae> %s']),
        /^Ada Example <ada@example.org> sample 1:2.0~rc1-1 \(amd64\)$/m,
      );

      const name = '1%2.0_rc1-1/amd64';
      assert.equal(run(dir, 'git', ['-C', 'clone', 'rev-parse', `refs/tags/${name}`]).trim(), tag);
      const gpg = { GNUPGHOME: `${dir}/gpg` };
      await mkdir(gpg.GNUPGHOME, { mode: 0o700 });
      await writeFile(`${dir}/key.asc`, key.armored);
      try {
        run(dir, 'gpg', ['--batch', '-q', '--import', 'key.asc'], gpg);
        run(dir, 'git', ['-C', 'clone', 'verify-tag', name], gpg);
        const stranger = { GNUPGHOME: `${dir}/empty` };
        await mkdir(stranger.GNUPGHOME, { mode: 0o700 });
        assert.throws(() => run(dir, 'git', ['-C', 'clone', 'verify-tag', name], stranger));
        run(dir, 'gpgconf', ['--kill', 'all'], stranger);
      } finally {
        run(dir, 'gpgconf', ['--kill', 'all'], gpg);
      }

      run(dir, 'git', ['init', '-q', '--object-format=sha256', 'two']);
      run(dir, 'git', ['--git-dir=two/.git', '--work-tree=clone', 'add', '-A', '--', ':!.git']);
      assert.equal(run(dir, 'git', ['-C', 'two', 'write-tree']).trim(), done.tree);
      const { message } = parseTag(await (await Repository.open(`${dir}/r.git`)).readType(tag, 'tag'));
      assert.equal(
        message,
        `sample 1:2.0~rc1-1 (amd64)\n\nFormat: gtpkg-release 1\nPackage: sample\nVersion: 1:2.0~rc1-1\nArchitecture: amd64\nTree-SHA256: ${done.tree}\n`,
      );
    });
  },
);

test('the same input gives the same commit anywhere; doing it twice changes nothing', async () => {
  await inTemp(async (dir) => {
    const key = await makeKey(dir);
    const bytes = sample('1.0');
    const commits = new Set<string>();
    for (const name of ['one', 'two', 'one']) {
      const done = await withDeb(bytes, (input) => commitRelease(`${dir}/${name}.git`, input));
      assert.equal(done.changed, commits.size === 0 || name === 'two');
      commits.add(done.commit);
    }
    assert.equal(commits.size, 1);
    const first = await signRelease(`${dir}/one.git`, id('1.0'), key.signer);
    const packs = await readdir(`${dir}/one.git/objects/pack`);
    assert.deepEqual(await signRelease(`${dir}/one.git`, id('1.0'), key.signer), {
      tag: first.tag,
      changed: false,
    });
    assert.equal((await withDeb(bytes, (input) => commitRelease(`${dir}/one.git`, input))).changed, false);
    assert.deepEqual(await readdir(`${dir}/one.git/objects/pack`), packs);
  });
});

test(
  'history: releases of an architecture follow each other, dates never run backwards',
  { skip: GIT },
  async () => {
    await inTemp(async (dir) => {
      const repo = `${dir}/r.git`;
      const add = async (version: string, mtime: number): Promise<Oid> =>
        (
          await withDeb(sample(version, version, [{ name: './time', mtime }]), (input) =>
            commitRelease(repo, input),
          )
        ).commit;
      const first = await add('1.0', 1_700_000_000);
      const second = await add('2.0', 1_650_000_000);
      await withDeb(deb({ control: control({ Version: '2.0', Architecture: 'arm64' }), data: [] }), (input) =>
        commitRelease(repo, input),
      );
      assert.equal(
        run(dir, 'git', ['-C', 'r.git', 'log', '--format=%H %at', 'amd64']),
        `${second} 1700000000\n${first} 1700000000\n`,
      );
      assert.equal(run(dir, 'git', ['-C', 'r.git', 'symbolic-ref', 'HEAD']).trim(), 'refs/heads/amd64');
      assert.equal(
        run(dir, 'git', ['-C', 'r.git', 'log', '--format=%s', 'arm64']).trim(),
        'sample 2.0 (arm64)',
      );
      run(dir, 'git', ['-C', 'r.git', 'fsck', '--full', '--strict']);
    });
  },
);

test('a signed version never changes', async () => {
  await inTemp(async (dir) => {
    const repo = `${dir}/r.git`;
    const key = await makeKey(dir);
    const other = await makeKey(dir, 'Somebody Else');
    const { commit } = await withDeb(sample('1.0'), (input) => commitRelease(repo, input));
    const { tag } = await signRelease(repo, id('1.0'), key.signer);
    await assert.rejects(
      withDeb(sample('1.0', 'changed'), (input) => commitRelease(repo, input)),
      { code: 'ALREADY_EXISTS' },
    );
    await assert.rejects(signRelease(repo, id('1.0'), other.signer), { code: 'ALREADY_EXISTS' });
    const repository = await Repository.open(repo);
    assert.equal(await repository.resolveRef('refs/heads/amd64'), commit);
    assert.equal(await repository.resolveRef('refs/tags/1.0/amd64'), tag);
    await withDeb(sample('2.0'), (input) => commitRelease(repo, input));
    assert.equal((await withDeb(sample('1.0'), (input) => commitRelease(repo, input))).commit, commit);
  });
});

test('a version that was built again before it was signed: the newest build is signed', async () => {
  await inTemp(async (dir) => {
    const repo = `${dir}/r.git`;
    const key = await makeKey(dir);
    const build = (body: string) => withDeb(sample('1.0', body), (input) => commitRelease(repo, input));
    await build('first');
    await build('second');
    const third = await build('first');
    assert.ok(third.changed);
    await signRelease(repo, id('1.0'), key.signer);
    assert.equal((await describeRelease(repo, id('1.0'))).commit, third.commit);
  });
});

test('one package a repository', async () => {
  await inTemp(async (dir) => {
    await withDeb(sample('1.0'), (input) => commitRelease(`${dir}/r.git`, input));
    const other = deb({ control: control({ Package: 'other' }), data: [] });
    await assert.rejects(
      withDeb(other, (input) => commitRelease(`${dir}/r.git`, input)),
      { code: 'ALREADY_EXISTS' },
    );
  });
});

test('releases are listed in version order, signed or not, and described', async () => {
  await inTemp(async (dir) => {
    const repo = `${dir}/r.git`;
    const key = await makeKey(dir);
    for (const version of ['10.0', '9.0', '9.0~rc1', '1:0.1'])
      await withDeb(sample(version, version, [{ name: './etc/x', body: 'c' }]), (input) =>
        commitRelease(repo, { ...input, conffiles: ['/etc/x'] }),
      );
    const { tag } = await signRelease(repo, id('9.0'), key.signer);
    const list = await listReleases(repo);
    assert.deepEqual(
      list.map(({ version, tag: signed }) => [version, signed]),
      [
        ['9.0~rc1', undefined],
        ['9.0', tag],
        ['10.0', undefined],
        ['1:0.1', undefined],
      ],
    );
    const described = await describeRelease(repo, id('9.0'));
    assert.equal(described.tag?.claimedSigner, key.fingerprint);
    assert.equal(described.tag?.oid, tag);
    assert.deepEqual(described.conffiles, ['etc/x']);
    assert.equal(described.control.version, '9.0');
    assert.equal((await describeRelease(repo, id('10.0'))).tag, undefined);
    await assert.rejects(describeRelease(repo, id('3.0')), { code: 'RELEASE_NOT_FOUND' });
    await assert.rejects(signRelease(repo, id('3.0'), key.signer), { code: 'RELEASE_NOT_FOUND' });
    await assert.rejects(listReleases(`${dir}/none`), { code: 'RELEASE_NOT_FOUND' });
  });
});

test('fault: damaged contents are not signed', async () => {
  await inTemp(async (dir) => {
    const key = await makeKey(dir);
    await withDeb(sample('1.0', 'x'.repeat(5000)), (input) => commitRelease(`${dir}/r.git`, input));
    const [pack] = (await readdir(`${dir}/r.git/objects/pack`)).filter((name) => name.endsWith('.pack'));
    const path = `${dir}/r.git/objects/pack/${pack ?? ''}`;
    const bytes = readFileSync(path);
    bytes.fill(0x55, bytes.length - 50, bytes.length - 20);
    run(dir, 'chmod', ['u+w', path]);
    await writeFile(path, bytes);
    await assert.rejects(signRelease(`${dir}/r.git`, id('1.0'), key.signer), { code: 'OBJECT_CORRUPT' });
    assert.equal((await (await Repository.open(`${dir}/r.git`)).listRefs('refs/tags/')).size, 0);
  });
});

test('maintainers of all kinds make a commit that git accepts', { skip: GIT }, async () => {
  await inTemp(async (dir) => {
    const names = [
      '',
      'Only Name',
      '<only@mail>',
      'Ünal "Ü" <u@x.org>',
      'A <a@b>, B <c@d>',
      '<<>>',
      'x\ty <a b@c>',
    ];
    for (const [i, Maintainer] of names.entries()) {
      const version = `${i}.0`;
      const text = Buffer.from(control({ Version: version, Maintainer })).toString('latin1');
      await withDeb(deb({ control: text, data: tar([]) }), (input) => commitRelease(`${dir}/r.git`, input));
    }
    run(dir, 'git', ['-C', 'r.git', 'fsck', '--full', '--strict']);
    assert.equal(
      run(dir, 'git', ['-C', 'r.git', 'rev-list', '--count', 'amd64']).trim(),
      String(names.length),
    );
    assert.equal(mangleVersion('0.0'), '0.0');
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pathToBytes, type ManifestEntry } from '../../model/index.js';
import { readDeb, type PackageInput } from '../../package-repo/index.js';
import {
  ar,
  concat,
  control,
  deb,
  inTemp,
  lacks,
  makeDebTree,
  pax,
  run,
  tar,
  withDeb,
  type RawMember,
} from './support.js';

const DPKG = lacks('dpkg-deb');
const NO_XZ = DPKG || lacks('xz');

// Every path that dpkg unpacked, against the manifest; and every manifest entry against the disk.
async function compare(input: PackageInput, root: string): Promise<void> {
  const at = (path: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), pathToBytes(path)]);
  const found = (await readdir(Buffer.from(root), { recursive: false, encoding: 'buffer' })).length;
  assert.ok(found > 0);
  for (const entry of input.entries) {
    const stat = lstatSync(at(entry.path));
    if (entry.type === 'l') {
      assert.equal(readlinkSync(at(entry.path), 'latin1'), entry.link);
      continue;
    }
    assert.equal(stat.mode & 0o7777, entry.mode, entry.path);
    // tar, which unpacks for dpkg-deb -x, leaves directories that hold hard links with the time of now
    if (entry.type !== 'd') assert.equal(Math.floor(stat.mtimeMs / 1000), entry.mtime, entry.path);
    if (entry.type === 'h') assert.equal(stat.ino, lstatSync(at(entry.link ?? '')).ino);
    else assert.ok(entry.type === 'd' ? stat.isDirectory() : stat.isFile());
    if (entry.type !== 'f') continue;
    assert.equal(stat.size, entry.size);
    const digest = createHash('sha256')
      .update(readFileSync(at(entry.path)))
      .digest('hex');
    assert.equal(entry.sha256, digest);
    assert.equal(
      createHash('sha256')
        .update(await concat(input.content(entry)))
        .digest('hex'),
      digest,
    );
    assert.equal(input.digests(entry).sha256, digest);
  }
  const listed = run(root, 'find', ['.', '-mindepth', '1', '-printf', '%P\\0'])
    .split('\0')
    .slice(0, -1)
    .sort();
  assert.deepEqual(
    input.entries.map((entry) => entry.path as string),
    listed,
  );
}

test('real .debs in every compression equal what dpkg-deb unpacks', { skip: NO_XZ }, async (t) => {
  await inTemp(async (dir) => {
    await makeDebTree(`${dir}/tree`);
    for (const kind of ['none', 'gzip', 'xz', 'zstd']) {
      await t.test(kind, async () => {
        const file = `${dir}/${kind}.deb`;
        run(dir, 'dpkg-deb', ['--root-owner-group', `-Z${kind}`, '-b', 'tree', file]);
        run(dir, 'dpkg-deb', ['-x', file, `${dir}/${kind}`]);
        const input = await readDeb(file);
        try {
          await compare(input, `${dir}/${kind}`);
          assert.equal(input.control.version, '1:2.0~rc1-1');
          assert.deepEqual(input.conffiles, ['/etc/sample.conf']);
          assert.deepEqual([...input.scripts.keys()].sort(), ['postinst', 'prerm', 'triggers']);
          assert.equal(input.scripts.get('postinst')?.toString(), '#!/bin/sh\n# postinst\n');
          assert.equal(input.controlBytes.toString(), control());
        } finally {
          await input.close();
        }
      });
    }
  });
});

test(
  'any one changed byte, and any cut, of a .deb is refused or changes nothing that counts',
  { skip: NO_XZ },
  async () => {
    await inTemp(async (dir) => {
      await makeDebTree(`${dir}/tree`);
      for (const kind of ['xz', 'zstd', 'gzip']) {
        run(dir, 'dpkg-deb', ['--root-owner-group', `-Z${kind}`, '-b', 'tree', 'x.deb']);
        const bytes = readFileSync(`${dir}/x.deb`);
        // without the last byte, which may be padding that nobody misses
        for (let at = 3; at < bytes.length - 1; at += Math.ceil(bytes.length / 60)) {
          await writeFile(`${dir}/x.deb`, bytes);
          await truncate(`${dir}/x.deb`, at);
          await assert.rejects(readDeb(`${dir}/x.deb`), { code: 'DEB_MALFORMED' }, `${kind} cut at ${at}`);
        }
        await writeFile(`${dir}/x.deb`, Buffer.concat([bytes, Buffer.alloc(3, 'x')]));
        await assert.rejects(readDeb(`${dir}/x.deb`), { code: 'DEB_MALFORMED' });
      }
    });
  },
);

test('owners, ids, devices and times of the archive survive', async () => {
  const data: RawMember[] = [
    { name: './', type: '5' },
    { name: './a', body: 'x', uid: 1000, uname: 'ada', mtime: 77 },
    { name: './b', body: 'y', uid: 33, uname: 'not a name!' },
    { name: './null', type: '3', device: [1, 3], mode: 0o666 },
    { name: './pipe', type: '6' },
  ];
  await withDeb(deb({ data }), (input) => {
    const by = new Map(input.entries.map((entry) => [entry.path as string, entry]));
    assert.deepEqual(by.get('a')?.owner, { name: 'ada', id: 1000 });
    assert.equal(by.get('a')?.mtime, 77);
    assert.deepEqual(by.get('b')?.owner, { name: '', id: 33 });
    assert.deepEqual([by.get('null')?.type, by.get('null')?.link, by.get('null')?.mode], ['c', '1:3', 0o666]);
    assert.equal(by.get('pipe')?.type, 'p');
  });
});

test('missing directories are made, plain names are taken, repeated equal directories are one', async () => {
  const data: RawMember[] = [
    { name: 'usr/lib/x', body: 'x', mtime: 9 },
    { name: './usr/lib/', type: '5', mode: 0o700, mtime: 3 },
    { name: './usr/lib/', type: '5', mode: 0o700, mtime: 3 },
  ];
  await withDeb(deb({ data }), (input) => {
    assert.deepEqual(
      input.entries.map(({ type, path, mode, mtime }) => [type, path, mode, mtime]),
      [
        ['d', 'usr', 0o755, 9],
        ['d', 'usr/lib', 0o700, 3],
        ['f', 'usr/lib/x', 0o644, 9],
      ],
    );
  });
});

test('hard links: the first name in byte order becomes the file, whatever the archive says', async () => {
  const orders: RawMember[][] = [
    [
      { name: './z', body: 'x' },
      { name: './a', type: '1', link: './z' },
      { name: './m', type: '1', link: './a' },
    ],
    [
      { name: './a', body: 'x' },
      { name: './m', type: '1', link: 'a' },
      { name: './z', type: '1', link: './a' },
    ],
  ];
  const manifests = await Promise.all(
    orders.map((data) =>
      withDeb(deb({ data }), async (input) => {
        assert.equal((await concat(input.content(input.entries[0] as ManifestEntry))).toString(), 'x');
        return input.entries;
      }),
    ),
  );
  assert.deepEqual(manifests[0], manifests[1]);
  assert.deepEqual(
    manifests[0]?.map(({ type, path, link }) => [type, path, link]),
    [
      ['f', 'a', undefined],
      ['h', 'm', 'a'],
      ['h', 'z', 'a'],
    ],
  );
});

test('attack: names and links that leave the package', async (t) => {
  const cases: Record<string, RawMember[]> = {
    'dot-dot': [{ name: '../x', body: 'x' }],
    'dot-dot inside': [{ name: './a/../../x', body: 'x' }],
    'dot-dot that stays inside': [{ name: './a/../x', body: 'x' }],
    'absolute name': [{ name: '/etc/passwd', body: 'x' }],
    'absolute after ./': [{ name: './/etc/passwd', body: 'x' }],
    'absolute by pax': [pax({ path: '/etc/passwd' }), { name: 'a', body: 'x' }],
    'dot-dot by GNU long name': [
      { name: '././@LongLink', type: 'L', body: `${'a/'.repeat(60)}../x\0` },
      { name: 'a', body: 'x' },
    ],
    'empty part': [{ name: './a//b', body: 'x' }],
    'dot part': [{ name: './a/./b', body: 'x' }],
    'a file with a slash behind it': [{ name: './a/', type: '0', body: 'x' }],
    'write through a symlink': [
      { name: './d', type: '2', link: '/etc' },
      { name: './d/passwd', body: 'x' },
    ],
    'write through a symlink that comes later': [
      { name: './d/passwd', body: 'x' },
      { name: './d', type: '2', link: '/etc' },
    ],
    'write below a file': [
      { name: './d', body: 'x' },
      { name: './d/x', body: 'x' },
    ],
    twice: [
      { name: './a', body: 'x' },
      { name: './a', body: 'y' },
    ],
    'twice, spelled differently': [
      { name: './a', body: 'x' },
      { name: 'a', body: 'y' },
    ],
    'file, then directory': [
      { name: './a', body: 'x' },
      { name: './a/', type: '5' },
    ],
    'directory twice, other mode': [
      { name: './a/', type: '5', mode: 0o755 },
      { name: './a/', type: '5', mode: 0o777 },
    ],
    'hard link to nothing': [{ name: './a', type: '1', link: './b' }],
    'hard link to what comes later': [
      { name: './a', type: '1', link: './b' },
      { name: './b', body: 'x' },
    ],
    'hard link outside': [{ name: './a', type: '1', link: '/etc/shadow' }],
    'hard link upwards': [{ name: './a', type: '1', link: '../shadow' }],
    'hard link to a symlink': [
      { name: './b', type: '2', link: '/etc/shadow' },
      { name: './a', type: '1', link: './b' },
    ],
    'hard link to a directory': [
      { name: './b/', type: '5' },
      { name: './a', type: '1', link: './b' },
    ],
    'hard link to itself': [{ name: './a', type: '1', link: './a' }],
    'symlink to nowhere at all': [{ name: './a', type: '2', link: '' }],
    'a root that is a link': [{ name: './', type: '2', link: '/' }],
    'too deep': [
      { name: '././@LongLink', type: 'L', body: `${'a/'.repeat(200)}x\0` },
      { name: 'a', body: 'x' },
    ],
    'a name of 256 bytes': [
      { name: '././@LongLink', type: 'L', body: `${'a'.repeat(256)}\0` },
      { name: 'a', body: 'x' },
    ],
    sparse: [{ name: './a', type: 'S', body: 'x' }],
  };
  for (const [name, data] of Object.entries(cases)) {
    await t.test(name, async () => {
      const code = name === 'a file with a slash behind it' ? 'DEB_MALFORMED' : 'DEB_UNSAFE';
      await assert.rejects(
        withDeb(deb({ data }), () => undefined),
        { code },
      );
    });
  }
  await t.test('size bomb: a size far beyond the bytes that come', async () => {
    await assert.rejects(
      withDeb(deb({ data: [{ name: './a', body: 'x', size: 8 ** 11 - 1 }] }), () => undefined),
      { code: 'DEB_MALFORMED' },
    );
  });
});

test('attack: control.tar', async (t) => {
  const bad: [string, string, RawMember[]][] = [
    ['a symlink as script', 'DEB_UNSAFE', [{ name: './postinst', type: '2', link: '/bin/sh' }]],
    ['dot-dot', 'DEB_UNSAFE', [{ name: '../postinst', body: 'x' }]],
    [
      'a script twice',
      'DEB_UNSAFE',
      [
        { name: './postinst', body: 'x' },
        { name: 'postinst', body: 'y' },
      ],
    ],
    ['a directory below', 'DEB_UNSAFE', [{ name: './a/', type: '5' }]],
    ['a conffile that is not there', 'DEB_MALFORMED', [{ name: './conffiles', body: '/etc/other\n' }]],
    ['a relative conffile', 'DEB_MALFORMED', [{ name: './conffiles', body: 'etc/a\n' }]],
    ['a conffile outside', 'DEB_MALFORMED', [{ name: './conffiles', body: '/../a\n' }]],
    ['a conffile twice', 'DEB_MALFORMED', [{ name: './conffiles', body: '/etc/a\n/etc/a\n' }]],
    [
      'one that is gone and there',
      'DEB_MALFORMED',
      [{ name: './conffiles', body: 'remove-on-upgrade /etc/a\n' }],
    ],
    [
      'a conffile with a flag that nobody knows',
      'DEB_MALFORMED',
      [{ name: './conffiles', body: 'keep /etc/a\n' }],
    ],
    ['a directory as conffile', 'DEB_MALFORMED', [{ name: './conffiles', body: '/etc\n' }]],
  ];
  const data: RawMember[] = [{ name: './etc/a', body: 'x' }];
  for (const [name, code, info] of bad)
    await t.test(name, () =>
      assert.rejects(
        withDeb(deb({ info, data }), () => undefined),
        { code },
      ),
    );
  await withDeb(
    deb({
      info: [
        { name: './conffiles', body: '/etc/a  \n\nremove-on-upgrade \t/etc/old\n' },
        { name: './md5sums', body: '' },
        { name: './odd', body: '' },
      ],
      data,
    }),
    (input) => {
      assert.deepEqual(input.conffiles, ['/etc/a', 'remove-on-upgrade /etc/old']);
      assert.deepEqual(input.ignored, ['odd']);
    },
  );
  for (const text of [
    'Package: x\n',
    control({ Package: 'Bad Name' }),
    control({ Version: 'x' }),
    'nonsense',
    '',
    `${control()}\n${control()}`,
    'Package: \xff\xff\n',
  ]) {
    await assert.rejects(
      withDeb(deb({ control: text, data }), () => undefined),
      (error: { code: string }) => /^(CONTROL_MALFORMED|BAD_NAME|BAD_VERSION)$/.test(error.code),
      text,
    );
  }
});

test('attack: archives that are no .deb', async (t) => {
  const good: [string, Buffer][] = [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar', tar([{ name: './control', body: control() }])],
    ['data.tar', tar([{ name: './a', body: 'x' }])],
  ];
  const [first, second, third] = good as [[string, Buffer], [string, Buffer], [string, Buffer]];
  const cases: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    'not ar': Buffer.from('nonsense'),
    'no members': ar([]),
    'no data': ar([first, second]),
    'wrong order': ar([first, third, second]),
    'no debian-binary': ar([second, third]),
    'format 3': ar([['debian-binary', Buffer.from('3.0\n')], second, third]),
    'a member behind': ar([...good, ['more', Buffer.from('x')]]),
    'a second data.tar': ar([...good, third]),
    bzip2: ar([first, second, ['data.tar.bz2', Buffer.from('BZh')]]),
    'gzip that is none': ar([first, second, ['data.tar.gz', third[1]]]),
    'xz that is none': ar([first, second, ['data.tar.xz', third[1]]]),
    'zstd that is none': ar([first, second, ['data.tar.zst', third[1]]]),
    'bytes behind the gzip': ar([
      first,
      second,
      ['data.tar.gz', Buffer.concat([gzipSync(third[1]), Buffer.from('xx')])],
    ]),
    'no control': ar([first, ['control.tar', tar([{ name: './x', body: 'x' }])], third]),
    'a byte that is no padding': Buffer.concat([
      ar([first, ['control.tar', Buffer.concat([second[1], Buffer.alloc(1)])]]).subarray(0, -1),
      Buffer.from('x'),
      ar([third]).subarray(8),
    ]),
    'bytes behind the last member': Buffer.concat([ar(good), Buffer.from('trailing garbage')]),
    'a member header of nonsense': Buffer.concat([ar(good), Buffer.alloc(60, 'x')]),
  };
  for (const [name, bytes] of Object.entries(cases))
    await t.test(name, () =>
      assert.rejects(
        withDeb(bytes, () => undefined),
        { code: 'DEB_MALFORMED' },
      ),
    );
  await withDeb(
    ar([first, ['_gpgorigin', Buffer.from('odd')], second, third, ['_more', Buffer.from('x')]]),
    (input) => assert.equal(input.entries.length, 1),
  );
  await withDeb(
    ar([
      ['debian-binary/', first[1]],
      ['control.tar/', second[1]],
      ['data.tar.gz/', gzipSync(third[1])],
    ]),
    (input) => assert.equal(input.entries.length, 1),
  );
});

test('attack: bytes behind an .xz stream, a second stream', { skip: NO_XZ }, async () => {
  await inTemp(async (dir) => {
    const member = async (name: string, bytes: Buffer): Promise<Buffer> => {
      await writeFile(`${dir}/${name}`, bytes);
      run(dir, 'xz', ['-k', '-f', name]);
      return readFileSync(`${dir}/${name}.xz`);
    };
    const data = await member('data', tar([{ name: './a', body: 'x' }]));
    const info = await member('info', tar([{ name: './control', body: control() }]));
    const make = (bytes: Buffer): Buffer =>
      ar([
        ['debian-binary', Buffer.from('2.0\n')],
        ['control.tar.xz', info],
        ['data.tar.xz', bytes],
      ]);
    await withDeb(make(data), (input) => assert.equal(input.entries.length, 1));
    for (const tail of [
      Buffer.alloc(4),
      Buffer.from('x'),
      data,
      Buffer.concat([Buffer.alloc(8), data.subarray(-12)]),
    ]) {
      await assert.rejects(
        withDeb(make(Buffer.concat([data, tail])), () => undefined),
        { code: 'DEB_MALFORMED' },
      );
    }
    for (let at = 6; at < data.length; at += 5) {
      const bad = Buffer.from(data);
      bad[at] = (bad[at] ?? 0) ^ 4;
      await assert.rejects(
        withDeb(make(bad), () => undefined),
        (error: { code: string }) => /^(DEB_MALFORMED|DEB_UNSAFE)$/.test(error.code),
        `byte ${at}`,
      );
    }
  });
});

test(
  'two .debs at once, and a refused one in between, do not wait for each other for ever',
  { skip: NO_XZ },
  async () => {
    await inTemp(async (dir) => {
      await makeDebTree(`${dir}/tree`);
      run(dir, 'dpkg-deb', ['--root-owner-group', '-Zxz', '-b', 'tree', 'x.deb']);
      const bytes = readFileSync(`${dir}/x.deb`);
      const bad = Buffer.from(bytes);
      bad.fill(0xff, bytes.length - 600, bytes.length - 300);
      await writeFile(`${dir}/bad.deb`, bad);
      const results = await Promise.allSettled(
        ['x', 'bad', 'x', 'x'].map((name) => readDeb(`${dir}/${name}.deb`)),
      );
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      );
      for (const result of results) if (result.status === 'fulfilled') await result.value.close();
    });
  },
);

test('nothing is left in the temporary directory, whether reading succeeds or fails', async () => {
  const count = async (): Promise<number> =>
    (await readdir(tmpdir())).filter((name) => /^gtpkg-(?!test)/.test(name)).length;
  const before = process.env['TMPDIR'];
  await inTemp(async (dir) => {
    await mkdir(`${dir}/tmp`);
    process.env['TMPDIR'] = `${dir}/tmp`;
    try {
      await withDeb(deb({ data: [{ name: './a', body: 'x' }] }), () => undefined);
      await assert.rejects(withDeb(deb({ data: [{ name: '../a', body: 'x' }] }), () => undefined));
      assert.equal(await count(), 0);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });
  await assert.rejects(readDeb('/nonexistent/x.deb'), { code: 'FILE_NOT_FOUND' });
});

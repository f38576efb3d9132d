import assert from 'node:assert/strict';
import { lchown } from 'node:fs';
import { chmod, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { ManifestEntry } from '../../model/index.js';
import { commitRelease, readDeb, readDirectory } from '../../package-repo/index.js';
import { concat, control, inTemp, lacks, makeDebTree, makeTree, run } from './support.js';

async function makeSource(dir: string): Promise<void> {
  await mkdir(`${dir}/data`, { recursive: true });
  await makeTree(`${dir}/data`);
  await writeFile(`${dir}/control`, control());
  await writeFile(`${dir}/conffiles`, '/etc/sample.conf\n');
  await mkdir(`${dir}/scripts`);
  await writeFile(`${dir}/scripts/postinst`, '#!/bin/sh\n# postinst\n');
  await writeFile(`${dir}/.hidden`, 'not looked at');
}

test('modes, links, empty directories and odd names are kept; owners are root', async () => {
  await inTemp(async (dir) => {
    await makeSource(dir);
    if (process.getuid?.() === 0) await promisify(lchown)(`${dir}/data/usr/bin/tool`, 1234, 1234);
    const input = await readDirectory(dir);
    const by = new Map(input.entries.map((entry) => [entry.path as string, entry]));
    assert.equal(by.get('usr/bin/sudo')?.mode, 0o4755);
    assert.equal(by.get('sticky')?.mode, 0o1777);
    assert.equal(by.get('usr/share/empty')?.mode, 0o2750);
    assert.equal(by.get('usr/bin/a-tool')?.type, 'f');
    assert.deepEqual([by.get('usr/bin/tool')?.type, by.get('usr/bin/tool')?.link], ['h', 'usr/bin/a-tool']);
    assert.deepEqual(by.get('usr/bin/tool')?.owner, { name: 'root', id: 0 });
    assert.equal(by.get('usr/share/dangling')?.link, '/nowhere/caf\xe9 \\x');
    assert.ok(by.has('usr/share/caf\xe9') && by.has('lib/systemd/system-systemd\\x2dcryptsetup.slice'));
    assert.equal(
      (await concat(input.content(by.get('usr/bin/a-tool') as ManifestEntry))).toString(),
      '#!/bin/sh\n',
    );
    assert.deepEqual(input.conffiles, ['/etc/sample.conf']);
    assert.deepEqual([...input.scripts.keys()], ['postinst']);
    const kept = await readDirectory(dir, { keepOwners: true });
    const owner = kept.entries.find((entry) => entry.path === 'usr/bin/tool')?.owner.id;
    assert.equal(owner, process.getuid?.() === 0 ? 1234 : process.getuid?.());
  });
});

test('times are clamped to SOURCE_DATE_EPOCH, so a rebuild is the same release', async () => {
  await inTemp(async (dir) => {
    const commits: string[] = [];
    const before = process.env['SOURCE_DATE_EPOCH'];
    try {
      process.env['SOURCE_DATE_EPOCH'] = '1500000013';
      for (const name of ['one', 'two']) {
        await makeSource(`${dir}/${name}`);
        await utimes(`${dir}/${name}/data/etc`, 1_900_000_000 + name.length, 1_900_000_000 + commits.length);
        const input = await readDirectory(`${dir}/${name}`);
        assert.ok(input.entries.every(({ mtime }) => mtime <= 1_500_000_013));
        assert.ok(input.entries.some(({ mtime }) => mtime === 1_500_000_012));
        commits.push((await commitRelease(`${dir}/${name}.git`, input)).commit);
      }
      process.env['SOURCE_DATE_EPOCH'] = 'yesterday';
      await assert.rejects(readDirectory(`${dir}/one`), { code: 'USAGE' });
    } finally {
      if (before === undefined) delete process.env['SOURCE_DATE_EPOCH'];
      else process.env['SOURCE_DATE_EPOCH'] = before;
    }
    assert.equal(commits[0], commits[1]);
  });
});

test(
  'the same files as .deb and as directory give the same payload',
  { skip: lacks('dpkg-deb') },
  async () => {
    await inTemp(async (dir) => {
      await makeDebTree(`${dir}/tree`);
      run(dir, 'dpkg-deb', ['--root-owner-group', '-Zgzip', '-b', 'tree', 'x.deb']);
      await rm(`${dir}/tree/DEBIAN`, { recursive: true });
      await mkdir(`${dir}/source`);
      await writeFile(`${dir}/source/control`, control());
      run(dir, 'mv', ['tree', 'source/data']);
      const imported = await readDeb(`${dir}/x.deb`);
      const built = await readDirectory(`${dir}/source`);
      const plain = (entry: ManifestEntry): unknown => ({
        ...entry,
        mtime: entry.type === 'd' ? 0 : entry.mtime,
      });
      assert.deepEqual(built.entries.map(plain), imported.entries.map(plain));
      await imported.close();
    });
  },
);

test('the installed size is stated where the maintainer did not', async () => {
  await inTemp(async (dir) => {
    await mkdir(`${dir}/data/d`, { recursive: true });
    await writeFile(`${dir}/data/d/f`, Buffer.alloc(1025));
    await writeFile(`${dir}/control`, control());
    const made = await readDirectory(dir);
    assert.equal(made.control.installedSize, 3);
    assert.equal(made.controlBytes.toString(), `${control()}Installed-Size: 3\n`);
    await writeFile(`${dir}/control`, `Installed-Size: 77\n${control()}`);
    assert.equal((await readDirectory(dir)).control.installedSize, 77);
  });
});

test('a package without files is a package', async () => {
  await inTemp(async (dir) => {
    await writeFile(`${dir}/control`, control({ Package: 'meta' }));
    assert.deepEqual((await readDirectory(dir)).entries, []);
    await mkdir(`${dir}/data`);
    assert.deepEqual((await readDirectory(dir)).entries, []);
  });
});

test('what is wrong with a directory is said', async (t) => {
  const refuse = (name: string, code: string, spoil: (dir: string) => Promise<unknown>): Promise<void> =>
    t.test(name, () =>
      inTemp(async (dir) => {
        await makeSource(dir);
        await spoil(dir);
        await assert.rejects(readDirectory(dir), { code });
      }),
    );
  await refuse('no control', 'SOURCE_DIR_MALFORMED', (dir) => rm(`${dir}/control`));
  await refuse('control of nonsense', 'CONTROL_MALFORMED', (dir) => writeFile(`${dir}/control`, 'nonsense'));
  await refuse('a control that is a link', 'SOURCE_DIR_MALFORMED', async (dir) => {
    await rm(`${dir}/control`);
    await symlink('/etc/passwd', `${dir}/control`);
  });
  await refuse('something that does not belong', 'SOURCE_DIR_MALFORMED', (dir) =>
    writeFile(`${dir}/conffile`, ''),
  );
  await refuse('a script of another name', 'SOURCE_DIR_MALFORMED', (dir) =>
    writeFile(`${dir}/scripts/install`, ''),
  );
  await refuse('a conffile that is not there', 'SOURCE_DIR_MALFORMED', (dir) =>
    writeFile(`${dir}/conffiles`, '/etc/no\n'),
  );
  await refuse('data is a file', 'IO_ERROR', async (dir) => {
    await rm(`${dir}/data`, { recursive: true });
    await writeFile(`${dir}/data`, '');
  });
  await assert.rejects(readDirectory('/nonexistent'), { code: 'FILE_NOT_FOUND' });
});

test('a socket is refused, a fifo is kept', { skip: lacks('mkfifo') }, async () => {
  await inTemp(async (dir) => {
    await makeSource(dir);
    run(dir, 'mkfifo', ['data/pipe']);
    assert.equal((await readDirectory(dir)).entries.find(({ path }) => path === 'pipe')?.type, 'p');
    const server = createServer().listen(`${dir}/data/s`);
    await new Promise((resolve) => server.once('listening', resolve));
    await assert.rejects(readDirectory(dir), { code: 'SOURCE_DIR_MALFORMED' });
    await new Promise((resolve) => server.close(resolve));
  });
});

test('a file that changes after it was read never becomes part of a release', async () => {
  await inTemp(async (dir) => {
    await makeSource(dir);
    const input = await readDirectory(dir);
    await chmod(`${dir}/data/etc/sample.conf`, 0o644);
    await writeFile(`${dir}/data/etc/sample.conf`, 'key = OTHER\n');
    await assert.rejects(commitRelease(`${dir}/r.git`, input), { code: 'OBJECT_CORRUPT' });
  });
});

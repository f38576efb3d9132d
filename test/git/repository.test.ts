import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import {
  checkRefName,
  encodeCommit,
  encodeTag,
  encodeTree,
  hashObject,
  Repository,
  type WriteItem,
} from '../../git/index.js';
import type { Oid } from '../../model/index.js';
import { concat, git, inTemp, lacks } from './support.js';

const WHO = { name: 'A B', email: 'a@b', time: 5 };
const blob = (body: Uint8Array): WriteItem => ({ type: 'blob', size: body.length, content: () => body });

// 192 MiB without holding them: the same bytes at each call.
const LARGE = 192 << 20;
async function* large(): AsyncGenerator<Buffer> {
  const block = createHash('sha512').update('gtpkg').digest();
  for (let i = 0; i < 192; i++) yield Buffer.alloc(1 << 20, Buffer.concat([Buffer.from([i]), block]));
}

// One commit, one tag, an odd name, a large blob.
async function sample(
  dir: string,
): Promise<{ repository: Repository; ids: Oid[]; commit: Oid; tag: Oid; body: Buffer }> {
  const repository = await Repository.init(dir, { head: 'refs/heads/amd64' });
  const body = randomBytes(3 << 20);
  const ids = await repository.writeObjects([
    blob(Buffer.from('hello')),
    blob(body),
    blob(Buffer.alloc(0)),
    blob(Buffer.from('hello')),
  ]);
  const [first, second, third] = ids as [Oid, Oid, Oid];
  const inner = encodeTree([{ mode: '100755', name: 'a', oid: second }]);
  const tree = encodeTree([
    { mode: '100644', name: 'a', oid: first },
    { mode: '40000', name: 'a0', oid: hashObject('tree', inner) },
    { mode: '100644', name: 'a.%5C', oid: third },
  ]);
  const commitBody = encodeCommit({
    tree: hashObject('tree', tree),
    parents: [],
    author: WHO,
    committer: WHO,
    message: 'one\n',
  });
  const commit = hashObject('commit', commitBody);
  const tagBody = encodeTag({
    object: commit,
    type: 'commit',
    tag: '1/amd64',
    tagger: WHO,
    message: 'one\n',
  });
  await repository.importPack([
    { type: 'tree', body: inner },
    { type: 'tree', body: tree },
    { type: 'commit', body: commitBody },
    { type: 'tag', body: tagBody },
  ]);
  const tag = hashObject('tag', tagBody);
  await repository.writeRef('refs/heads/amd64', commit, null);
  await repository.writeRef('refs/tags/1/amd64', tag);
  return { repository, ids, commit, tag, body };
}

test(
  'plain git accepts, clones and repacks what we write, and we read it afterwards',
  { skip: lacks('git') },
  async () => {
    await inTemp(async (dir) => {
      const { repository, ids, commit, tag, body } = await sample(`${dir}/r.git`);
      assert.equal(ids[0], ids[3]);
      git(dir, '-C', 'r.git', 'fsck', '--full', '--strict');
      git(dir, 'clone', '-q', 'r.git', 'clone');
      assert.deepEqual(await readFile(`${dir}/clone/a0/a`), body);
      const check = async (): Promise<void> => {
        assert.deepEqual((await repository.read(ids[1] as Oid)).body, body);
        assert.equal((await repository.read(commit)).type, 'commit');
        assert.equal(await repository.resolveRef('HEAD'), commit);
        assert.deepEqual(
          [...(await repository.listRefs('refs/'))],
          [
            ['refs/heads/amd64', commit],
            ['refs/tags/1/amd64', tag],
          ],
        );
      };
      await check();
      git(dir, '-C', 'r.git', 'gc', '-q');
      await check();
      assert.deepEqual([...(await repository.listRefs('refs/tags/1/'))], [['refs/tags/1/amd64', tag]]);
      await repository.deleteRef('refs/tags/1/amd64');
      assert.equal((await repository.listRefs('refs/tags/')).size, 0);
      assert.equal(git(dir, '-C', 'r.git', 'for-each-ref', 'refs/tags'), '');
    });
  },
);

test('objects that plain git wrote: loose, and deltas of both kinds', { skip: lacks('git') }, async () => {
  await inTemp(async (dir) => {
    git(dir, 'init', '-q', '.');
    const base = randomBytes(40_000).toString('hex');
    for (const n of [1, 2, 3, 4]) await writeFile(`${dir}/f${n}`, `${base}${n}${base.slice(0, n * 100)}`);
    await writeFile(`${dir}/large`, Buffer.alloc(3 << 20, 'x'));
    git(dir, 'add', '.');
    const names = git(dir, 'ls-files', '-s')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s/)[1] as Oid);
    const repository = await Repository.open(`${dir}/.git`);
    const check = async (): Promise<void> => {
      for (const oid of names) assert.equal(hashObject('blob', (await repository.read(oid)).body), oid);
    };
    await check();
    git(dir, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'x');
    for (const offsets of ['true', 'false']) {
      git(dir, '-c', `repack.useDeltaBaseOffset=${offsets}`, 'repack', '-q', '-a', '-d', '-f');
      assert.match(
        git(
          dir,
          'verify-pack',
          '-v',
          ...(await readdir(`${dir}/.git/objects/pack`))
            .filter((x) => x.endsWith('.idx'))
            .map((x) => `.git/objects/pack/${x}`),
        ),
        /chain length = \d/,
      );
      await check();
    }
  });
});

test('a large blob goes in and out without being held in memory', async () => {
  await inTemp(async (dir) => {
    const repository = await Repository.init(dir);
    const before = process.resourceUsage().maxRSS;
    const [oid] = (await repository.writeObjects([{ type: 'blob', size: LARGE, content: large }])) as [Oid];
    const hash = createHash('sha256');
    for await (const chunk of (await repository.stream(oid)).content()) hash.update(chunk);
    const expected = createHash('sha256');
    for await (const chunk of large()) expected.update(chunk);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
    assert.ok(process.resourceUsage().maxRSS - before < 128 * 1024, 'grew by less than 128 MiB');
  });
});

test('writing what is there writes nothing', async () => {
  await inTemp(async (dir) => {
    const { repository, ids } = await sample(dir);
    const before = await readdir(`${dir}/objects/pack`);
    assert.deepEqual(await repository.writeObjects([blob(Buffer.from('hello'))]), [ids[0]]);
    assert.deepEqual(await readdir(`${dir}/objects/pack`), before);
    assert.equal(await repository.has('f'.repeat(40) as Oid), false);
    const other = await Repository.init(dir);
    assert.ok(await other.has(ids[1] as Oid));
  });
});

test('contents that change while they are written leave nothing behind', async () => {
  await inTemp(async (dir) => {
    const repository = await Repository.init(dir);
    let pass = 0;
    const fickle = {
      type: 'blob' as const,
      size: 4,
      content: async function* () {
        yield Buffer.from(pass++ === 0 ? 'aaaa' : 'bbbb');
      },
    };
    await assert.rejects(repository.writeObjects([fickle]), { code: 'OBJECT_CORRUPT' });
    await assert.rejects(
      repository.writeObjects([{ ...blob(Buffer.from('x')), oid: 'a'.repeat(40) as Oid }]),
      { code: 'OBJECT_CORRUPT' },
    );
    assert.deepEqual(await readdir(`${dir}/objects/pack`), []);
  });
});

test('fault: a damaged pack, and an object whose bytes are not its oid', async () => {
  await inTemp(async (dir) => {
    const { repository, ids } = await sample(dir);
    const loose = `${dir}/objects/aa`;
    await writeFile(`${dir}/objects/info/x`, '');
    await mkdir(loose);
    await writeFile(`${loose}/${'a'.repeat(38)}`, deflateSync('blob 5\0hello'));
    await writeFile(`${loose}/${'b'.repeat(38)}`, deflateSync('blob 6\0hello'));
    await writeFile(`${loose}/${'c'.repeat(38)}`, 'nonsense');
    for (const tail of ['a', 'b', 'c']) {
      const oid = `aa${tail.repeat(38)}` as Oid;
      await assert.rejects(repository.read(oid), { code: 'OBJECT_CORRUPT' });
      await assert.rejects(async () => concat((await repository.stream(oid)).content()), {
        code: 'OBJECT_CORRUPT',
      });
    }
    for (const name of (await readdir(`${dir}/objects/pack`)).filter((x) => x.endsWith('.pack'))) {
      const path = `${dir}/objects/pack/${name}`;
      const bytes = await readFile(path);
      for (let at = 20; at < bytes.length - 20; at += 9) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      await chmod(path, 0o644);
      await writeFile(path, bytes);
    }
    for (const oid of ids)
      await assert.rejects(
        repository.read(oid),
        (error: { code: string }) => error.code === 'OBJECT_CORRUPT',
      );
    await assert.rejects(async () => concat((await repository.stream(ids[1] as Oid)).content()), {
      code: 'OBJECT_CORRUPT',
    });
    await assert.rejects(
      repository.read('f'.repeat(40) as Oid),
      (error: { code: string; data: unknown }) =>
        error.code === 'OBJECT_CORRUPT' && (error.data as { missing: boolean }).missing,
    );
  });
});

test('refs: names, expectations, locks, what stands in the way', async () => {
  await inTemp(async (dir) => {
    const { repository, commit, tag } = await sample(dir);
    await assert.rejects(repository.writeRef('refs/heads/amd64', tag, tag), { code: 'HOME_BUSY' });
    await assert.rejects(repository.writeRef('refs/heads/amd64', tag, null), { code: 'HOME_BUSY' });
    assert.equal(await repository.resolveRef('refs/heads/amd64'), commit);
    await repository.writeRef('refs/heads/amd64', tag, commit);
    await writeFile(`${dir}/refs/heads/x.lock`, '');
    await assert.rejects(repository.writeRef('refs/heads/x', tag), { code: 'HOME_BUSY' });
    await assert.rejects(repository.writeRef('refs/tags/1', tag), { code: 'ALREADY_EXISTS' });
    await assert.rejects(repository.writeRef('refs/tags/1/amd64/x', tag), (error: { code: string }) =>
      ['ALREADY_EXISTS', 'HOME_BUSY'].includes(error.code),
    );
    await repository.deleteRef('refs/heads/none');
    assert.equal(await repository.resolveRef('refs/heads/none'), undefined);
    await writeFile(`${dir}/refs/heads/bad`, 'nonsense\n');
    await assert.rejects(repository.resolveRef('refs/heads/bad'), { code: 'OBJECT_CORRUPT' });
    await assert.rejects(Repository.open(`${dir}/refs`), { code: 'FILE_NOT_FOUND' });
    for (const bad of [
      'refs',
      'refs/',
      'x/y',
      'refs/a..b',
      'refs/.a',
      'refs/a.lock',
      'refs/a b',
      'refs/a\\b',
      '../x',
      'refs/../x',
      'refs//a',
      '/refs/a',
    ]) {
      assert.throws(() => checkRefName(bad), { code: 'BAD_NAME' }, bad);
    }
  });
});

test('shallow: plain git accepts a history whose parents are absent', { skip: lacks('git') }, async () => {
  await inTemp(async (dir) => {
    const repository = await Repository.init(`${dir}/r.git`);
    const tree = encodeTree([]);
    const body = encodeCommit({
      tree: hashObject('tree', tree),
      parents: ['a'.repeat(40) as Oid],
      author: WHO,
      committer: WHO,
      message: 'x\n',
    });
    const [, commit] = (await repository.importPack([
      { type: 'tree', body: tree },
      { type: 'commit', body },
    ])) as [Oid, Oid];
    await repository.writeRef('refs/heads/main', commit);
    assert.throws(() => git(dir, '-C', 'r.git', 'fsck', '--full', '--strict'));
    await repository.setShallow([commit]);
    git(dir, '-C', 'r.git', 'fsck', '--full', '--strict');
    await repository.setShallow([]);
    await repository.setShallow([]);
    assert.throws(() => git(dir, '-C', 'r.git', 'fsck', '--full', '--strict'));
  });
});

test('any batch of blobs is found again, in this process and by git', { skip: lacks('git') }, async () => {
  await inTemp(async (dir) => {
    const repository = await Repository.init(dir);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), async (bodies) => {
        const ids = await repository.writeObjects(bodies.map(blob));
        for (const [i, oid] of ids.entries())
          assert.deepEqual((await repository.read(oid)).body, Buffer.from(bodies[i] ?? []));
      }),
      { numRuns: 20 },
    );
    git(dir, 'fsck', '--full', '--strict');
  });
});

/**
 * The publisher's side on disk, with plain git and gpg as judges.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { GtpkgError, type Oid } from '../../model/index.js';
import { Repository } from '../../git/repository.js';
import {
  changeIndex,
  copyIndex,
  createIndex,
  entriesOf,
  forkIndex,
  indexLog,
  listEntries,
  readIndexKey,
  showIndex,
  type IndexChange,
} from '../../index-repo/index.js';
import { git, inTemp, lacks } from '../git/support.js';
import { Gpg, noGit } from '../trust/support.js';
import { coreKey, makeEntry, makeSigner, introduce, type TestSigner } from './support.js';

let ada: TestSigner;
let bob: TestSigner;
let eve: TestSigner;

before(async () => {
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => makeSigner(name)))) as [
    TestSigner,
    TestSigner,
    TestSigner,
  ];
});

const now = () => new Date();
const add = (
  name: string,
  version: string,
  options?: { fields?: Record<string, string>; content?: string },
): IndexChange => ({
  kind: 'add',
  suite: 'stable',
  entry: makeEntry(name, version, ada.fingerprint, options),
});
const change = (dir: string, changes: IndexChange[], more: object = {}) =>
  changeIndex(dir, { changes, signers: [ada], now: now(), ...more });
const create = (dir: string, more: object = {}) =>
  createIndex(dir, {
    name: 'test',
    suites: ['stable', 'next'],
    architectures: ['amd64'],
    roots: [ada],
    indexCore: coreKey('log'),
    now: now(),
    ...more,
  });

async function list(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { suite, entry } of listEntries(dir))
    found.push(`${suite} ${entry.pin.name} ${entry.pin.version} ${entry.pin.architecture}`);
  return found.sort();
}

/** Everything in the repository that can change, for "nothing was written". */
function photo(dir: string): string[] {
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${path} ${readFileSync(path).toString('base64')}`)
    .sort();
}

async function refused(dir: string, code: string, work: () => Promise<unknown>): Promise<GtpkgError> {
  const before = photo(dir);
  let error: unknown;
  try {
    await work();
    assert.fail(`accepted, ${code} expected`);
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof GtpkgError)) throw error;
  assert.equal(error.code, code, error.message);
  assert.deepEqual(photo(dir), before, 'something was written');
  return error;
}

describe('an index on disk', () => {
  test('is created once, with its introduction', () =>
    inTemp(async (dir) => {
      const made = await create(join(dir, 'i'), { validForDays: 7 });
      assert.deepEqual([made.sequence, made.parent, made.changed], [1, undefined, true]);
      const info = await showIndex(join(dir, 'i'));
      assert.deepEqual(info.introduction, introduce([ada.fingerprint]));
      assert.equal(info.distribution.validUntil.getTime() - info.distribution.date.getTime(), 7 * 86_400_000);
      assert.deepEqual(info.keys, [ada.fingerprint]);
      await refused(join(dir, 'i'), 'ALREADY_EXISTS', () => create(join(dir, 'i')));
      for (const bad of [{ name: '../x' }, { name: '' }, { suites: ['a/b'] }])
        await assert.rejects(create(join(dir, 'j'), bad), { code: 'BAD_NAME' });
      for (const bad of [{ suites: [] }, { threshold: 2 }, { threshold: 0 }, { validForDays: 0 }])
        await assert.rejects(create(join(dir, 'j'), bad), { code: 'USAGE' });
      await assert.rejects(changeIndex(join(dir, 'nowhere'), { changes: [], signers: [ada], now: now() }), {
        code: 'INDEX_NOT_FOUND',
      });
    }));

  test('adding twice changes nothing', () =>
    inTemp(async (dir) => {
      await create(dir);
      const first = await change(dir, [add('hello', '1'), add('bye', '2')]);
      assert.deepEqual([first.sequence, first.changed], [2, true]);
      assert.deepEqual(first.lines, ['add hello 1 (amd64) to stable', 'add bye 2 (amd64) to stable']);
      const before = photo(dir);
      const again = await change(dir, [
        add('hello', '1'),
        add('bye', '2'),
        { kind: 'key', publicKey: ada.publicKey },
      ]);
      assert.deepEqual([again.commit, again.sequence, again.changed], [first.commit, 2, false]);
      assert.deepEqual(photo(dir), before);
      assert.deepEqual(await list(dir), ['stable bye 2 amd64', 'stable hello 1 amd64']);
      const renewed = await change(dir, [], { refresh: true });
      assert.deepEqual([renewed.sequence, renewed.changed, renewed.parent], [3, true, first.commit]);
    }));

  test('a published version never changes, but may be signed anew', () =>
    inTemp(async (dir) => {
      await create(dir);
      await change(dir, [add('hello', '1')]);
      await refused(dir, 'ALREADY_EXISTS', () =>
        change(dir, [add('fine', '1'), add('hello', '1', { content: 'evil' })]),
      );
      await refused(dir, 'ALREADY_EXISTS', () => change(dir, [add('hello', '0:1', { content: 'evil' })]));
      const { pin, control } = makeEntry('hello', '1', ada.fingerprint);
      const { entryFrom } = await import('../../index-repo/index.js');
      const entry = entryFrom(control, { ...pin, tag: 'f'.repeat(40) as Oid });
      assert.deepEqual((await change(dir, [{ kind: 'add', suite: 'stable', entry }])).lines, [
        're-sign hello 1 (amd64) in stable',
      ]);
      assert.equal((await entriesOf(dir, 'stable', 'hello'))[0]?.pin.tag, 'f'.repeat(40));
    }));

  test('the newest two versions stay, unless asked otherwise', () =>
    inTemp(async (dir) => {
      await create(dir);
      for (const version of ['1', '2~rc1', '2', '1:0.1']) await change(dir, [add('hello', version)]);
      assert.deepEqual(await list(dir), ['stable hello 1:0.1 amd64', 'stable hello 2 amd64']);
      await refused(dir, 'ALREADY_EXISTS', () => change(dir, [add('hello', '3')]));
      const older = await change(dir, [add('hello', '3')], { allowOlder: true, keepVersions: 1 });
      assert.ok(older.changed);
      // what this change brings stays, the newest is kept
      assert.deepEqual(await list(dir), ['stable hello 1:0.1 amd64', 'stable hello 3 amd64']);
      await change(dir, [
        add('other', '1', { fields: { Architecture: 'all' } }),
        add('other', '1', { fields: { Architecture: 'arm64' } }),
      ]);
      assert.deepEqual((await showIndex(dir)).distribution.architectures, ['amd64', 'arm64']);
    }));

  test('removal, by name, version and architecture', () =>
    inTemp(async (dir) => {
      await create(dir);
      await change(dir, [
        add('a1', '1'),
        add('a1', '2'),
        add('b1', '1'),
        add('b1', '1', { fields: { Architecture: 'all' } }),
      ]);
      await refused(dir, 'PACKAGE_NOT_FOUND', () =>
        change(dir, [{ kind: 'remove', suite: 'stable', name: 'c1' }]),
      );
      await refused(dir, 'VERSION_NOT_FOUND', () =>
        change(dir, [{ kind: 'remove', suite: 'stable', name: 'a1', version: '9' }]),
      );
      await refused(dir, 'PACKAGE_NOT_FOUND', () =>
        change(dir, [{ kind: 'remove', suite: 'next', name: 'a1' }]),
      );
      await refused(dir, 'USAGE', () => change(dir, [{ kind: 'remove', suite: 'none', name: 'a1' }]));
      await change(dir, [{ kind: 'remove', suite: 'stable', name: 'a1', version: '1' }]);
      await change(dir, [{ kind: 'remove', suite: 'stable', name: 'b1', architecture: 'all' }]);
      assert.deepEqual(await list(dir), ['stable a1 2 amd64', 'stable b1 1 amd64']);
      await change(dir, [
        { kind: 'remove', suite: 'stable', name: 'a1' },
        { kind: 'remove', suite: 'stable', name: 'b1' },
      ]);
      assert.deepEqual(await list(dir), []);
      await change(dir, [add('a1', '1')]);
      assert.deepEqual(await list(dir), ['stable a1 1 amd64']);
    }));

  test('who may not sign writes nothing', () =>
    inTemp(async (dir) => {
      await create(dir, { rootKeys: [bob.publicKey], threshold: 1 });
      await refused(dir, 'SIGNER_UNKNOWN', () => change(dir, [add('hello', '1')], { signers: [eve] }));
      await change(dir, [{ kind: 'authorize', roots: [ada.publicKey, bob.publicKey], threshold: 2 }], {
        signers: [ada, bob],
      });
      const made = await change(dir, [add('hello', '1')], { signers: [bob, ada, eve] });
      const log = [];
      for await (const entry of indexLog(dir)) log.push(entry);
      assert.deepEqual(
        log.map(({ sequence, signers }) => [sequence, signers.length]),
        [
          [3, 2],
          [2, 2],
          [1, 1],
        ],
      );
      assert.equal(log[0]?.commit, made.commit);
      assert.deepEqual(
        log.map((entry) => entry.anchor),
        [false, false, true],
      );
    }));

  test('a release whose signer’s key is missing is refused; with the key it is accepted', () =>
    inTemp(async (dir) => {
      await create(dir);
      const entry = makeEntry('hello', '1', eve.fingerprint);
      await refused(dir, 'KEY_NOT_FOUND', () => change(dir, [{ kind: 'add', suite: 'stable', entry }]));
      const made = await change(dir, [
        { kind: 'add', suite: 'stable', entry },
        { kind: 'key', publicKey: eve.publicKey },
      ]);
      const repository = await Repository.open(dir);
      assert.equal(
        (await readIndexKey(repository, made.commit, eve.fingerprint)).armored,
        eve.publicKey.armored,
      );
      await assert.rejects(readIndexKey(repository, made.commit, bob.fingerprint), { code: 'KEY_NOT_FOUND' });
    }));

  test('many additions are one commit, and one more writes only what it touches', () =>
    inTemp(async (dir) => {
      await create(dir);
      const many = Array.from({ length: 400 }, (_, i) => add(`package-${i}`, '1'));
      const made = await change(dir, many);
      assert.equal(made.sequence, 2);
      assert.equal((await list(dir)).length, 400);
      const digests = statSync(join(dir, 'gtpkg-sha256')).size;
      await change(dir, [add('package-7', '2')]);
      // distribution, shard, and the five trees above them
      assert.equal(statSync(join(dir, 'gtpkg-sha256')).size - digests, (2 + 5) * 52);
      assert.equal((await list(dir)).length, 401);
    }));

  test('the map of SHA-256 ids is made again when it is lost, torn or not ours', () =>
    inTemp(async (dir) => {
      const path = join(dir, 'gtpkg-sha256');
      await create(dir);
      await change(dir, [add('hello', '1')]);
      const whole = readFileSync(path);
      rmSync(path);
      await change(dir, [add('hello', '2')]);
      truncateSync(path, statSync(path).size - 20);
      await change(dir, [add('hello', '3')]);
      writeFileSync(path, 'something else entirely');
      await change(dir, [add('hello', '4')]);
      assert.ok(whole.length > 0 && (statSync(path).size - 8) % 52 === 0);
      assert.equal((await showIndex(dir)).distribution.sequence, 5);
      const tree = /Tree-SHA256: (\w+)/.exec(git(dir, 'log', '-1', '--format=%B', 'main'))?.[1];
      assert.equal(tree, tree256ByGit(dir, dir));
    }));
});

/** Plain git under its SHA-256 object format, over the checked-out tree. */
function tree256ByGit(index: string, temp: string): string {
  const work = join(temp, 'checkout-256');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  execFileSync('tar', ['-x', '-C', work], {
    input: execFileSync('git', ['archive', 'main'], { cwd: index }),
  });
  git(work, 'init', '-q', '--object-format=sha256');
  git(work, 'add', '-A', '-f');
  return git(work, 'write-tree').trim();
}

describe('plain git and gpg', { skip: noGit }, () => {
  test('verify-commit, verify-tag, fsck --full --strict pass; Tree-SHA256 and Parent-SHA256 are what they say', () =>
    inTemp(async (temp) => {
      const gpg = new Gpg();
      try {
        const dir = join(temp, 'index.git');
        await create(dir, { rootKeys: [bob.publicKey], roots: [ada, bob], threshold: 2 });
        await change(dir, [add('hello', '1'), add('bye', '1:2~3', { fields: { Architecture: 'all' } })], {
          signers: [ada, bob],
        });
        await change(dir, [add('hello', '2')], { signers: [bob, ada], message: 'a word to users' });
        for (const signer of [ada, bob]) await gpg.run(['--import'], signer.publicKey.armored);
        const plain = (...args: string[]): string =>
          execFileSync('git', args, {
            cwd: dir,
            encoding: 'latin1',
            stdio: ['ignore', 'pipe', 'pipe'],
            env: { PATH: process.env['PATH'], GNUPGHOME: gpg.home, HOME: temp },
          });
        for (const commit of plain('rev-list', 'main').trim().split('\n')) plain('verify-commit', commit);
        const tags = plain('tag', '-l').trim().split('\n');
        assert.equal(tags.length, 3);
        for (const tag of tags) plain('verify-tag', tag);
        assert.equal(plain('fsck', '--full', '--strict').trim(), '');
        const message = plain('log', '-1', '--format=%B', 'main');
        assert.match(message, /^test 3\n\nFormat: gtpkg-index-commit 1\n/);
        assert.match(message, /\na word to users\nadd hello 2 \(amd64\) to stable\n/);
        assert.equal(/Tree-SHA256: (\w+)/.exec(message)?.[1], tree256ByGit(dir, temp));
        const raw = execFileSync('git', ['cat-file', 'commit', 'main~1'], { cwd: dir });
        const { createHash } = await import('node:crypto');
        const parent = createHash('sha256').update(`commit ${raw.length}\0`).update(raw).digest('hex');
        assert.equal(/Parent-SHA256: (\w+)/.exec(message)?.[1], parent);
        const clone = join(temp, 'clone');
        git(temp, 'clone', '-q', dir, clone);
        assert.match(
          readFileSync(join(clone, 'distribution'), 'utf8'),
          /^Format: gtpkg-index 1\nName: test\nSequence: 3\n/,
        );
      } finally {
        await gpg.close();
      }
    }));
});

describe('forks', { skip: lacks('git') }, () => {
  test('a fork continues upstream’s commit under its own roots', () =>
    inTemp(async (temp) => {
      const [upstream, fork] = [join(temp, 'upstream'), join(temp, 'fork')];
      await create(upstream);
      const made = await change(upstream, [add('hello', '1')]);
      await copyIndex(upstream, fork, made.commit);
      await assert.rejects(copyIndex(upstream, fork, made.commit), { code: 'ALREADY_EXISTS' });
      const forkedFrom = introduce([ada.fingerprint]);
      const options = { name: 'mine', roots: [bob], forkedFrom, indexCore: coreKey('my log'), now: now() };
      const first = await forkIndex(fork, options);
      assert.deepEqual([first.parent, first.sequence], [made.commit, 3]);
      const info = await showIndex(fork);
      assert.equal(info.distribution.forkedCommit, made.commit);
      assert.match(info.distribution.forkedFrom ?? '', new RegExp(`#${ada.fingerprint}$`));
      assert.deepEqual(info.authorizations, { threshold: 1, since: 3, roots: [bob.fingerprint] });
      assert.deepEqual(info.keys, [ada.fingerprint, bob.fingerprint].sort(), 'maintainers’ keys stay');
      await refused(fork, 'SIGNER_UNKNOWN', () => change(fork, [add('hello', '2')]));
      await change(fork, [add('hello', '2')], { signers: [bob] });
      assert.deepEqual(await list(fork), ['stable hello 1 amd64', 'stable hello 2 amd64']);
      assert.deepEqual(await list(upstream), ['stable hello 1 amd64']);
      const log = [];
      for await (const { sequence, anchor, name } of indexLog(fork)) log.push([sequence, anchor, name]);
      assert.deepEqual(log, [
        [4, false, 'mine'],
        [3, true, 'mine'],
        [2, false, 'test'],
        [1, true, 'test'],
      ]);
      assert.equal(git(fork, 'fsck', '--full', '--strict').trim(), '');
    }));
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  BlobHasher,
  cleanPerson,
  encodeCommit,
  encodeTag,
  encodeTree,
  encodeTree256,
  hashObject,
  hashObject256,
  parseCommit,
  parseTag,
  parseTree,
  signCommit,
  signTag,
  type TreeEntry,
} from '../../git/index.js';
import type { Oid, Sha256 } from '../../model/index.js';
import { git, inTemp, lacks } from './support.js';

const oid = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Oid);
const A = 'a'.repeat(40) as Oid;
const B = 'b'.repeat(40) as Oid;
const WHO = { name: 'Ünal O’Neil', email: 'u@example.org', time: 1_700_000_000 };
const ARMOR = '-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0WIQ==\n=abcd\n-----END PGP SIGNATURE-----\n';

test('hashes equal plain git, in both object formats', { skip: lacks('git') }, async () => {
  await inTemp(async (dir) => {
    git(dir, 'init', '-q', '--object-format=sha256', 'two');
    git(dir, 'init', '-q', 'one');
    for (const body of [Buffer.alloc(0), Buffer.from('hello\n'), Buffer.alloc(100_000, 7)]) {
      const hash = (repo: string): string =>
        execFileSync('git', ['-C', `${dir}/${repo}`, 'hash-object', '--stdin'], {
          input: body,
          encoding: 'utf8',
        }).trim();
      const digests = new BlobHasher(body.length)
        .update(body.subarray(0, 3))
        .update(body.subarray(3))
        .digest();
      assert.equal(digests.oid, hash('one'));
      assert.equal(digests.oid256, hash('two'));
      assert.equal(hashObject('blob', body), digests.oid);
      assert.equal(hashObject256('blob', body), digests.oid256);
    }
  });
});

test('a blob with more or fewer bytes than announced has no digest', () => {
  assert.throws(() => new BlobHasher(3).update(Buffer.from('ab')).digest(), { code: 'OBJECT_CORRUPT' });
  assert.throws(() => new BlobHasher(3).update(Buffer.from('abcd')).digest(), { code: 'OBJECT_CORRUPT' });
});

const treeName = fc.stringMatching(/^[a-c][a-c.0-]{0,3}$/).filter((x) => x !== '');
const tree = fc.uniqueArray(
  fc.record({
    mode: fc.constantFrom('100644' as const, '100755' as const, '120000' as const, '40000' as const),
    name: treeName,
    oid,
  }),
  {
    selector: (entry) => entry.name,
  },
);

test('trees: order of entries does not matter, parse undoes encode', () => {
  fc.assert(
    fc.property(tree, (entries) => {
      const body = encodeTree(entries);
      assert.deepEqual(encodeTree([...entries].reverse()), body);
      assert.deepEqual(encodeTree(parseTree(body)), body);
      assert.equal(parseTree(body).length, entries.length);
    }),
  );
});

test('any other bytes of a tree are refused or parse to exactly themselves', () => {
  fc.assert(
    fc.property(tree, fc.nat(), fc.nat(255), (entries, at, byte) => {
      const body = Buffer.from(encodeTree(entries));
      if (body.length === 0) return;
      body[at % body.length] = byte;
      let parsed: TreeEntry[];
      try {
        parsed = parseTree(body);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'OBJECT_CORRUPT');
        return;
      }
      assert.deepEqual(encodeTree(parsed), body);
    }),
    { numRuns: 3000 },
  );
});

test('attack: hostile trees', () => {
  const raw = (...entries: [string, string][]): Buffer =>
    Buffer.concat(
      entries.flatMap(([mode, name]) => [Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.alloc(20, 1)]),
    );
  const bad: Buffer[] = [
    ...['..', '.', '', '.git', '.GIT', 'git~1', 'a/b', 'a\\b', '.g\xe2\x80\x8cit', '.gitmodules'].map(
      (name) => raw(['100644', name]),
    ),
    ...['160000', '100664', '040000', '0', '100600', '1006444'].map((mode) => raw([mode, 'a'])),
    raw(['100644', 'b'], ['100644', 'a']),
    raw(['100644', 'a'], ['100644', 'a']),
    raw(['100644', 'a'], ['100644', 'a-b'], ['40000', 'a']),
    raw(['40000', 'a'], ['100644', 'a.b']),
    raw(['100644', 'a']).subarray(0, -1),
    Buffer.concat([raw(['100644', 'a']), Buffer.from('x')]),
  ];
  for (const body of bad) assert.throws(() => parseTree(body), { code: 'OBJECT_CORRUPT' });
  assert.throws(() => encodeTree([{ mode: '100644', name: '.git', oid: A }]), { code: 'OBJECT_CORRUPT' });
  assert.throws(
    () =>
      encodeTree([
        { mode: '100644', name: 'a', oid: A },
        { mode: '40000', name: 'a', oid: B },
      ]),
    { code: 'OBJECT_CORRUPT' },
  );
});

test('SHA-256 tree ids equal plain git', { skip: lacks('git') }, async () => {
  await inTemp(async (dir) => {
    git(dir, 'init', '-q', '--object-format=sha256', '.');
    const id = (text: string): Sha256 =>
      execFileSync('git', ['-C', dir, 'hash-object', '-w', '--stdin'], {
        input: text,
        encoding: 'utf8',
      }).trim() as Sha256;
    const inner = encodeTree256([{ mode: '100644', name: 'x', oid256: id('x') }]);
    git(
      dir,
      'update-index',
      '--add',
      '--cacheinfo',
      `100644,${id('x')},sub/x`,
      '--cacheinfo',
      `100755,${id('y')},sub.a`,
      '--cacheinfo',
      `120000,${id('z')},l`,
    );
    const outer = encodeTree256([
      { mode: '120000', name: 'l', oid256: id('z') },
      { mode: '40000', name: 'sub', oid256: hashObject256('tree', inner) },
      { mode: '100755', name: 'sub.a', oid256: id('y') },
    ]);
    assert.equal(hashObject256('tree', outer), git(dir, 'write-tree').trim());
  });
});

const COMMIT = {
  tree: A,
  parents: [B, A],
  author: WHO,
  committer: { ...WHO, time: 0 },
  message: 'gtpkg 1\n\nBody: ü\n',
};
const TAG = {
  object: A,
  type: 'commit' as const,
  tag: '1%2_rc/amd64',
  tagger: WHO,
  message: 'x 1 (all)\n\nFormat: y\n',
};

test('commits and tags: round trip, signed and not', () => {
  const commit = encodeCommit(COMMIT);
  assert.deepEqual(parseCommit(commit), { ...COMMIT, payload: commit });
  const signed = signCommit(commit, ARMOR.replaceAll('\n', '\r\n'));
  assert.deepEqual(parseCommit(signed), { ...COMMIT, payload: commit, signature: ARMOR });
  assert.deepEqual(signCommit(parseCommit(signed).payload, ARMOR), signed);
  const tag = encodeTag(TAG);
  assert.deepEqual(parseTag(tag), { ...TAG, payload: tag });
  assert.deepEqual(parseTag(signTag(tag, `\n${ARMOR}\n\n`)), { ...TAG, payload: tag, signature: ARMOR });
});

test('attack: armour with text before, between and after, two signatures', () => {
  const tag = encodeTag(TAG);
  for (const armor of [
    ARMOR + ARMOR,
    `x\n${ARMOR}`,
    `${ARMOR}x\n`,
    ARMOR.slice(0, -5),
    '',
    ARMOR.replace('iHUE', 'i\u00e9'),
    ARMOR.replace('\n\n', '\n\n-----BEGIN PGP MESSAGE-----\n'),
  ]) {
    assert.throws(() => signTag(tag, armor), { code: 'SIGNATURE_MALFORMED' });
    assert.throws(() => signCommit(encodeCommit(COMMIT), armor), { code: 'SIGNATURE_MALFORMED' });
  }
  const signed = signTag(tag, ARMOR);
  for (const tail of ['x', '\n', ARMOR])
    assert.throws(() => parseTag(Buffer.concat([signed, Buffer.from(tail)])), {
      code: 'SIGNATURE_MALFORMED',
    });
  assert.throws(() => encodeTag({ ...TAG, message: `x\n${ARMOR}` }), { code: 'OBJECT_CORRUPT' });
  assert.throws(() => signTag(tag, ARMOR.replace('iHUE', 'A'.repeat(70_000))), {
    code: 'SIGNATURE_MALFORMED',
  });
  const commit = signCommit(encodeCommit(COMMIT), ARMOR).toString('latin1');
  const twice = commit.replace('\n\n', `\ngpgsig ${ARMOR.slice(0, -1).replaceAll('\n', '\n ')}\n\n`);
  assert.throws(() => parseCommit(Buffer.from(twice, 'latin1')), { code: 'SIGNATURE_MALFORMED' });
  assert.throws(() => parseCommit(Buffer.from(commit.replace('\n\n', '\nencoding latin1\n\n'), 'latin1')), {
    code: 'SIGNATURE_MALFORMED',
  });
});

test('any changed byte of a signed object changes its payload or its signature, or is refused', () => {
  const cases = [
    { body: signTag(encodeTag(TAG), ARMOR), parse: parseTag, join: signTag },
    { body: signCommit(encodeCommit(COMMIT), ARMOR), parse: parseCommit, join: signCommit },
  ];
  for (const { body, parse, join } of cases) {
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(body);
        changed[at] = (changed[at] ?? 0) ^ flip;
        try {
          const { payload, signature } = parse(changed);
          assert.deepEqual(signature === undefined ? payload : join(payload, signature), changed);
        } catch (error) {
          assert.match((error as { code: string }).code, /^(OBJECT_CORRUPT|SIGNATURE_MALFORMED)$/);
        }
      }),
      { numRuns: 2000 },
    );
  }
});

test('other spellings of a commit or tag are refused', () => {
  const tag = encodeTag(TAG).toString('utf8');
  const commit = encodeCommit(COMMIT).toString('utf8');
  const bad = (text: string, from: string | RegExp, to: string): Buffer => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    return Buffer.from(changed, 'utf8');
  };
  for (const [from, to] of [
    ['+0000', '+0200'],
    ['1700000000', '01700000000'],
    ['type commit', 'type blob\ntype commit'],
    ['object ', 'Object '],
    ['u@', 'u @'],
    ['tagger', 'Tagger'],
    ['y\n', 'y'],
  ] as const) {
    assert.throws(() => parseTag(bad(tag, from, to)), { code: 'OBJECT_CORRUPT' });
  }
  for (const [from, to] of [
    ['+0000', '-0000'],
    [/parent (b+)\n/, 'parent $1 \n'],
    ['\ncommitter', '\nmergetag x\ncommitter'],
    ['tree a', 'tree A'],
    [/author.*\n/, ''],
  ] as const) {
    assert.throws(() => parseCommit(bad(commit, from, to)), { code: 'OBJECT_CORRUPT' });
  }
  assert.throws(() => parseCommit(Buffer.from([...encodeCommit(COMMIT).subarray(0, -1), 0xff, 10])), {
    code: 'OBJECT_CORRUPT',
  });
});

test('cleanPerson makes any text fit for a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (name, email) => {
      const person = { ...cleanPerson(name, email), time: 1 };
      const fields = { ...COMMIT, author: person };
      assert.deepEqual(parseCommit(encodeCommit(fields)).author, person);
    }),
  );
  assert.deepEqual(cleanPerson('Debian <x> "Foo",', 'a b@c'), { name: 'Debian x "Foo', email: 'ab@c' });
});

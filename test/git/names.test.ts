import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeGitName, encodeGitName, isGitName, mangleVersion, unmangleVersion } from '../../git/index.js';
import { lacks } from './support.js';

// Any bytes that Linux takes as a name, with a liking for what git dislikes.
const piece = fc.oneof(
  fc.constantFrom(
    '.git',
    '.GIT',
    'git~1',
    'gi7eba~1',
    '~1',
    '%',
    '%2E',
    '\\',
    ':',
    ' ',
    '.',
    '\xe2\x80\x8c',
    '\xef\xbb\xbf',
    '\x01',
    'modules',
    'ma',
  ),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);
const name = fc
  .array(piece, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('').replace(/[/\0]/g, ''))
  .filter((text) => text !== '' && text !== '.' && text !== '..');

test('every name survives encoding, has one spelling, and git takes it', () => {
  fc.assert(
    fc.property(name, (x) => {
      const encoded = encodeGitName(x);
      assert.equal(decodeGitName(encoded), x);
      assert.ok(isGitName(encoded), JSON.stringify(encoded));
    }),
    { numRuns: 5000 },
  );
});

test('what is not the one encoded form is refused', () => {
  fc.assert(
    fc.property(name, (x) => {
      let decoded: string;
      try {
        decoded = decodeGitName(x);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'BAD_NAME');
        return;
      }
      assert.equal(encodeGitName(decoded), x);
    }),
    { numRuns: 5000 },
  );
  for (const bad of ['%2e', '%41', 'a%', 'a\\b', '.git', '', '.', '..', 'a/b'])
    assert.throws(() => decodeGitName(bad), { code: 'BAD_NAME' });
});

test('known names', () => {
  assert.equal(encodeGitName('system-systemd\\x2dcryptsetup.slice'), 'system-systemd%5Cx2dcryptsetup.slice');
  assert.equal(encodeGitName('.git'), '%2Egit');
  assert.equal(encodeGitName('.gitignore'), '%2Egitignore');
  assert.equal(encodeGitName('GIT~1'), '%47IT~1');
  assert.equal(encodeGitName('.g\xe2\x80\x8cit'), '.g%E2%80%8Cit');
  assert.equal(encodeGitName('perl::Module.3pm.gz'), 'perl::Module.3pm.gz');
  assert.equal(encodeGitName('gitk'), 'gitk');
});

const version = fc
  .tuple(
    fc.constantFrom('', '0:', '1:', '12:'),
    fc.array(fc.constantFrom('1', '0', 'a', 'Z', '.', '..', '~', '+', '-', '.lock', 'lock'), {
      maxLength: 8,
    }),
  )
  .map(([epoch, parts]) => `${epoch}1${parts.join('')}`);

test('versions: DEP-14 and back, and git accepts them in a ref name', { skip: lacks('git') }, () => {
  assert.equal(mangleVersion('1:2~rc..1'), '1%2_rc.#.1');
  assert.equal(mangleVersion('1.'), '1.#');
  assert.equal(mangleVersion('1.lock'), '1.#lock');
  fc.assert(
    fc.property(version, (x) => assert.equal(unmangleVersion(mangleVersion(x)), x)),
    { numRuns: 2000 },
  );
  for (const x of fc.sample(version, 60)) {
    assert.equal(spawnSync('git', ['check-ref-format', `refs/tags/${mangleVersion(x)}/amd64`]).status, 0, x);
  }
  for (const bad of ['', '1#', '1:2', '1~2', '1..2', '1.', '1/2', '1 2'])
    assert.throws(() => unmangleVersion(bad), { code: 'BAD_VERSION' });
});

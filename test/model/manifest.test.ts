/** Manifests: one spelling each, and what passes can be laid out on disk without leaving its root. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  formatManifest,
  GtpkgError,
  isSafePath,
  limits,
  manifestSize,
  parseManifest,
  type ErrorCode,
} from '../../model/index.js';
import { manifest } from './arbitrary.js';

const HEADER = '#gtpkg-manifest 1\n';
const SHA = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const code =
  (...expected: ErrorCode[]) =>
  (error: unknown) =>
    error instanceof GtpkgError && expected.includes(error.code);
const parse = (...lines: string[]) =>
  parseManifest(Buffer.from(HEADER + lines.map((line) => `${line}\n`).join(''), 'latin1'));
const file = (path: string) => `f 0644 root root 0 0 ${SHA} - ${path}`;
const directory = (path: string) => `d 0755 root root 0 0 - - ${path}`;

describe('round trips', () => {
  test('parse(format(x)) = x, whatever the order in which entries come', () => {
    fc.assert(
      fc.property(manifest, (entries) => {
        const bytes = formatManifest([...entries].reverse());
        const parsed = parseManifest(bytes);
        assert.deepEqual(parsed, entries);
        assert.deepEqual(formatManifest(parsed), bytes);
        assert.equal(
          manifestSize(parsed),
          entries.reduce((sum, entry) => sum + entry.size, 0),
        );
      }),
    );
  });

  test('an empty manifest is its first line', () => {
    assert.deepEqual(parseManifest(Buffer.from(HEADER)), []);
    assert.equal(formatManifest([]).toString(), HEADER);
  });

  test('names that git tools and shells fear', () => {
    const names = [
      'system-systemd\\x2dcryptsetup.slice',
      'a b',
      ' a',
      'a ',
      '-',
      '%41',
      'a\tb',
      'a\nb',
      'a\x7f',
      '\xff\xfe',
      'caf\xc3\xa9',
      'e\xa0',
      '\xc3\xa0',
      '.git',
      'CON',
    ];
    const lines = names.map((path) => ({ path, bytes: Buffer.from(path, 'latin1') }));
    const entries = lines.map(({ path }) => ({
      type: 'l' as const, mode: 0o777, owner: { name: 'root', id: 0 }, group: { name: 'root', id: 0 }, size: 0, mtime: 0, link: path, path: path as never,
    })); // prettier-ignore
    const parsed = parseManifest(formatManifest(entries));
    assert.deepEqual(parsed.map(({ path }) => String(path)).sort(), [...names].sort());
    for (const { path, link } of parsed) assert.equal(link, path);
  });
});

describe('only the one spelling is read', () => {
  test('any change of any byte: refused, or another manifest in its own one spelling', () => {
    fc.assert(
      fc.property(
        manifest,
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom('put', 'insert', 'cut'),
        (entries, at, value, how) => {
          const bytes = formatManifest(entries);
          const i = at % bytes.length;
          const middle = how === 'cut' ? [] : [value];
          const changed = Buffer.concat([
            bytes.subarray(0, i),
            Buffer.from(middle),
            bytes.subarray(how === 'insert' ? i : i + 1),
          ]);
          let parsed;
          try {
            parsed = parseManifest(changed);
          } catch (error) {
            assert.ok(code('MANIFEST_MALFORMED', 'LIMIT_EXCEEDED')(error), String(error));
            return;
          }
          assert.deepEqual(formatManifest(parsed), changed);
          for (const { path } of parsed) assert.ok(isSafePath(path));
        },
      ),
      { numRuns: 1000 },
    );
  });

  const spellings: Record<string, string[]> = {
    'mode of three digits': [`f 644 root root 0 0 ${SHA} - a`],
    'mode beyond 7777': [`f 17777 root root 0 0 ${SHA} - a`],
    'leading zero in the size': [`f 0644 root root 00 0 ${SHA} - a`],
    'size that is no number': [`f 0644 root root 0x10 0 ${SHA} - a`],
    'size beyond what a number holds': [`f 0644 root root 9007199254740993 0 ${SHA} - a`],
    'negative size': [`f 0644 root root -1 0 ${SHA} - a`],
    'negative zero mtime': [`f 0644 root root 0 -0 ${SHA} - a`],
    'root written with its number': [`f 0644 root=0 root 0 0 ${SHA} - a`],
    'owner without a number': [`f 0644 daemon root 0 0 ${SHA} - a`],
    'owner -1': [`f 0644 x=4294967295 root 0 0 ${SHA} - a`],
    'upper-case digest': [`f 0644 root root 0 0 ${SHA.toUpperCase()} - a`],
    'short digest': [`f 0644 root root 0 0 ${SHA.slice(1)} - a`],
    'escape that is not needed': [file('%61')],
    'escape in lower case': [file('a%0a')],
    'percent sign alone': [file('50%')],
    'control byte unescaped': [file('a\tb')],
    'byte ff unescaped': [file('\xff')],
    'overlong UTF-8 unescaped': [file('\xc0\xaf')],
    'surrogate in UTF-8 unescaped': [file('\xed\xa0\x80')],
    'good UTF-8 escaped': [file('%C3%A9')],
    'two spaces': [`f 0644 root root 0 0 ${SHA} -  a`.replace('f 0644', 'f  0644')],
    'tab between fields': [`f\t0644 root root 0 0 ${SHA} - a`],
    'field missing': [`f 0644 root root 0 0 ${SHA} a`],
    'an empty line': [file('a'), ''],
    'only an empty line': [''],
    CRLF: [`${file('a')}\r`],
    'unknown type': [`s 0644 root root 0 0 - - a`],
    'no path': [`f 0644 root root 0 0 ${SHA} - `],
    'twice the same path': [file('a'), file('a')],
    'out of order': [file('b'), file('a')],
  };
  for (const [what, lines] of Object.entries(spellings)) {
    test(what, () => assert.throws(() => parse(...lines), code('MANIFEST_MALFORMED')));
  }

  test('another header, no header, no final newline', () => {
    for (const text of [
      '',
      '#gtpkg-manifest 2\n',
      '#gtpkg-manifest 1',
      ' #gtpkg-manifest 1\n',
      `${file('a')}\n`,
      `${HEADER}${file('a')}`,
    ]) {
      assert.throws(() => parseManifest(Buffer.from(text)), code('MANIFEST_MALFORMED'));
    }
  });
});

describe('attacks', () => {
  const attacks: Record<string, string[]> = {
    '../x': [directory('..'), file('../x')],
    'a/../../x': [directory('a'), directory('a/..'), file('a/../x')],
    'absolute path': [file('/etc/passwd')],
    dot: [directory('.')],
    'empty part': [directory('a'), file('a//b')],
    'trailing slash': [directory('a/')],
    'NUL in a path': [file('a%00b')],
    'NUL in a link target': ['l 0777 root root 0 0 - a%00b a'],
    'file through a symbolic link': ['l 0777 root root 0 0 - /etc a', file('a/passwd')],
    'file through a file': [file('a'), file('a/b')],
    'parent that is missing': [file('a/b')],
    'parent that comes later': [file('a-/b'), directory('a-')],
    'hard link out of the root': ['h 0644 root root 0 0 - ../etc/shadow a'],
    'hard link to an absolute path': ['h 0644 root root 0 0 - /etc/shadow a'],
    'hard link to a later file': ['h 0644 root root 0 0 - b a', file('b')],
    'hard link to a symbolic link': ['l 0777 root root 0 0 - /etc/shadow a', 'h 0644 root root 0 0 - a b'],
    'hard link to a hard link': [file('a'), 'h 0644 root root 0 0 - a b', 'h 0644 root root 0 0 - b c'],
    'hard link to a directory': [directory('a'), 'h 0644 root root 0 0 - a b'],
    'hard link to itself': ['h 0644 root root 0 0 - a a'],
    'symbolic link without a target': ['l 0777 root root 0 0 - - a'],
    'file with a link': [`f 0644 root root 0 0 ${SHA} b a`],
    'file without a digest': ['f 0644 root root 0 0 - - a'],
    'directory with a digest': [`d 0755 root root 0 0 ${SHA} - a`],
    'directory with a size': ['d 0755 root root 4096 0 - - a'],
    'device without numbers': ['c 0600 root root 0 0 - - a'],
    'device with one number': ['b 0600 root root 0 0 - 8 a'],
    'device with odd numbers': ['b 0600 root root 0 0 - 08:1 a'],
    'name of 256 bytes': [file('n'.repeat(limits.MAX_NAME + 1))],
    'path too deep': Array.from({ length: limits.MAX_PATH_DEPTH + 1 }, (_, i) =>
      directory(Array.from({ length: i + 1 }, () => 'd').join('/')),
    ),
  };
  for (const [what, lines] of Object.entries(attacks)) {
    test(what, () => assert.throws(() => parse(...lines), code('MANIFEST_MALFORMED')));
  }

  test('what is near them and good is accepted', () => {
    assert.equal(parse(file('...'), file('..a'), file('n'.repeat(limits.MAX_NAME))).length, 3);
    assert.equal(
      parse('l 0777 root root 0 0 - ../../etc/passwd a').length,
      1,
      'a link may point anywhere; the installer never follows it',
    );
    assert.equal(parse(file('a'), 'h 0644 root root 0 0 - a b').length, 2);
  });
});

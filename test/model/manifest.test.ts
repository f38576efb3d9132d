/** Manifests: one spelling each, and what passes can be laid out on disk without leaving its root. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  formatManifest,
  GtpkgError,
  isSafePath,
  lentRight,
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
    'group written with its number': [`f 0644 root root=0 0 0 ${SHA} - a`],
    'owner with a leading zero': [`f 0644 x=07 root 0 0 ${SHA} - a`],
    'escape in a link that is not needed': [`l 0777 root root 0 0 - %61 a`],
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

describe('extended attributes', () => {
  const CAP = `01000002${'20'.padEnd(32, '0')}`;
  const CAP_OF_5 = `01000003${'20'.padEnd(32, '0')}05000000`;
  const with2 = (...lines: string[]) =>
    parseManifest(Buffer.from(['#gtpkg-manifest 2', ...lines, ''].join('\n'), 'latin1'));

  test('behind their file, for it and its second names; a manifest without any is as it always was', () => {
    const parsed = with2(
      file('a'),
      `x security.capability ${CAP}`,
      'x user.%01%25 00ff',
      'x user.a%20b -',
      'h 0644 root root 0 0 - a b',
      file('c'),
    );
    const [a, b, c] = parsed;
    assert.deepEqual(a?.xattrs, [
      { name: 'security.capability', value: CAP },
      { name: 'user.\x01%', value: '00ff' },
      { name: 'user.a b', value: '' },
    ]);
    assert.deepEqual(b?.xattrs, a?.xattrs);
    assert.equal(c !== undefined && 'xattrs' in c, false);
    assert.deepEqual(parsed.map(lentRight), ['capability', 'capability', undefined]);
    assert.equal(parsed[0]?.xattrs?.length, 3);
    assert.match(formatManifest(parsed).toString('latin1'), /^#gtpkg-manifest 2\n/);
    assert.match(formatManifest([...parsed].slice(2)).toString('latin1'), /^#gtpkg-manifest 1\n/);
    assert.equal(with2(file('a'), `x security.capability ${CAP_OF_5}`).length, 1);
  });

  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `x user.${String(i).padStart(3, '0')} 00`);
  const refused: Record<string, string[]> = {
    'version 2 without any': [file('a')],
    'of a directory': [directory('a'), 'x user.a 00'],
    'of a symbolic link': ['l 0777 root root 0 0 - b a', 'x user.a 00'],
    'of a hard link': [file('a'), 'h 0644 root root 0 0 - a b', 'x user.a 00'],
    'before any file': ['x user.a 00', file('a')],
    'twice the same': [file('a'), 'x user.a 00', 'x user.a 01'],
    'out of order': [file('a'), 'x user.b 00', 'x user.a 00'],
    'upper-case digits': [file('a'), 'x user.a FF'],
    'half a byte': [file('a'), 'x user.a 0'],
    'no value': [file('a'), 'x user.a '],
    'a field too many': [file('a'), 'x user.a 00 00'],
    'an escape that is not needed': [file('a'), 'x user.%61 00'],
    'NUL in the name': [file('a'), 'x user.%00 00'],
    'no name': [file('a'), 'x user. 00'],
    'a name of 256 bytes': [file('a'), `x user.${'n'.repeat(limits.MAX_XATTR_NAME - 4)} 00`],
    'too many': [file('a'), ...many(limits.MAX_XATTRS + 1)],
    'too large': [file('a'), `x user.a ${'00'.repeat(limits.MAX_XATTRS_SIZE)}`],
    'security.selinux': [file('a'), 'x security.selinux 00'],
    'security.ima': [file('a'), 'x security.ima 00'],
    'security.capability.x': [file('a'), `x security.capability.x ${CAP}`],
    'trusted.overlay.opaque': [file('a'), 'x trusted.overlay.opaque 79'],
    'system.posix_acl_access': [file('a'), 'x system.posix_acl_access 02000000'],
    'capabilities of revision 1': [file('a'), `x security.capability 01000001${'20'.padEnd(16, '0')}`],
    'capabilities of revision 4': [file('a'), `x security.capability 01000004${'20'.padEnd(32, '0')}`],
    'capabilities with an unknown flag': [file('a'), `x security.capability 02${CAP.slice(2)}`],
    'capabilities cut short': [file('a'), `x security.capability ${CAP.slice(2)}`],
    'capabilities with bytes behind': [file('a'), `x security.capability ${CAP}00`],
    'empty capabilities': [file('a'), 'x security.capability -'],
    'revision 3 with user 0': [
      file('a'),
      `x security.capability ${CAP_OF_5.replace(/05000000$/, '00000000')}`,
    ],
  };
  for (const [what, lines] of Object.entries(refused)) {
    test(what, () => assert.throws(() => with2(...lines), code('MANIFEST_MALFORMED')));
  }

  test('in version 1', () =>
    assert.throws(() => parse(file('a'), 'x user.a 00'), code('MANIFEST_MALFORMED')));

  test('as many and as large as there may be', () => {
    assert.equal(with2(file('a'), ...many(limits.MAX_XATTRS))[0]?.xattrs?.length, limits.MAX_XATTRS);
    assert.equal(with2(file('a'), `x user.a ${'00'.repeat(limits.MAX_XATTRS_SIZE - 6)}`).length, 1);
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

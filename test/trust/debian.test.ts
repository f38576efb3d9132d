/**
 * Debian's own InRelease files and keyrings, with gpgv as the judge: the same signatures are good and bad, whole or tampered with. Where this
 * machine has none of them, the tests say so and are skipped.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GtpkgError } from '../../model/index.js';
import { readKeyring, verifyClearSigned, type PublicKey } from '../../trust/index.js';
import { temporary } from './support.js';

const LISTS = '/var/lib/apt/lists';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const releases = existsSync(LISTS)
  ? readdirSync(LISTS)
      .filter((name) => /debian.*InRelease$/.test(name))
      .map((name) => join(LISTS, name))
  : [];
const missing = (): string | false => {
  if (spawnSync('gpgv', ['--version']).error !== undefined) return 'gpgv is not here';
  if (!existsSync(KEYRING)) return `${KEYRING} is not here`;
  return releases.length === 0 && `no InRelease of Debian in ${LISTS}`;
};

describe("Debian's InRelease", { skip: missing() }, () => {
  let keys: readonly PublicKey[];
  const folder = temporary();
  before(async () => void ({ keys } = await readKeyring(readFileSync(KEYRING))));
  after(() => folder.remove());

  /** Issuers of good and of bad signatures, as gpgv tells them; undefined when it can make nothing of it. */
  function gpgv(bytes: Buffer): { good: string[]; bad: string[]; text: string } {
    const path = join(folder.path, 'InRelease');
    writeFileSync(path, bytes);
    const args = ['--status-fd', '2', '--keyring', KEYRING, '--output', '-', path];
    const { stderr, stdout } = spawnSync('gpgv', args, {
      env: { PATH: process.env['PATH'], HOME: folder.path },
    });
    const told = (word: string): string[] =>
      [...stderr.toString().matchAll(new RegExp(`^\\[GNUPG:\\] ${word} (\\w+)`, 'gm'))].map(
        (match) => match[1] ?? '',
      );
    return { good: told('VALIDSIG'), bad: told('BADSIG'), text: stdout.toString('latin1') };
  }

  function ours(bytes: Buffer): { good: string[]; bad: string[]; text: string } {
    const { text, signatures } = verifyClearSigned(bytes, { keys, now: new Date() });
    const good = signatures.flatMap((each) => (each.ok ? [each.signature.issuer] : []));
    const bad = signatures.flatMap((each) =>
      !each.ok && each.error.code === 'SIGNATURE_BAD' ? [String(each.error.data['issuer']).slice(-16)] : [],
    );
    return { good, bad, text };
  }

  const same = (bytes: Buffer): ReturnType<typeof ours> => {
    const [mine, theirs] = [ours(bytes), gpgv(bytes)];
    assert.deepEqual(mine.good, theirs.good);
    // gpgv looks no further than the first bad one
    assert.deepEqual(mine.bad.slice(0, 1), theirs.bad);
    return mine;
  };

  for (const path of releases) {
    test(path.slice(LISTS.length + 1), () => {
      const bytes = readFileSync(path);
      const whole = same(bytes);
      assert.ok(whole.good.length > 0, 'some of its signatures are by keys of the keyring');
      assert.deepEqual(whole.bad, []);
      assert.equal(whole.text, gpgv(bytes).text);
      const text = bytes.toString('latin1');
      const changes: Readonly<Record<string, string>> = {
        'a letter': text.replace('Origin: D', 'Origin: d'),
        'a digit of the last checksum': text.replace(
          /(\w)(\w{63} +\d+ \S+\n-----BEGIN PGP SIG)/,
          (_, a: string, b: string) => (a === '0' ? '1' : '0') + b,
        ),
        'a line less': text.replace(/^Label: .*\n/m, ''),
        'an empty line more': text.replace('\nLabel: ', '\n\nLabel: '),
        'a space inside a line': text.replace('Label: ', 'Label:  '),
      };
      for (const [what, changed] of Object.entries(changes)) {
        assert.notEqual(changed, text, what);
        const { good, bad } = same(Buffer.from(changed, 'latin1'));
        assert.deepEqual([good, bad.length], [[], whole.good.length], what);
      }
      // what a text signature does not cover: both accept it, and the text that comes out is the signed one
      for (const changed of [text.replace('\nLabel: ', ' \t\nLabel: '), text.replaceAll('\n', '\r\n')]) {
        const { good, text: out } = same(Buffer.from(changed, 'latin1'));
        assert.deepEqual(good, whole.good);
        assert.equal(out, whole.text);
      }
    });
  }

  test('stricter than gpgv: one message, nothing around it, nothing unescaped in it', () => {
    const text = readFileSync(releases[0] as string).toString('latin1');
    const cases: Readonly<Record<string, string>> = {
      'text before': `trust this\n${text}`,
      'text after': `${text}trust this\n`,
      'two messages': text + text,
      'a header of another kind': text.replace('Hash: ', 'NotDashEscaped: yes\nHash: '),
      'no signature': text.slice(0, text.indexOf('-----BEGIN PGP SIGNATURE')),
      'a line that begins with a dash': text.replace('\nLabel: ', '\n-Label: '),
      nothing: '',
    };
    for (const [what, changed] of Object.entries(cases))
      assert.throws(
        () => verifyClearSigned(Buffer.from(changed, 'latin1'), { keys, now: new Date() }),
        (error) => error instanceof GtpkgError && error.code === 'SIGNATURE_MALFORMED',
        what,
      );
  });

  test(
    'its keyring: the same keys as gpg shows, the weak ones of former days refused by name',
    { skip: spawnSync('gpg', ['--version']).error && 'gpg is not here' },
    async () => {
      const options = {
        env: { PATH: process.env['PATH'], HOME: folder.path, GNUPGHOME: folder.path },
        stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'],
      };
      for (const name of readdirSync('/usr/share/keyrings').filter((each) =>
        /^debian-archive.*\.gpg$/.test(each),
      )) {
        const path = join('/usr/share/keyrings', name);
        const { keys: read, refused } = await readKeyring(readFileSync(path));
        const listed = execFileSync('gpg', ['--show-keys', '--with-colons', path], options).toString();
        const theirs = [...listed.matchAll(/^pub:.*\n(?:rvk.*\n)*fpr:+(\w{40}):/gm)].map((match) => match[1]);
        assert.equal(read.length + refused.length, theirs.length, name);
        for (const key of read) assert.ok(theirs.includes(key.fingerprint), key.fingerprint);
        for (const { code } of refused) assert.match(code, /^KEY_(WEAK|MALFORMED)$/);
        if (name === 'debian-archive-keyring.gpg') assert.deepEqual(refused, []);
      }
    },
  );
});

/** Introductions, addresses and peers: what is written is read, and nothing else is. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  formatAddress,
  formatIntroduction,
  formatPeerAddress,
  GtpkgError,
  limits,
  parseAddress,
  parseIntroduction,
  parsePeerAddress,
  type ErrorCode,
} from '../../model/index.js';
import { address, coreKey, fingerprint, introduction, peerAddress } from './arbitrary.js';

const code = (expected: ErrorCode) => (error: unknown) =>
  error instanceof GtpkgError && error.code === expected;
const KEY = 'y'.repeat(52);
const FPR = '0123456789ABCDEF0123456789ABCDEF01234567';
const FPR2 = 'F'.repeat(40);

describe('round trips', () => {
  test('addresses', () =>
    fc.assert(fc.property(address, (a) => assert.deepEqual(parseAddress(formatAddress(a)), a))));
  test('peers', () =>
    fc.assert(fc.property(peerAddress, (p) => assert.deepEqual(parsePeerAddress(formatPeerAddress(p)), p))));

  test('introductions; white space around the line does not count', () => {
    fc.assert(
      fc.property(introduction, (value) => {
        const line = formatIntroduction(value);
        assert.deepEqual(parseIntroduction(line), value);
        assert.deepEqual(parseIntroduction(`  ${line}\r\n`), value);
        assert.equal(formatIntroduction(parseIntroduction(line)), line);
      }),
    );
  });

  test('the order and the spelling of fingerprints do not change whom is trusted', () => {
    fc.assert(
      fc.property(coreKey, fc.uniqueArray(fingerprint, { minLength: 2, maxLength: 5 }), (key, roots) => {
        const one = parseIntroduction(`gtpkg://${key}#${roots.join('+')};k=2`);
        const two = parseIntroduction(`gtpkg://${key}#${[...roots].reverse().join('+').toLowerCase()};k=2`);
        assert.deepEqual(one, two);
      }),
    );
  });

  test('hints of a later version are passed over, and trust nobody', () => {
    const plain = parseIntroduction(`gtpkg://${KEY}#${FPR}`);
    for (const hint of ['mirror=https://example.org', 'peers', 'x', '=', 'k=1', 'roots=' + FPR2]) {
      assert.deepEqual(parseIntroduction(`gtpkg://${KEY}?${hint}#${FPR}`), plain);
    }
  });
});

describe('refused', () => {
  const lines: Record<string, string> = {
    nothing: '',
    'another scheme': `https://${KEY}#${FPR}`,
    'no fingerprint': `gtpkg://${KEY}`,
    'an empty fingerprint': `gtpkg://${KEY}#`,
    'a short fingerprint': `gtpkg://${KEY}#${FPR.slice(1)}`,
    'a key id in place of a fingerprint': `gtpkg://${KEY}#${FPR.slice(-16)}`,
    'a fingerprint that is no hex': `gtpkg://${KEY}#${FPR.replace('0', 'O')}`,
    'the same fingerprint twice': `gtpkg://${KEY}#${FPR}+${FPR};k=2`,
    'the same fingerprint twice, in another spelling': `gtpkg://${KEY}#${FPR}+${FPR.toLowerCase()};k=2`,
    'a threshold of 0': `gtpkg://${KEY}#${FPR};k=0`,
    'a threshold above the roots': `gtpkg://${KEY}#${FPR};k=2`,
    'a negative threshold': `gtpkg://${KEY}#${FPR};k=-1`,
    'a threshold that is no number': `gtpkg://${KEY}#${FPR};k=1e0`,
    'an empty threshold': `gtpkg://${KEY}#${FPR};k=`,
    'two thresholds': `gtpkg://${KEY}#${FPR}+${FPR2};k=2;k=1`,
    'something after the threshold': `gtpkg://${KEY}#${FPR};k=1 `.trimEnd() + 'x',
    'two fragments': `gtpkg://${KEY}#${FPR}#${FPR2}`,
    'a short core key': `gtpkg://${KEY.slice(1)}#${FPR}`,
    'a core key with bits too many': `gtpkg://${'y'.repeat(51)}9#${FPR}`,
    'a path': `gtpkg://${KEY}/hello#${FPR}`,
    'a peer without a key': `gtpkg://${KEY}?peer=127.0.0.1:1#${FPR}`,
    'a peer without a port': `gtpkg://${KEY}?peer=${KEY}@host#${FPR}`,
    'a broken percent escape': `gtpkg://${KEY}?bootstrap=%zz#${FPR}`,
    'too many roots': `gtpkg://${KEY}#${Array.from({ length: limits.MAX_ROOTS + 1 }, (_, i) => i.toString(16).padStart(40, '0')).join('+')}`,
    'a book': `gtpkg://${KEY}?${'x&'.repeat(limits.MAX_INTRODUCTION)}#${FPR}`,
    'two lines': `gtpkg://${KEY}#${FPR}\ngtpkg://${KEY}#${FPR2}`,
  };
  for (const [what, line] of Object.entries(lines)) {
    test(what, () => assert.throws(() => parseIntroduction(line), code('BAD_INTRODUCTION')));
  }

  const addresses = [
    '', ':', 'host', 'host:', ':80', 'host:0', 'host:65536', 'host:-1', 'host:080', 'host:1e3', 'host:80:81', '::1:80', '[::1]', '[::1:80', 'a b:80',
    'http://h:80', 'h/x:80', 'user@h:80', 'a&b:80', 'a%b:80', '[host]:80', '-h:80', 'h\u0000:80', `${'a'.repeat(254)}:80`, 'ｈ:80',
  ]; // prettier-ignore
  for (const text of addresses) {
    test(`the address ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(() => parseAddress(text), code('BAD_ADDRESS'));
      assert.throws(() => parsePeerAddress(`${KEY}@${text}`), code('BAD_ADDRESS'));
    });
  }

  test('any text: an introduction, or a refusal', () => {
    const near = fc.tuple(introduction, fc.nat(), fc.string({ maxLength: 3 })).map(([value, at, put]) => {
      const line = formatIntroduction(value);
      const cut = at % (line.length + 1);
      return line.slice(0, cut) + put + line.slice(cut + 1);
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        try {
          const value = parseIntroduction(text);
          assert.deepEqual(parseIntroduction(formatIntroduction(value)), value);
          assert.ok(value.threshold >= 1 && value.threshold <= value.roots.length);
        } catch (error) {
          assert.ok(code('BAD_INTRODUCTION')(error), String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

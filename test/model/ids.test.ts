/** Identifiers: one canonical spelling each. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  decodeCoreKey,
  encodeCoreKey,
  GtpkgError,
  parseCoreKey,
  parseFingerprint,
  parseOid,
  parseSha256,
  type ErrorCode,
} from '../../model/index.js';
import { coreKey, fingerprint } from './arbitrary.js';

const code = (expected: ErrorCode) => (error: unknown) =>
  error instanceof GtpkgError && error.code === expected;
const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('core keys', () => {
  test('bytes, z-base-32 and hex are the same key', () => {
    fc.assert(
      fc.property(key32, (bytes) => {
        const key = encodeCoreKey(bytes);
        assert.match(key, /^[a-z0-9]{52}$/);
        assert.deepEqual(decodeCoreKey(key), Buffer.from(bytes));
        assert.equal(parseCoreKey(key), key);
        assert.equal(parseCoreKey(Buffer.from(bytes).toString('hex')), key);
        assert.equal(parseCoreKey(Buffer.from(bytes).toString('hex').toUpperCase()), key);
      }),
    );
  });

  test('known values, and as hypercore-id-encoding writes them', () => {
    assert.equal(encodeCoreKey(Buffer.alloc(32)), 'y'.repeat(52));
    assert.equal(encodeCoreKey(Buffer.alloc(32, 255)), `${'9'.repeat(51)}o`);
    const judge = createRequire(import.meta.url)('hypercore-id-encoding') as {
      encode: (key: Buffer) => string;
    };
    fc.assert(
      fc.property(key32, (bytes) => assert.equal(encodeCoreKey(bytes), judge.encode(Buffer.from(bytes)))),
    );
  });

  test('every key has one z-base-32 spelling: the spare bits are zero', () => {
    fc.assert(
      fc.property(coreKey, fc.constantFrom(...'ybndrfg8ejkmcpqxot1uwisza345h769'), (key, last) => {
        const other = key.slice(0, 51) + last;
        if (last === 'y' || last === 'o') assert.equal(parseCoreKey(other), other);
        else assert.throws(() => parseCoreKey(other), code('BAD_NAME'));
      }),
    );
  });

  for (const text of [
    '',
    'y',
    'y'.repeat(51),
    'y'.repeat(53),
    'l'.repeat(52),
    'Y'.repeat(52),
    ` ${'y'.repeat(52)}`,
    'g'.repeat(64),
    'a'.repeat(63),
  ]) {
    test(`${JSON.stringify(text)} is refused`, () =>
      assert.throws(() => parseCoreKey(text), code('BAD_NAME')));
  }
});

describe('fingerprints', () => {
  test('as gpg prints them: spaces, 0x, lower case', () => {
    fc.assert(
      fc.property(fingerprint, (text) => {
        assert.equal(parseFingerprint(text), text);
        assert.equal(parseFingerprint(`0x${text.toLowerCase()}`), text);
        assert.equal(
          parseFingerprint((text.match(/.{4}/g) ?? []).join(' ').replace(/^(.{24})/, '$1 ')),
          text,
        );
      }),
    );
  });
  for (const text of [
    '',
    '0'.repeat(39),
    '0'.repeat(41),
    '0'.repeat(64),
    'G'.repeat(40),
    `0x0x${'0'.repeat(40)}`,
    '٠'.repeat(40),
  ]) {
    test(`${JSON.stringify(text)} is refused`, () =>
      assert.throws(() => parseFingerprint(text), code('BAD_NAME')));
  }
});

describe('object ids and digests', () => {
  test('lower-case hex of the right length, nothing else', () => {
    assert.equal(parseOid('0a'.repeat(20)), '0a'.repeat(20));
    assert.equal(parseSha256('0a'.repeat(32)), '0a'.repeat(32));
    for (const text of [
      '',
      '0A'.repeat(20),
      '0a'.repeat(19),
      '0a'.repeat(32),
      ` ${'0a'.repeat(20)}`,
      `${'0a'.repeat(20)}\n`,
    ]) {
      assert.throws(() => parseOid(text), code('OBJECT_CORRUPT'));
    }
    for (const text of ['', '0A'.repeat(32), '0a'.repeat(20), '0a'.repeat(33), `${'0a'.repeat(32)}\n`]) {
      assert.throws(() => parseSha256(text), code('OBJECT_CORRUPT'));
    }
  });
});

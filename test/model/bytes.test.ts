/** Byte paths and text that is safe to print. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  compareBytes,
  isSafePath,
  joinPath,
  parentPath,
  pathFromBytes,
  pathFromText,
  pathToBytes,
  pathToText,
  printable,
} from '../../model/index.js';

describe('byte paths', () => {
  test('bytes survive, UTF-8 or not', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const path = pathFromBytes(bytes);
        assert.equal(path.length, bytes.length);
        assert.deepEqual(pathToBytes(path), Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.deepEqual(pathToBytes(pathFromText(text)), Buffer.from(text, 'utf8'));
      }),
    );
  });

  test('a view into a larger buffer is only that view', () => {
    assert.equal(pathFromBytes(Buffer.from('abcdef').subarray(2, 4)), 'cd');
  });

  test('the order of byte paths is the order of their bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        assert.equal(compareBytes(pathFromBytes(a), pathFromBytes(b)), Buffer.compare(a, b));
      }),
    );
  });

  test('join and parent are inverse', () => {
    assert.equal(joinPath('', 'a'), 'a');
    assert.equal(joinPath('a/b', 'c'), 'a/b/c');
    assert.equal(parentPath('a/b/c'), 'a/b');
    assert.equal(parentPath('a'), '');
  });

  test('safe paths stay below their root', () => {
    for (const good of ['a', 'a/b', '...', '..a', 'a/.b', ' ', '\\', '~', 'C:', 'a\nb'])
      assert.ok(isSafePath(good), good);
    for (const bad of [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      './a',
      'a/.',
      'a/../b',
      '../a',
      'a/..',
      'a\0b',
    ]) {
      assert.ok(!isSafePath(bad), bad);
    }
  });
});

describe('text for a terminal', () => {
  test('nothing that a terminal or a reader obeys is left', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(
          printable(text),
          /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u,
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('known attacks', () => {
    assert.equal(printable('\u001b[2J\u001b]0;title\u0007'), '\\u001b[2J\\u001b]0;title\\u0007');
    assert.equal(printable('file\u202egpj.exe'), 'file\\u202egpj.exe');
    assert.equal(printable('a\rb'), 'a\\u000db');
    assert.equal(printable('\u009b31m'), '\\u009b31m');
    assert.equal(pathToText('caf\xc3\xa9'), 'café');
    assert.equal(pathToText('\xff'), '\ufffd');
  });

  test('plain text, tabs and newlines stay as they are', () => {
    const text = 'Größe 10 €\t— 日本語 👍\n';
    assert.equal(printable(text), text);
  });
});

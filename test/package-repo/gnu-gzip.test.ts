import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { gunzipExactly, gzip } from '../../package-repo/delta-gzip.js';
import { gnuDeflate } from '../../package-repo/gnu-gzip.js';
import { lacks } from './support.js';

/** Text and binary of many shapes, so that every kind of block and match comes up. */
const contents = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)),
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        fc.tuple(fc.nat(255), fc.nat(70_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
      ),
      { maxLength: 12 },
    ),
    fc.array(fc.nat(11), { maxLength: 300 }),
  )
  .map(([parts, order]) =>
    Buffer.concat(order.map((i) => parts[i % Math.max(1, parts.length)] ?? Buffer.alloc(0))),
  );

function byGzip(input: Buffer, level: number): Buffer {
  const { stdout, status } = spawnSync('gzip', [`-${level}n`], { input, maxBuffer: 1 << 30 });
  assert.equal(status, 0);
  return stdout;
}

// long enough for several blocks and for the window to slide
function prose(words: number, seed: number): Buffer {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const vocabulary = Array.from({ length: 400 }, () =>
    Array.from({ length: 2 + next(9) }, () => String.fromCharCode(97 + next(26))).join(''),
  );
  return Buffer.from(Array.from({ length: words }, () => vocabulary[next(400)]).join(' '));
}

test('gzip -9n of GNU gzip, byte for byte', { skip: lacks('gzip') }, () => {
  const long = [
    Buffer.alloc(0),
    Buffer.from('a'),
    prose(200_000, 1),
    Buffer.concat([prose(30_000, 2), Buffer.alloc(200_000), prose(30_000, 2)]),
    Buffer.from(Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24)),
  ];
  for (const input of long) assert.ok(gzip(input).equals(byGzip(input, 9)), `${input.length} bytes`);
  fc.assert(
    fc.property(contents, (input) => {
      assert.ok(gzip(input).equals(byGzip(input, 9)));
    }),
    { numRuns: 60 },
  );
});

test('levels 4 to 8 too', { skip: lacks('gzip') }, () => {
  const input = prose(60_000, 3);
  for (const level of [4, 5, 6, 7, 8])
    assert.ok(gnuDeflate(input, level).equals(byGzip(input, level).subarray(10, -8)), `level ${level}`);
  assert.throws(() => gnuDeflate(input, 3), RangeError);
});

test('what it writes unpacks to what went in', () => {
  fc.assert(
    fc.property(contents, (input) => {
      assert.ok(inflateRawSync(gnuDeflate(input, 9)).equals(input));
    }),
    { numRuns: 200 },
  );
});

test('only a file that can be made again exactly is taken apart', { skip: lacks('gzip') }, () => {
  const input = prose(1000, 4);
  assert.ok(gunzipExactly(byGzip(input, 9))?.equals(input));
  assert.equal(gunzipExactly(byGzip(input, 6)), undefined);
  assert.equal(gunzipExactly(Buffer.concat([byGzip(input, 9), Buffer.from('x')])), undefined);
  assert.equal(gunzipExactly(Buffer.concat([byGzip(input, 9), byGzip(input, 9)])), undefined);
  assert.equal(gunzipExactly(input), undefined);
});

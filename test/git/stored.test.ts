/** Stored zlib streams: whatever is read without zlib, zlib reads the same way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { readStored } from '../../git/stored.js';

// Blocks of their own making: zlib cuts at places of its choice.
function stored(parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const blocks = parts.map((part, i) => {
    const head = Buffer.alloc(5);
    head[0] = i === parts.length - 1 ? 1 : 0;
    head.writeUInt16LE(part.length, 1);
    head.writeUInt16LE(part.length ^ 0xffff, 3);
    return Buffer.concat([head, part]);
  });
  return Buffer.concat([
    Buffer.from([0x78, 0x01]),
    ...blocks,
    deflateSync(body, { level: 0 }).subarray(-4), // the checksum
  ]);
}

const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });

test('what is stored comes out, with the length of the stream', () => {
  fc.assert(
    fc.property(parts, fc.uint8Array({ maxLength: 30 }), (each, after) => {
      const stream = stored(each);
      const body = Buffer.concat(each);
      const found = readStored(Buffer.concat([stream, after]), body.length);
      assert.ok(found !== undefined);
      assert.deepEqual(found.body, body);
      assert.equal(found.used, stream.length);
    }),
  );
  const large = Buffer.alloc(200_000, 255);
  assert.deepEqual(readStored(deflateSync(large, { level: 0 }), large.length)?.body, large);
});

test('whatever is accepted, changed bytes included, zlib accepts and reads the same', () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      parts,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 2 }),
      fc.integer({ min: -2, max: 2 }),
      (each, flips, off) => {
        const stream = stored(each);
        for (const [at, bits] of flips) stream[at % stream.length] = (stream[at % stream.length] ?? 0) ^ bits;
        const size = Math.max(0, Buffer.concat(each).length + off);
        const found = readStored(stream, size);
        if (found === undefined) return;
        accepted++;
        const judged = inflateSync(stream.subarray(0, found.used));
        assert.deepEqual(found.body, judged);
        assert.equal(judged.length, size);
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(accepted > 100, `${accepted} accepted`);
});

test('what zlib packs, cuts short or pads otherwise is left to zlib', () => {
  const body = Buffer.from('contents '.repeat(50));
  assert.equal(readStored(deflateSync(body), body.length), undefined);
  const stream = stored([body]);
  for (let cut = 0; cut < stream.length; cut += 7)
    assert.equal(readStored(stream.subarray(0, cut), body.length), undefined);
  assert.equal(readStored(stream, body.length - 1), undefined);
  assert.equal(readStored(stream, body.length + 1), undefined);
});

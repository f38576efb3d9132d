/** The head of a core is read once while it is looked at, and not kept afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headOnce } from '../../cli/workflows/head-once.js';
import { limits, type ByteSource } from '../../model/index.js';

const CHUNK = limits.RELEASE_CHUNK;
const all = Buffer.from(Array.from({ length: CHUNK + 1000 }, (_, i) => i % 251));

function source(): { from: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    reads,
    from: {
      byteLength: all.length,
      async *read(offset, length) {
        reads.push([offset, length]);
        if (offset + length > all.length) throw new RangeError('beyond');
        for (let at = offset; at < offset + length; at += 100_000)
          yield all.subarray(at, Math.min(at + 100_000, offset + length));
      },
    },
  };
}

async function bytes(from: ByteSource, offset: number, length: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of from.read(offset, length)) parts.push(part);
  return Buffer.concat(parts);
}

test('what lies in the first chunk is read with it, once; the rest is passed on', async () => {
  const { from, reads } = source();
  const once = headOnce(from);
  const [one, two] = await Promise.all([bytes(once, 0, 40), bytes(once, 40, CHUNK - 40)]);
  assert.ok(Buffer.concat([one, two]).equals(all.subarray(0, CHUNK)));
  assert.deepEqual(reads, [[0, CHUNK]]);
  assert.ok((await bytes(once, CHUNK - 10, 20)).equals(all.subarray(CHUNK - 10, CHUNK + 10)));
  assert.deepEqual(reads.at(-1), [CHUNK - 10, 20]);
});

test('after forget() nothing is kept', async () => {
  const { from, reads } = source();
  const once = headOnce(from);
  await bytes(once, 0, 10);
  once.forget();
  await bytes(once, 0, 10);
  assert.deepEqual(reads, [
    [0, CHUNK],
    [0, 10],
  ]);
});

test('a small core is its own head; what is out of bounds, or cannot be read, is the source’s to say', async () => {
  const small: ByteSource = { byteLength: 5, read: async function* () { yield Buffer.from('hello'); } }; // prettier-ignore
  assert.equal((await bytes(headOnce(small), 1, 3)).toString(), 'ell');
  const { from } = source();
  await assert.rejects(bytes(headOnce(from), CHUNK, 5000), RangeError);
  const failing: ByteSource = { byteLength: 5, read: async function* () { yield* []; throw new Error('gone'); } }; // prettier-ignore
  const once = headOnce(failing);
  await assert.rejects(bytes(once, 0, 2), /gone/);
  await assert.rejects(bytes(once, 0, 2), /gone/);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compress,
  decompress,
  ZSTD_VERSION,
  zstdEngines,
  type ZstdEngine,
} from '../../package-repo/index.js';
import { GtpkgError } from '../../model/index.js';
import { concat, lacks } from './support.js';

const engines = await zstdEngines();
const names = [...engines.keys()];
const pinned = names.filter((name) => engines.get(name) === ZSTD_VERSION);
// something like a payload: code, repetition, noise
const sample = Buffer.concat([
  await readFile(process.execPath).then((x) => x.subarray(1 << 20, (1 << 20) + 700_001)),
  Buffer.alloc(300_000, 'abc'),
  randomBytes(50_000),
]);

function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}
const packed = (bytes: Buffer, engine: ZstdEngine, level = 3, size = 65_536): Promise<Buffer> =>
  concat(compress(cut(bytes, size), { level, engine }));
const unpacked = (bytes: Buffer, engine: ZstdEngine, maxOutput = 1 << 24): Promise<Buffer> =>
  concat(decompress(cut(bytes, 10_000), { maxOutput, engine }));

test('the WebAssembly engine is the pinned version: it is the one that every machine has', () => {
  assert.ok(pinned.includes('wasm'), JSON.stringify([...engines]));
});

test('every engine of the pinned version gives the same bytes, however the input is cut', async () => {
  for (const level of [1, 3, 19]) {
    for (const length of [0, 1, 131_071, 131_072, 131_073, 262_144, sample.length]) {
      const results = new Set<string>();
      for (const engine of pinned) {
        for (const size of [7919, 65_536, 1 << 20]) {
          if (level === 19 && size !== 65_536) continue;
          const bytes = await packed(sample.subarray(0, length), engine, level, size);
          results.add(createHash('sha256').update(bytes).digest('hex'));
        }
      }
      assert.equal(results.size, 1, `level ${level}, ${length} bytes`);
    }
  }
});

test('every engine reads what every engine writes', async () => {
  for (const writer of names) {
    const bytes = await packed(sample, writer);
    for (const reader of names)
      assert.ok((await unpacked(bytes, reader)).equals(sample), `${writer} → ${reader}`);
  }
});

test('round trip of any bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.constantFrom(...names), async (bytes, engine) => {
      assert.deepEqual(await unpacked(await packed(Buffer.from(bytes), engine), engine), Buffer.from(bytes));
    }),
    { numRuns: 50 },
  );
});

test(
  'files of the zstd tool: checksums, stated sizes, several and skippable frames',
  { skip: lacks('zstd') },
  async () => {
    const made = (...args: string[]): Buffer =>
      execFileSync('zstd', ['-q', '-c', ...args], { input: sample, maxBuffer: 1 << 26 });
    const whole = made('-5');
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    for (const engine of names) {
      assert.ok((await unpacked(whole, engine)).equals(sample));
      assert.ok(
        (await unpacked(made('-1', '--no-check', `--stream-size=${sample.length}`), engine)).equals(sample),
      );
      const two = Buffer.concat([skippable, whole, whole]);
      const out = await concat(decompress([two], { maxOutput: 1 << 24, frames: true, engine }));
      assert.ok(out.equals(Buffer.concat([sample, sample])));
      await assert.rejects(unpacked(two, engine), { code: 'RELEASE_MALFORMED' });
      const badSum = Buffer.from(whole);
      badSum[badSum.length - 1] = (badSum.at(-1) ?? 0) ^ 1;
      await assert.rejects(unpacked(badSum, engine), { code: 'RELEASE_MALFORMED' }, engine);
    }
  },
);

test('the zstd tool reads our files', { skip: lacks('zstd') }, async () => {
  const bytes = await packed(sample, 'wasm', 9);
  assert.ok(execFileSync('zstd', ['-q', '-d', '-c'], { input: bytes, maxBuffer: 1 << 26 }).equals(sample));
});

test('attack: cut short, trailing bytes, other formats', async () => {
  const bytes = await packed(sample.subarray(0, 3000), 'wasm');
  for (const engine of names) {
    for (let length = 0; length < bytes.length; length += 97)
      await assert.rejects(unpacked(bytes.subarray(0, length), engine), { code: 'RELEASE_MALFORMED' });
    for (const bad of [
      Buffer.concat([bytes, Buffer.alloc(1)]),
      Buffer.concat([bytes, bytes]),
      Buffer.from('nonsense'),
    ]) {
      await assert.rejects(unpacked(bad, engine), { code: 'RELEASE_MALFORMED' });
    }
  }
});

test('any damage is an error of ours or gives other bytes, never a crash', async () => {
  const bytes = await packed(sample.subarray(0, 20_000), 'wasm');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom(...names),
      async (at, flip, engine) => {
        const bad = Buffer.from(bytes);
        bad[at] = (bad[at] ?? 0) ^ flip;
        await unpacked(bad, engine).catch((error: unknown) =>
          assert.ok(error instanceof GtpkgError, String(error)),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('attack: a bomb stops at the bound, one block behind it at the most', async () => {
  const bomb = await packed(Buffer.alloc(64 << 20), 'wasm');
  assert.ok(bomb.length < 10_000);
  for (const engine of names) {
    let seen = 0;
    const reading = (async () => {
      for await (const chunk of decompress([bomb], { maxOutput: 1 << 20, engine })) seen += chunk.length;
    })();
    await assert.rejects(reading, { code: 'LIMIT_EXCEEDED' });
    assert.ok(seen <= 1 << 20);
  }
});

test('attack: blocks of nonsense', async () => {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68]);
  const block = (type: number, body: Buffer): Buffer => {
    const out = Buffer.alloc(3);
    out.writeUIntLE(1 | (type << 1) | (body.length << 3), 0, 3);
    return Buffer.concat([head, out, body]);
  };
  for (const engine of names) {
    assert.deepEqual(await unpacked(block(0, Buffer.from('plain')), engine), Buffer.from('plain'));
    for (const bad of [
      block(2, Buffer.alloc(50, 0xff)),
      block(2, Buffer.from('nonsense')),
      block(2, Buffer.alloc(0)),
      block(3, Buffer.from('x')),
    ]) {
      await assert.rejects(unpacked(bad, engine), { code: 'RELEASE_MALFORMED' }, engine);
    }
  }
});

test('attack: a window of 2 GiB is refused, not allocated', async () => {
  // magic, no flags, window descriptor 31 - 10 << 3, one raw block of one byte
  const bytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3, 0x09, 0x00, 0x00, 0x41]);
  const before = process.memoryUsage().rss;
  for (const engine of names) await assert.rejects(unpacked(bytes, engine), { code: 'RELEASE_MALFORMED' });
  assert.ok(process.memoryUsage().rss - before < 256 << 20);
});

test('an error of the source passes as it is, and the source is closed when the reader stops', async () => {
  let closed = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield (await packed(sample, 'wasm')).subarray(0, 200_000);
      throw new GtpkgError('BLOCKS_MISSING', 'nobody has it');
    } finally {
      closed = true;
    }
  };
  await assert.rejects(concat(decompress(source(), { maxOutput: 1 << 24 })), { code: 'BLOCKS_MISSING' });
  assert.ok(closed);
  closed = false;
  for await (const _ of decompress(source(), { maxOutput: 1 << 24 })) break;
  assert.ok(closed);
});

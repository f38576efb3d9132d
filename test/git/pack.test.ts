import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import {
  readPack,
  writePack,
  type GitObject,
  type ObjectType,
  type PackItem,
  type PackLimits,
} from '../../git/index.js';
import { concat, git, inTemp, lacks } from './support.js';

const LIMITS: PackLimits = { maxObjects: 100, maxObjectSize: 1 << 24, maxTotal: 1 << 25 };
const item = (type: ObjectType, body: Uint8Array): PackItem => ({
  type,
  size: body.length,
  content: () => body,
});
const pack = async (items: PackItem[], level?: number): Promise<Buffer> =>
  concat(writePack(items, level === undefined ? {} : { level }));

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: AsyncIterable<Uint8Array> | Uint8Array, bounds = LIMITS): Promise<GitObject[]> {
  const objects: GitObject[] = [];
  for await (const { type, body } of readPack(bytes, bounds)) objects.push({ type, body });
  return objects;
}

// A pack around hand-made entries.
function forge(count: number, ...entries: Buffer[]): Buffer {
  const head = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(count, 8);
  const body = Buffer.concat([head, ...entries]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}
const entry = (code: number, size: number, data: Buffer): Buffer => {
  const head: number[] = [(code << 4) | (size & 15)];
  for (let rest = size >>> 4; rest > 0; rest >>>= 7) {
    head[head.length - 1] = (head.at(-1) ?? 0) | 128;
    head.push(rest & 127);
  }
  return Buffer.concat([Buffer.from(head), data]);
};

const bodies = fc.uniqueArray(fc.uint8Array({ maxLength: 3000 }), {
  maxLength: 8,
  selector: (x) => Buffer.from(x).toString('hex'),
});

test('what is written is read again, at any level and however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      bodies,
      fc.constantFrom(undefined, 0, 1, 9),
      fc.integer({ min: 1, max: 500 }),
      async (list, level, size) => {
        const bytes = await pack(
          list.map((body) => item('blob', body)),
          level,
        );
        for (const source of [bytes, cut(bytes, size)]) {
          assert.deepEqual(
            (await read(source)).map(({ body }) => body),
            list.map((body) => Buffer.from(body)),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test(
  'plain git reads our packs, stored ones and large streamed ones too',
  { skip: lacks('git') },
  async () => {
    await inTemp(async (dir) => {
      git(dir, 'init', '-q', '--bare', '.');
      const large = Buffer.alloc(5 << 20, 'gtpkg ');
      for (const level of [undefined, 0]) {
        for (const size of [0, 1, 65_535, 65_536, 131_070, 200_000]) {
          const streamed = { type: 'blob' as const, size: large.length, content: () => cut(large, 70_001) };
          await writeFile(
            `${dir}/x.pack`,
            await pack([item('blob', Buffer.alloc(size, 1)), streamed], level),
          );
          git(dir, 'index-pack', '--strict', 'x.pack');
          assert.equal(
            git(dir, 'verify-pack', '-v', 'x.idx')
              .split('\n')
              .filter((line) => line.includes(' blob ')).length,
            2,
          );
        }
      }
    });
  },
);

test('stored packs do not depend on zlib nor on how contents are cut', async () => {
  const body = Buffer.alloc(200_000, 'abc');
  const whole = await pack([item('blob', body)], 0);
  for (const size of [1000, 65_535, 65_536]) {
    assert.deepEqual(
      await pack([{ type: 'blob', size: body.length, content: () => cut(body, size) }], 0),
      whole,
    );
  }
  assert.equal(
    createHash('sha256').update(whole).digest('hex'),
    '1ab00269e0879921fd7ba22fb941a4b3d893d12394551938903a16cc69297763',
  );
});

test('contents of another size than stated are refused while writing', async () => {
  for (const size of [9, 11]) {
    await assert.rejects(pack([{ type: 'blob', size, content: () => Buffer.alloc(10) }]), {
      code: 'OBJECT_CORRUPT',
    });
    for (const level of [0, 6])
      await assert.rejects(pack([{ type: 'blob', size, content: () => cut(Buffer.alloc(10), 4) }], level), {
        code: 'OBJECT_CORRUPT',
      });
  }
});

test('an error of the contents ends the pack, also in the middle of a large object', async () => {
  const broken = async function* (): AsyncGenerator<Buffer> {
    for (let i = 0; i < 40; i++) yield Buffer.alloc(100_000, i);
    throw new Error('disk on fire');
  };
  await assert.rejects(pack([{ type: 'blob', size: 1 << 23, content: broken }]), /disk on fire/);
});

test('every flipped byte of a pack is refused or caught by its checksum', async () => {
  const bytes = await pack([
    item('blob', Buffer.from('hello')),
    item('tree', Buffer.alloc(0)),
    item('blob', Buffer.alloc(400, 5)),
  ]);
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [1, 0x80]) {
      const bad = Buffer.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ bit;
      await assert.rejects(
        read(bad),
        (error: { code: string }) => ['PACK_MALFORMED', 'LIMIT_EXCEEDED'].includes(error.code),
        `byte ${at}`,
      );
    }
  }
});

test('attack: packs cut short, with trailing bytes, with an object twice', async () => {
  const bytes = await pack([item('blob', Buffer.from('hello'))]);
  for (let length = 0; length < bytes.length; length++)
    await assert.rejects(read(bytes.subarray(0, length)), { code: 'PACK_MALFORMED' });
  await assert.rejects(read(Buffer.concat([bytes, Buffer.from('x')])), { code: 'PACK_MALFORMED' });
  await assert.rejects(read(await pack([item('blob', Buffer.from('a')), item('blob', Buffer.from('a'))])), {
    code: 'PACK_MALFORMED',
  });
  const stream = entry(3, 1, deflateSync('a'));
  // the checksum is taken for an object
  await assert.rejects(read(forge(2, stream)), /The pack is/);
  await assert.rejects(read(forge(0, stream)), { code: 'PACK_MALFORMED' });
});

test('attack: deltas and unknown types', async () => {
  for (const code of [0, 5, 6, 7])
    await assert.rejects(read(forge(1, entry(code, 1, deflateSync('a')))), { code: 'PACK_MALFORMED' });
});

test('attack: pack bombs stop at the stated size, and the stated size at the limit', async () => {
  const bomb = deflateSync(Buffer.alloc(1 << 26), { level: 9 });
  await assert.rejects(read(forge(1, entry(3, 10, bomb))), { code: 'PACK_MALFORMED' });
  await assert.rejects(read(forge(1, entry(3, 1 << 26, bomb))), { code: 'LIMIT_EXCEEDED' });
  await assert.rejects(read(forge(0xffff_ffff)), { code: 'LIMIT_EXCEEDED' });
  const many = await pack([1, 2, 3].map((n) => item('blob', Buffer.alloc(1000, n))));
  await assert.rejects(read(many, { ...LIMITS, maxTotal: 2500 }), { code: 'LIMIT_EXCEEDED' });
  await assert.rejects(read(many, { ...LIMITS, maxObjects: 2 }), { code: 'LIMIT_EXCEEDED' });
});

test('attack: a size of absurd length, a size with leading zeros, padding by empty deflate blocks', async () => {
  const long = Buffer.concat([Buffer.from([0xb1, ...Array<number>(9).fill(0xff), 1]), deflateSync('a')]);
  await assert.rejects(read(forge(1, long)), { code: 'PACK_MALFORMED' });
  await assert.rejects(read(forge(1, Buffer.concat([Buffer.from([0xb1, 0x80, 0]), deflateSync('a')]))), {
    code: 'PACK_MALFORMED',
  });
  const empty = Buffer.from([0, 0, 0, 0xff, 0xff]);
  const padded = Buffer.concat([
    Buffer.from([0x78, 1]),
    ...Array<Buffer>(1000).fill(empty),
    deflateSync('a').subarray(2),
  ]);
  await assert.rejects(read(forge(1, entry(3, 1, padded))), { code: 'PACK_MALFORMED' });
});

test('a reader that stops early closes its source', async () => {
  let closed = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield await pack([item('blob', Buffer.from('a')), item('blob', Buffer.from('b'))]);
    } finally {
      closed = true;
    }
  };
  for await (const _ of readPack(source(), LIMITS)) break;
  assert.ok(closed);
});

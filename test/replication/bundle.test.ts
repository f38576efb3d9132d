/**
 * Bundles between depots: what comes out of one store is whole in another, and whatever is done to the file, no wrong byte is taken.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, truncate } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, limits, type CoreKey, type CoreRef } from '../../model/index.js';
import {
  bundleWriter,
  openBundle,
  openLogProof,
  type BundleContents,
  type Depot,
} from '../../replication/index.js';
import { encodeCoreHead, encodeHead, encodeList, MAGIC } from '../../replication/bundle-format.js';
import { code, collect, World } from './world.js';

const LIMIT = { timeout: 120_000 };
const CHUNK = limits.RELEASE_CHUNK;
/** what may be said of a file that somebody tampered with; anything else is a crash */
const HONEST = ['BUNDLE_MALFORMED', 'BLOCKS_MISSING', 'CORE_MISMATCH'];

let world: World;
let depot: Depot;
let logKey: CoreKey;
let blocks: Buffer[];
let contents: BundleContents;
let cores: readonly { readonly ref: CoreRef; readonly bytes: Buffer }[];
let stick: Buffer;
let places: { readonly logAt: number; readonly logEnd: number; readonly coresAt: readonly number[] };
let files = 0;

/** A file with these bytes. */
function file(bytes: Uint8Array): Promise<string> {
  return world.file(`file-${files++}`, bytes);
}

let homes = 0;
async function fresh(): Promise<Depot> {
  const name = `home-${homes++}`;
  await mkdir(world.path(name), { recursive: true });
  return world.depot(name, { offline: true });
}

/** Takes all that a file has, as an importer would that was told of these cores and this log by a verified index. */
async function takeAll(into: Depot, path: string): Promise<{ log: boolean }> {
  const bundle = await openBundle(path);
  try {
    for (const { ref } of cores) {
      const part = bundle.cores.get(ref.key);
      if (part === undefined || part.ref.byteLength !== ref.byteLength) continue;
      await into.putPart(part).catch(honest);
    }
    const range = bundle.logs.get(logKey);
    if (range === undefined) return { log: false };
    const verified = await bundle.log(logKey).catch(honest);
    const taken = await into.putLogProof(range).catch(honest);
    if (verified !== undefined) {
      assert.equal(verified.length, blocks.length);
      for (const index of verified.blocks) assert.ok(blocks[index]?.equals(verified.block(index)));
    }
    return { log: taken?.taken === true };
  } finally {
    await bundle.close();
  }
}

function honest(error: unknown): undefined {
  assert.ok(error instanceof GtpkgError && HONEST.includes(error.code), String(error));
}

/** What a depot holds of the cores is what they are. */
async function nothingWrong(of: Depot): Promise<number> {
  let bytes = 0;
  for (const { ref, bytes: right } of cores) {
    for (let at = 0; at < ref.byteLength; at += CHUNK) {
      const end = Math.min(ref.byteLength, at + CHUNK);
      const got = await collect(of.source(ref).read(at, end - at)).catch(honest);
      if (got === undefined) continue;
      assert.ok(right.subarray(at, end).equals(got), 'a wrong byte was taken');
      bytes += got.length;
    }
  }
  const log = await of.openLog(logKey, { offline: true });
  for (let index = 0; index < log.length; index++) {
    const block = await log.get(index).catch((error: unknown) => {
      assert.ok(error instanceof GtpkgError && error.code === 'OFFLINE', String(error));
    });
    if (block !== undefined) assert.ok(blocks[index]?.equals(block), 'a wrong block was taken');
  }
  await log.close();
  return bytes;
}

before(async () => {
  world = await World.create();
  depot = await world.depot('origin', { offline: true });
  logKey = await depot.createLog('main');
  blocks = Array.from({ length: 13 }, (_, i) => randomBytes(20 * (i + 1)));
  const log = await depot.openLog(logKey);
  await log.append(blocks);
  await log.close();
  const sizes = [1, CHUNK, 3 * CHUNK + 17, 100];
  cores = await Promise.all(
    sizes.map(async (size) => {
      const bytes = randomBytes(size);
      return { bytes, ref: await depot.putStaticBytes(bytes) };
    }),
  );
  contents = {
    list: {
      distributions: [{ introduction: 'gtpkg://…', name: 'acme', sequence: 3 }],
      releases: cores.map(({ ref }, i) => ({
        name: `p${i}`,
        version: '1',
        architecture: 'all',
        core: ref,
      })),
    },
    logs: [await depot.readLogProof(logKey, 9)],
    cores: cores.map(({ ref }) => ref),
  };
  const { bundleSize, writeBundle } = await bundleWriter();
  const chunks: Uint8Array[] = [];
  let told = 0;
  await writeBundle(depot, contents, {
    write: async (bytes) => void chunks.push(Buffer.from(bytes)),
    onProgress: (done) => (told = done),
  });
  stick = Buffer.concat(chunks);
  assert.equal(stick.length, bundleSize(contents));
  assert.equal(told, stick.length);
  const logAt = MAGIC.length + 16 + encodeList(contents.list).length;
  const logEnd = logAt + 16 + (contents.logs[0]?.byteLength ?? 0);
  const coresAt: number[] = [];
  for (let at = logEnd, i = 0; i < cores.length; i++) {
    coresAt.push(at);
    at += 16 + 40 + 32 * Math.ceil((sizes[i] ?? 0) / CHUNK) + (sizes[i] ?? 0);
  }
  places = { logAt, logEnd, coresAt };
});
after(() => world.close());

describe('a bundle', () => {
  test('brings every byte, and nothing twice', LIMIT, async () => {
    const path = await file(stick);
    const into = await fresh();
    const bundle = await openBundle(path);
    assert.equal(bundle.damage, undefined);
    assert.deepEqual(bundle.list, contents.list);
    assert.deepEqual(
      [...bundle.cores.keys()],
      contents.cores.map(({ key }) => key),
    );
    for (const { ref, bytes } of cores) assert.ok(bytes.equals(await bundle.bytes(ref)));
    await bundle.close();
    assert.deepEqual(await takeAll(into, path), { log: true });
    assert.equal(
      await nothingWrong(into),
      cores.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    const log = await into.openLog(logKey, { offline: true });
    assert.equal(log.length, blocks.length);
    assert.equal(log.writable, false);
    for (const index of [0, 9, 10, 11, 12]) assert.ok(blocks[index]?.equals(await log.get(index)));
    await assert.rejects(log.get(5), code('OFFLINE'));
    await log.close();
    // what was imported can be exported again, byte for byte but for tree nodes that only the maker has
    const again = await into.readLogProof(logKey, 9);
    assert.equal((await openLogProof(again)).length, blocks.length);
    for (const { ref } of cores) assert.deepEqual(await into.leaves(ref), await depot.leaves(ref));
  });

  test('goes through a daemon as it goes without', LIMIT, async () => {
    await world.process('daemon-home', { daemon: true });
    const into = await world.depot('daemon-home');
    assert.equal(into.remote, true);
    const path = await file(stick);
    let told = 0;
    const bundle = await openBundle(path);
    const part = bundle.cores.get(cores[2]?.ref.key as CoreKey);
    assert.ok(part !== undefined);
    const taken = await into.putPart(part, { onProgress: ({ done }) => (told = done) });
    assert.deepEqual(taken, { held: part.ref.byteLength, wrong: 0 });
    assert.equal(told, part.ref.byteLength);
    await bundle.close();
    assert.deepEqual(await takeAll(into, path), { log: true });
    const chunks: Uint8Array[] = [];
    const { writeBundle } = await bundleWriter();
    const proof = await into.readLogProof(logKey, 9);
    await writeBundle(
      into,
      { ...contents, logs: [proof] },
      { write: async (bytes) => void chunks.push(bytes) },
    );
    const copy = Buffer.concat(chunks);
    assert.ok(copy.subarray(copy.length - 1000).equals(stick.subarray(stick.length - 1000)));
    await assert.rejects(into.putPart({ ...part, path: world.path('nothing') }), code('FILE_NOT_FOUND'));
  });

  test('leads a replica of the index core on from wherever it ends', LIMIT, async () => {
    const lengths = [1, 2, 3, 4, 5, 7, 8, 11, 12, 13];
    const origin = await world.depot('growing', { offline: true });
    const key = await origin.createLog('main');
    const log = await origin.openLog(key);
    const proofs = new Map<number, string>();
    for (let length = 1; length <= 13; length++) {
      await log.append([Buffer.from(`block ${length}`)]);
      proofs.set(length, await file(await origin.readLogProof(key, Math.max(1, length - 3))));
    }
    await log.close();
    const at = async (length: number): Promise<{ path: string; offset: number; length: number }> => {
      const path = proofs.get(length) ?? '';
      return { path, offset: 0, length: (await readFile(path)).length };
    };
    for (const length of lengths) {
      const into = await fresh();
      assert.deepEqual(await into.putLogProof(await at(length)), { length, taken: true });
      assert.deepEqual(await into.putLogProof(await at(13)), { length: 13, taken: true });
      // an older one changes nothing
      const older = await into.putLogProof(await at(length));
      assert.deepEqual(older, { length: 13, taken: length === 13 });
      const replica = await into.openLog(key, { offline: true });
      assert.equal((await replica.get(12)).toString(), 'block 13');
      await replica.close();
      await into.close();
    }
  });
});

describe('a bundle that was cut', () => {
  const cutAt = async (length: number): Promise<void> => {
    const path = await file(stick.subarray(0, length));
    const into = await fresh();
    const bundle = await openBundle(path).catch(honest);
    if (bundle === undefined) assert.ok(length < MAGIC.length);
    else {
      assert.equal(bundle.damage === undefined, length === stick.length);
      await bundle.close();
      const { log } = await takeAll(into, path);
      assert.equal(log, length >= places.logEnd);
      const bytes = await nothingWrong(into);
      const whole = cores.reduce((sum, { ref }, i) => {
        const dataAt = (places.coresAt[i] ?? 0) + 56 + 32 * Math.ceil(ref.byteLength / CHUNK);
        const there = Math.min(ref.byteLength, Math.max(0, length - dataAt));
        return sum + (there === ref.byteLength ? there : there - (there % CHUNK));
      }, 0);
      assert.equal(bytes, whole, `of the first ${length} bytes`);
    }
    // completing it takes the rest
    await takeAll(into, await file(stick));
    assert.equal(
      await nothingWrong(into),
      cores.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    await into.close();
  };

  test('at the boundaries of its records', LIMIT, async () => {
    const { logAt, logEnd, coresAt } = places;
    for (const place of [0, MAGIC.length, logAt, logEnd, ...coresAt, stick.length - 16, stick.length])
      for (const length of [place - 1, place, place + 1, place + 16, place + 56])
        if (length >= 0 && length <= stick.length && length % 3 !== 1) await cutAt(length);
  });

  test('anywhere', LIMIT, async () => {
    await fc.assert(fc.asyncProperty(fc.nat(stick.length), cutAt), { numRuns: 12 });
  });

  test('while it is read', LIMIT, async () => {
    const path = await file(stick);
    const bundle = await openBundle(path);
    const [, , large] = cores;
    const part = bundle.cores.get(large?.ref.key as CoreKey);
    assert.ok(part !== undefined && large !== undefined);
    await truncate(path, part.leavesAt + 4 * 32 + CHUNK + 5);
    const into = await fresh();
    assert.deepEqual(await into.putPart(part), { held: CHUNK, wrong: 0 });
    await assert.rejects(bundle.bytes(large.ref), code('BLOCKS_MISSING'));
    await truncate(path, 20);
    await assert.rejects(into.putPart(part), code('CORE_MISMATCH'));
    await assert.rejects(bundle.log(logKey), code('CORE_MISMATCH'));
    await bundle.close();
    await nothingWrong(into);
  });
});

describe('a bundle that was tampered with', () => {
  test('flipped bits: never a wrong byte, never a crash', LIMIT, async () => {
    const spot = fc.oneof(
      fc.nat(stick.length - 1),
      fc.nat(places.coresAt[0] ?? 0), // the small records get their share
    );
    const flip = fc.record({ at: spot, bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 5 }), async (flips) => {
        const bytes = Buffer.from(stick);
        for (const { at, bit } of flips) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const path = await file(bytes);
        const into = await fresh();
        await openBundle(path)
          .then(async (bundle) => {
            await bundle.close();
            await takeAll(into, path);
          })
          .catch(honest);
        await nothingWrong(into);
        await into.close();
      }),
      { numRuns: 40 },
    );
  });

  test('any bytes for an index core: refused, or the very blocks', LIMIT, async () => {
    const proof = Buffer.from(contents.logs[0] ?? []);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(proof.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        async (at, patch) => {
          const bytes = Buffer.concat([proof.subarray(0, at), patch, proof.subarray(at + patch.length)]);
          const log = await openLogProof(bytes).catch(honest);
          for (const index of log?.blocks ?? [])
            assert.ok(blocks[index]?.equals(log?.block(index) ?? Buffer.of()));
          for (let from = 0; from < 13; from++) log?.upgradeFrom(from);
        },
      ),
      { numRuns: 400 },
    );
    await assert.rejects(openLogProof(Buffer.alloc(0)), code('CORE_MISMATCH'));
    await assert.rejects(openLogProof(Buffer.concat([proof, Buffer.of(0)])), code('CORE_MISMATCH'));
    await assert.rejects(openLogProof(randomBytes(5000)), code('CORE_MISMATCH'));
  });

  test('right hashes under a wrong key, wrong content under right hashes', LIMIT, async () => {
    const [, second, third] = cores;
    assert.ok(second !== undefined && third !== undefined);
    const into = await fresh();
    const leaves = await depot.leaves(second.ref);
    const path = await file(Buffer.concat([leaves, second.bytes]));
    const wrong = { path, leavesAt: 0, ref: { key: third.ref.key, byteLength: second.ref.byteLength } };
    await assert.rejects(into.putPart(wrong), code('CORE_MISMATCH'));
    const right = await depot.leaves(third.ref);
    const bytes = Buffer.from(third.bytes);
    bytes[CHUNK] = (bytes[CHUNK] ?? 0) ^ 1;
    const forged = { path: await file(Buffer.concat([right, bytes])), leavesAt: 0, ref: third.ref };
    const good = third.ref.byteLength - CHUNK;
    assert.deepEqual(await into.putPart(forged), { held: good, wrong: 1 });
    assert.equal(await nothingWrong(into), good);
    // the missing block alone comes from a better copy
    const better = { ...forged, path: await file(Buffer.concat([right, third.bytes])) };
    assert.deepEqual(await into.putPart(better), { held: third.ref.byteLength, wrong: 0 });
  });

  test('records that lie about order, number and size', LIMIT, async () => {
    const list = encodeList(contents.list);
    const listed = Buffer.concat([MAGIC, encodeHead('list', list.length), list]);
    const log = Buffer.from(contents.logs[0] ?? []);
    const logged = Buffer.concat([encodeHead('log ', log.length), log]);
    const [first, second] = places.coresAt;
    const core = stick.subarray(first, second);
    const end = encodeHead('end ', 0);
    const huge = Buffer.from(encodeHead('core', 0));
    huge.writeBigUInt64LE(2n ** 63n, 8);
    const large = encodeHead('core', 2 ** 50);
    const ref = cores[0]?.ref as CoreRef;
    const zero = Buffer.concat([encodeHead('core', 40), encodeCoreHead({ ...ref, byteLength: 0 })]);
    const short = Buffer.concat([encodeHead('core', 73), encodeCoreHead({ ...ref, byteLength: 2 })]);
    const bomb = encodeCoreHead({ ...ref, byteLength: 2 ** 49 });
    const notZero = Buffer.from(core);
    notZero[5] = 1;
    /** name → file, cores and logs that are still found in it */
    const cases: Record<string, [Buffer[], number, number]> = {
      'no list': [[MAGIC, logged, core, end], 0, 0],
      'list twice': [[listed, encodeHead('list', list.length), list, core, end], 0, 0],
      'core before log': [[listed, core, logged, end], 1, 0],
      'core twice': [[listed, logged, core, core, end], 1, 1],
      'log twice': [[listed, logged, logged, core, end], 0, 1],
      'after the end': [[listed, logged, core, end, core], 1, 1],
      'end with a body': [[listed, core, encodeHead('end ', 1), Buffer.of(0)], 1, 0],
      'unknown kind': [[listed, core, Buffer.from('what'), Buffer.alloc(12), end], 1, 0],
      'reserved bytes': [[listed, notZero, end], 0, 0],
      'size beyond all numbers': [[listed, huge, core, end], 0, 0],
      'size beyond the file': [[listed, large, bomb, core, end], 0, 0],
      'core of nothing': [[listed, zero, end], 0, 0],
      'core of another size': [[listed, short, core, end], 0, 0],
      'log of nothing': [[listed, encodeHead('log ', 0), core, end], 0, 0],
      'list that is none': [[MAGIC, encodeHead('list', 2), Buffer.from('[]'), core, end], 0, 0],
      'list of other things': [
        [
          MAGIC,
          encodeHead('list', 54),
          Buffer.from('{"format":"gtpkg-bundle-list 1","distributions":[],"releases":[3]}'.slice(0, 54)),
          core,
          end,
        ],
        0,
        0,
      ],
    };
    for (const [name, [parts, coresFound, logsFound]] of Object.entries(cases)) {
      const bundle = await openBundle(await file(Buffer.concat(parts)));
      assert.match(bundle.damage ?? '', /^(it is damaged|it ends early|bytes follow its end) at byte/, name);
      assert.equal(bundle.cores.size, coresFound, name);
      assert.equal(bundle.logs.size, logsFound, name);
      await bundle.close();
    }
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('gtpkg bundle 1\n'),
      Buffer.from('gtpkg bundle 2\r\n'),
      randomBytes(99),
    ])
      await assert.rejects(openBundle(await file(bytes)), code('BUNDLE_MALFORMED'));
    await assert.rejects(openBundle('/dev/zero'), code('USAGE'));
    await assert.rejects(openBundle(world.path('')), code('USAGE'));
    await assert.rejects(openBundle(world.path('nothing')), code('FILE_NOT_FOUND'));
  });

  test('a store that rots is noticed before it is carried on', LIMIT, async () => {
    const { writeBundle } = await bundleWriter();
    const rotten: Depot = Object.create(depot) as Depot;
    rotten.source = (ref) => ({
      byteLength: ref.byteLength,
      read: async function* () {
        yield Buffer.alloc(ref.byteLength);
      },
    });
    rotten.leaves = (ref) => depot.leaves(ref);
    await assert.rejects(
      writeBundle(rotten, contents, { write: async () => undefined }),
      code('CORE_MISMATCH'),
    );
    await assert.rejects(
      depot.leaves({ ...(cores[0]?.ref as CoreRef), byteLength: 2 }),
      code('CORE_MISMATCH'),
    );
    await assert.rejects(depot.readLogProof(cores[0]?.ref.key as CoreKey, 1), code('BLOCKS_MISSING'));
  });
});

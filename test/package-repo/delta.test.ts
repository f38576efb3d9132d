import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { GtpkgError, type Basis, type VerifiedRelease } from '../../model/index.js';
import { fileSource, readDirectory, verifyDelta, writeDelta } from '../../package-repo/index.js';
import { DELTA_HEADER_SIZE } from '../../package-repo/delta-format.js';
import { gzip } from '../../package-repo/delta-gzip.js';
import { findMoves } from '../../package-repo/delta-match.js';
import {
  bytesSource,
  control,
  extract,
  makeKey,
  publish,
  type MemorySink,
  type Published,
  type TestKey,
} from './support.js';

let dir: string;
let key: TestKey;
let stranger: TestKey;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gtpkg-test-'));
  key = await makeKey(dir);
  stranger = await makeKey(dir, 'Eve');
});
after(() => rm(dir, { recursive: true, force: true }));

type Files = Readonly<Record<string, Buffer | string>>;

/** Publishes a version of the package `name` with these files. */
async function release(name: string, version: string, files: Files, extra: Files = {}): Promise<Published> {
  const tree = await mkdtemp(join(dir, 'tree-'));
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(tree, 'data', path, '..'), { recursive: true });
    await writeFile(join(tree, 'data', path), bytes);
  }
  await mkdir(join(tree, 'data'), { recursive: true });
  await writeFile(join(tree, 'control'), control({ Package: name, Version: version }));
  for (const [path, bytes] of Object.entries(extra)) {
    await mkdir(join(tree, path, '..'), { recursive: true });
    await writeFile(join(tree, path), bytes);
  }
  await chmod(tree, 0o755);
  return publish(dir, await readDirectory(tree), key);
}

/** Files of a release in memory as a basis. */
function basisOf(
  release: Published,
  manifest: Pick<Basis, 'manifest' | 'manifestBytes'>,
  files: Files,
): Basis {
  return {
    tree: release.tree,
    ...manifest,
    open: (entry) => {
      const bytes = Buffer.from(files[entry.path] ?? '');
      if (bytes.length !== entry.size)
        return Promise.reject(new GtpkgError('DELTA_UNUSABLE', `${entry.path} is not as it was`));
      return Promise.resolve({
        size: bytes.length,
        read: (offset, length) => Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length))),
        close: () => Promise.resolve(),
      });
    },
  };
}

interface Upgrade {
  readonly old: Published;
  readonly fresh: Published;
  readonly delta: Buffer;
  readonly basis: Basis;
}

let counter = 0;

async function upgrade(
  before: Files,
  after: Files,
  extra: { old?: Files; fresh?: Files } = {},
): Promise<Upgrade> {
  const name = `pkg${counter++}`;
  const old = await release(name, '1.0', before, extra.old);
  const { describeRelease } = await import('../../package-repo/index.js');
  const { formatManifest } = await import('../../model/index.js');
  const { manifest } = await describeRelease(old.repo, old.id);
  const fresh = await release(name, '1.1', after, extra.fresh);
  const outFile = join(dir, `${name}.delta`);
  const written = await writeDelta({ repoDir: fresh.repo, from: old.id, to: fresh.id, outFile });
  assert.ok(written);
  assert.equal(written.from, old.tree);
  const delta = await readFile(outFile);
  assert.equal(delta.length, written.byteLength);
  return {
    old,
    fresh,
    delta,
    basis: basisOf(old, { manifest, manifestBytes: formatManifest(manifest) }, before),
  };
}

function verify({ fresh, delta, basis }: Upgrade, keys = [key]): Promise<VerifiedRelease> {
  return verifyDelta({
    source: bytesSource(delta),
    pin: fresh.pin,
    keys: keys.map(({ publicKey }) => publicKey),
    now: new Date(),
    basis,
  });
}

function check(sink: MemorySink, files: Files): void {
  assert.deepEqual([...sink.files.keys()].sort(), Object.keys(files).sort());
  for (const [path, bytes] of Object.entries(files))
    assert.ok(sink.files.get(path)?.equals(Buffer.from(bytes)), path);
}

const noise = (length: number, seed: number): Buffer => {
  const out = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
};

/** A program whose addresses moved: one byte in forty is off by one. */
const moved = (bytes: Buffer): Buffer => bytes.map((byte, i) => (i % 40 === 0 ? byte + 1 : byte)) as Buffer;

test('an upgrade: files that stayed, moved, changed, came and went', async () => {
  const code = noise(300_000, 1);
  const text = 'The quick brown fox jumps over the lazy dog.\n'.repeat(800);
  const before: Files = {
    'usr/bin/tool': code,
    'usr/lib/libtool.so.1.2.3': noise(50_000, 2),
    'usr/share/doc/tool/changelog.gz': gzip(Buffer.from(text)),
    'usr/share/tool/same': noise(40_000, 3),
    'usr/share/tool/renamed': noise(30_000, 4),
    'usr/share/tool/gone': noise(10_000, 5),
    'etc/tool.conf': 'a = 1\n',
  };
  const after: Files = {
    'usr/bin/tool': moved(code),
    'usr/lib/libtool.so.1.2.4': moved(noise(50_000, 2)),
    'usr/share/doc/tool/changelog.gz': gzip(Buffer.from(`tool (1.1) unstable\n\n  * News.\n\n${text}`)),
    'usr/share/tool/same': noise(40_000, 3),
    'usr/share/tool/another': noise(30_000, 4),
    'usr/share/tool/fresh': 'brand new\n',
    'usr/share/tool/empty': '',
    'etc/tool.conf': 'a = 2\n',
  };
  const conffiles = { conffiles: '/etc/tool.conf\n' };
  const made = await upgrade(before, after, {
    old: conffiles,
    fresh: { ...conffiles, 'scripts/postinst': '#!/bin/sh\n' },
  });
  const verified = await verify(made);
  assert.equal(verified.control.version, '1.1');
  assert.deepEqual([...verified.scripts.keys()], ['postinst']);
  check(await extract(verified), after);
  // 8,750 bytes are off by one; nothing else is new
  assert.ok(made.delta.length < 12_000, `${made.delta.length} bytes`);
  assert.ok(made.delta.length < made.fresh.pin.core.byteLength / 20);
});

test('a changed conffile is in the delta whole: the user may have edited the old one', async () => {
  const before = { 'etc/tool.conf': 'a = 1\n'.repeat(500), 'usr/x': 'x' };
  const after = { 'etc/tool.conf': `${before['etc/tool.conf']}b = 2\n`, 'usr/x': 'x' };
  const conffiles = { conffiles: '/etc/tool.conf\n' };
  const made = await upgrade(before, after, { old: conffiles, fresh: conffiles });
  const edited = basisOf(made.old, made.basis, { ...before, 'etc/tool.conf': 'mine\n' });
  check(await extract(await verify({ ...made, basis: edited })), after);
});

test('from nothing to something, and back', async () => {
  const some = { 'usr/bin/a': noise(5000, 6) };
  for (const [from, to] of [
    [{}, some],
    [some, {}],
  ] as const) {
    const made = await upgrade(from, to);
    check(await extract(await verify(made)), to);
  }
});

test('a file larger than what is held in memory goes through a window', async () => {
  // MAX_DELTA_FILE is 32 MiB; half of it is matched at once
  const code = noise(34 * 1024 * 1024, 7);
  const shifted = Buffer.concat([noise(1000, 8), code.subarray(0, 20_000_000), code.subarray(20_050_000)]);
  const made = await upgrade({ 'usr/lib/big': code }, { 'usr/lib/big': shifted });
  assert.ok(made.delta.length < 20_000, `${made.delta.length} bytes`);
  check(await extract(await verify(made)), { 'usr/lib/big': shifted });
});

test('any two sets of files', async () => {
  const pool = [
    noise(4000, 9),
    noise(70_000, 10),
    Buffer.from('text '.repeat(3000)),
    gzip(noise(900, 11)),
    Buffer.alloc(0),
  ];
  const file = fc.tuple(fc.nat(pool.length - 1), fc.nat(3), fc.nat(5000)).map(([which, how, at]) => {
    const bytes = pool[which] as Buffer;
    if (how === 0) return bytes;
    if (how === 1) return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
    if (how === 2) return moved(bytes);
    return gzip(bytes.subarray(at));
  });
  const files = fc
    .array(fc.tuple(fc.constantFrom('usr/a', 'usr/b1', 'usr/b2', 'usr/c.gz', 'opt/d.gz'), file), {
      maxLength: 5,
    })
    .map((list) => Object.fromEntries(list) as Files);
  await fc.assert(
    fc.asyncProperty(files, files, async (from, to) => {
      const made = await upgrade(from, to);
      check(await extract(await verify(made)), to);
    }),
    { numRuns: 25 },
  );
});

// --- what an attacker, or a bad disk, may do

const refused = (code: string) => (error: unknown) => error instanceof GtpkgError && error.code === code;
const files: Files = {
  'usr/bin/tool': noise(9000, 12),
  'usr/share/x.gz': gzip(Buffer.from('x y z '.repeat(200))),
};
const newer: Files = {
  'usr/bin/tool': moved(noise(9000, 12)),
  'usr/share/x.gz': gzip(Buffer.from('x y z! '.repeat(200))),
  'usr/share/new': 'new\n',
};

test('a delta for another older release is refused', async () => {
  const made = await upgrade(files, newer);
  const other = await upgrade({ ...files, 'usr/y': 'y' }, newer);
  await assert.rejects(verify({ ...made, basis: other.basis }), refused('RELEASE_MISMATCH'));
});

test('a delta of another release, rightly signed, is refused', async () => {
  const made = await upgrade(files, newer);
  const twin = await upgrade(files, newer);
  await assert.rejects(
    verify({ ...made, delta: twin.delta, basis: { ...made.basis, tree: twin.old.tree } }),
    refused('RELEASE_MISMATCH'),
  );
});

test('a signer that is not accepted is refused', async () => {
  const made = await upgrade(files, newer);
  await assert.rejects(verify(made, [stranger]), refused('SIGNER_UNKNOWN'));
});

test('old files that were changed are found out, and no wrong byte passes as verified', async () => {
  const made = await upgrade(files, newer);
  const changed = {
    ...files,
    'usr/bin/tool': Buffer.from(files['usr/bin/tool'] as Buffer).fill(1, 100, 120),
  };
  const verified = await verify({ ...made, basis: basisOf(made.old, made.basis, changed) });
  await assert.rejects(extract(verified), refused('DELTA_UNUSABLE'));
  const gone = await verify({ ...made, basis: basisOf(made.old, made.basis, {}) });
  await assert.rejects(extract(gone), refused('DELTA_UNUSABLE'));
});

test('any byte of a delta may be wrong, or missing: the release comes out right or not at all', async () => {
  const made = await upgrade(files, newer);
  const attempt = async (delta: Buffer): Promise<void> => {
    let sink: MemorySink;
    try {
      sink = await extract(await verify({ ...made, delta }));
    } catch (error) {
      assert.ok(error instanceof GtpkgError, String(error));
      assert.ok(error.exit === 5, `${error.code}: ${error.message}`);
      return;
    }
    check(sink, newer);
  };
  for (let at = 0; at < DELTA_HEADER_SIZE; at++) {
    const delta = Buffer.from(made.delta);
    delta[at] = (delta[at] as number) ^ 1;
    await attempt(delta);
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(made.delta.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const delta = Buffer.from(made.delta);
      delta[at] = (delta[at] as number) ^ flip;
      await attempt(delta);
      await attempt(made.delta.subarray(0, at));
      await attempt(Buffer.concat([made.delta.subarray(0, at), made.delta.subarray(at + 1)]));
    }),
    { numRuns: 150 },
  );
});

test('a delta from a file gives the same', async () => {
  const made = await upgrade(files, newer);
  const path = join(dir, 'd');
  await writeFile(path, made.delta);
  const verified = await verifyDelta({
    source: await fileSource(path),
    pin: made.fresh.pin,
    keys: [key.publicKey],
    now: new Date(),
    basis: made.basis,
  });
  check(await extract(verified), newer);
});

test('moves make the new file from the old one, whatever the two are', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    fc.array(fc.constantFrom(1, 2), { maxLength: 600 }).map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(bytes, bytes, bytes, (a, b, c) => {
      const old = Buffer.concat([a, b, c]);
      const fresh = Buffer.concat([b, a, c, b]);
      let at = 0;
      for (const move of findMoves(old, fresh)) {
        assert.ok(move.from >= 0 && move.copy >= 0 && move.fresh >= 0 && move.copy + move.fresh > 0);
        assert.ok(move.copy === 0 || move.from + move.copy <= old.length);
        at += move.copy + move.fresh;
      }
      assert.equal(at, fresh.length);
    }),
    { numRuns: 300 },
  );
});

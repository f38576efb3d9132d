import assert from 'node:assert/strict';
import { lstatSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  GtpkgError,
  type ByteSource,
  type ManifestEntry,
  type PayloadSink,
  type ReleasePin,
  type VerifiedRelease,
} from '../../model/index.js';
import {
  commitRelease,
  fileSource,
  readDirectory,
  signRelease,
  verifyRelease,
  writeImage,
} from '../../package-repo/index.js';
import { HEADER_SIZE } from '../../package-repo/image-format.js';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  bytesSource,
  concat,
  control,
  deb,
  extract,
  inTemp,
  makeKey,
  makeTree,
  publish,
  withDeb,
  type Published,
  type TestKey,
} from './support.js';

let dir: string;
let key: TestKey;
let stranger: TestKey;
let big: Published;
let small: Published;

before(async () => {
  dir = await mkdtemp(`${tmpdir()}/gtpkg-test-`);
  key = await makeKey(dir);
  stranger = await makeKey(dir, 'Eve');
  await mkdir(`${dir}/big/data`, { recursive: true });
  await makeTree(`${dir}/big/data`);
  await writeFile(`${dir}/big/control`, control({ Package: 'big' }));
  await writeFile(`${dir}/big/conffiles`, '/etc/sample.conf\nremove-on-upgrade /etc/old.conf\n');
  await mkdir(`${dir}/big/scripts`);
  await writeFile(`${dir}/big/scripts/postinst`, '#!/bin/sh\n');
  big = await publish(dir, await readDirectory(`${dir}/big`), key);
  small = await withDeb(
    deb({
      control: control({ Package: 'small' }),
      data: [
        { name: './a', body: 'hello' },
        { name: './d/', type: '5' },
        { name: './l', type: '2', link: 'a' },
      ],
    }),
    (input) => publish(dir, input, key),
  );
});
after(() => rm(dir, { recursive: true, force: true }));

const verify = (source: ByteSource, pin: ReleasePin, keys = [key.publicKey]): Promise<VerifiedRelease> =>
  verifyRelease({ source, pin, keys, now: new Date() });

test('a release goes through an image unharmed', async () => {
  const release = await verify(await fileSource(big.image), big.pin);
  assert.equal(release.control.name, 'big');
  assert.deepEqual(release.conffiles, ['etc/sample.conf']);
  assert.deepEqual(release.goneConffiles, ['etc/old.conf']);
  assert.deepEqual([...release.scripts.keys()], ['postinst']);
  const input = await readDirectory(`${dir}/big`);
  assert.deepEqual(release.manifest, input.entries);
  const sink = await extract(release);
  assert.deepEqual(
    sink.order,
    release.manifest.map(({ path }) => path),
  );
  for (const entry of input.entries) {
    if (entry.type === 'f') assert.deepEqual(sink.files.get(entry.path), await concat(input.content(entry)));
  }
  // and once more: the source is read again
  assert.equal((await extract(release)).files.size, sink.files.size);
});

test('the image depends on the signed release only: another repository, the same bytes', async () => {
  await writeImage(big.repo, big.id, `${dir}/again.img`, { level: 3 });
  assert.deepEqual(await readFile(`${dir}/again.img`), await readFile(big.image));
  assert.notDeepEqual((await writeImage(big.repo, big.id, `${dir}/other.img`, { level: 1 })).byteLength, 0);
});

test('packages without files, and with empty files only', async () => {
  for (const data of [
    [],
    [{ name: './d/', type: '5' }],
    [{ name: './l', type: '2', link: 'x' }],
    [{ name: './empty', body: '' }],
  ]) {
    await inTemp(async (place) => {
      const done = await withDeb(deb({ control: control({ Package: 'meta' }), data }), (input) =>
        publish(place, input, key),
      );
      const release = await verify(await fileSource(done.image), done.pin);
      assert.equal((await extract(release)).order.length, data.length);
    });
  }
});

test('an unsigned release has no image', async () => {
  const done = await withDeb(deb({ control: control({ Package: 'unsigned' }), data: [] }), (input) =>
    commitRelease(`${dir}/unsigned.git`, input),
  );
  await assert.rejects(writeImage(`${dir}/unsigned.git`, done.id, `${dir}/unsigned.img`), {
    code: 'SIGNATURE_MISSING',
  });
  await assert.rejects(writeImage(big.repo, { ...big.id, version: '9' }, `${dir}/unsigned.img`), {
    code: 'SIGNATURE_MISSING',
  });
  assert.ok(!(await readdir(dir)).some((name) => name.startsWith('unsigned.img')));
  assert.throws(() => lstatSync(`${dir}/unsigned.img`));
});

// Everything that must not happen to a user of a damaged image.
async function refused(bytes: Buffer, pin: ReleasePin, what: string): Promise<void> {
  try {
    await extract(await verify(bytesSource(bytes, 4096), pin));
  } catch (error) {
    assert.ok(error instanceof GtpkgError, `${what}: ${String(error)}`);
    assert.equal(error.exit, 5, `${what}: ${error.code}`);
    return;
  }
  assert.fail(`${what}: accepted`);
}

test('attack: every single byte of a small image, flipped, is refused', async () => {
  const bytes = readFileSync(small.image);
  for (let at = 0; at < bytes.length; at++) {
    const bad = Buffer.from(bytes);
    bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
    await refused(bad, small.pin, `byte ${at}`);
  }
});

test('attack: any byte of a large image changed in any way is refused', async () => {
  const bytes = readFileSync(big.image);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bad = Buffer.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ flip;
      await refused(bad, big.pin, `byte ${at}`);
    }),
    { numRuns: 60 },
  );
});

test('attack: images cut short, grown, empty', async () => {
  const bytes = readFileSync(small.image);
  for (const length of [0, 1, 11, 12, HEADER_SIZE - 1, HEADER_SIZE, HEADER_SIZE + 50, bytes.length - 1]) {
    const bad = bytes.subarray(0, length);
    await refused(bad, small.pin, `cut at ${length}`);
    await refused(
      bad,
      { ...small.pin, core: { ...small.pin.core, byteLength: length } },
      `cut at ${length}, with its size in the pin`,
    );
  }
  const more = Buffer.concat([bytes, Buffer.from('x')]);
  await refused(more, small.pin, 'grown');
  await refused(
    more,
    { ...small.pin, core: { ...small.pin.core, byteLength: more.length } },
    'grown, with its size in the pin',
  );
});

test('attack: a source that gives fewer or more bytes than asked for', async () => {
  const bytes = readFileSync(small.image);
  const lying = (change: (chunk: Buffer) => Buffer): ByteSource => ({
    byteLength: bytes.length,
    read: async function* (offset, length) {
      yield change(bytes.subarray(offset, offset + length));
    },
  });
  for (const change of [
    (x: Buffer) => x.subarray(1),
    (x: Buffer) => x.subarray(0, -1),
    (x: Buffer) => Buffer.concat([x, x]),
    () => Buffer.alloc(0),
  ]) {
    await assert.rejects(async () => extract(await verify(lying(change), small.pin)), GtpkgError);
  }
});

test('what the source throws while the payload streams stays what it is', async () => {
  const bytes = readFileSync(big.image);
  const source = bytesSource(bytes);
  const release = await verify(source, big.pin);
  const missing = await verify(
    {
      byteLength: bytes.length,
      read: (offset, length) => (offset + length === bytes.length ? fail() : source.read(offset, length)),
    },
    big.pin,
  );
  async function* fail(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 0);
    throw new GtpkgError('BLOCKS_MISSING', 'no peer has it');
  }
  await assert.rejects(extract(missing), { code: 'BLOCKS_MISSING' });
  await extract(release);
});

test('wrong software: another pin is refused, field by field', async () => {
  const source = await fileSource(small.image);
  const wrong: [string, Partial<ReleasePin>][] = [
    ['RELEASE_MISMATCH', { name: 'other' }],
    ['RELEASE_MISMATCH', { version: '1:2.0-1' }],
    ['RELEASE_MISMATCH', { architecture: 'arm64' }],
    ['RELEASE_MISMATCH', { tag: big.tag }],
    ['RELEASE_MISMATCH', { tree: big.tree }],
    ['RELEASE_MISMATCH', { core: { ...small.pin.core, byteLength: 1 } }],
    ['SIGNER_UNKNOWN', { signer: stranger.fingerprint }],
  ];
  for (const [code, change] of wrong)
    await assert.rejects(verify(source, { ...small.pin, ...change }), { code }, JSON.stringify(change));
  await assert.rejects(verify(await fileSource(big.image), { ...small.pin, core: big.pin.core }), {
    code: 'RELEASE_MISMATCH',
  });
});

test('a signer that policy does not accept, whatever the pin says', async () => {
  const source = await fileSource(small.image);
  await assert.rejects(verify(source, small.pin, []), { code: 'SIGNER_UNKNOWN' });
  await assert.rejects(verify(source, small.pin, [stranger.publicKey]), { code: 'SIGNER_UNKNOWN' });
  await verify(source, small.pin, [stranger.publicKey, key.publicKey]);
  // signed by a key that is accepted for the package, but not the one that the index names
  const eve = await withDeb(deb({ control: control({ Package: 'eve' }), data: [] }), (input) =>
    publish(dir, input, stranger),
  );
  await assert.rejects(
    verify(await fileSource(eve.image), { ...eve.pin, signer: key.fingerprint }, [
      key.publicKey,
      stranger.publicKey,
    ]),
    { code: 'SIGNER_UNKNOWN' },
  );
});

test('time is asked of the caller: a release from the future', async () => {
  const source = await fileSource(small.image);
  const now = new Date(Date.now() - 3_600_000);
  await assert.rejects(
    verifyRelease({ source, pin: small.pin, keys: [key.publicKey], now }),
    (error: { code: string }) => /^SIGN/.test(error.code),
  );
});

test('a sink that looks away, stops early, or swallows errors changes nothing', async () => {
  const bytes = readFileSync(big.image);
  const release = await verify(bytesSource(bytes), big.pin);
  const sinks: PayloadSink[] = [
    { entry: () => undefined, file: () => Promise.resolve() },
    {
      entry: () => undefined,
      file: async (_: ManifestEntry, chunks) => {
        for await (const _chunk of chunks) break;
      },
    },
  ];
  for (const sink of sinks) await release.extract(sink);

  // the payload is damaged after the head was verified: in the middle, where a file's bytes are
  const lying = Buffer.from(bytes);
  const late = await verify(bytesSource(lying), big.pin);
  lying[lying.length - 40] = (lying[lying.length - 40] ?? 0) ^ 1;
  const swallowing: PayloadSink = {
    entry: () => undefined,
    file: async (_, chunks) => {
      try {
        for await (const _chunk of chunks);
      } catch {
        /* never mind */
      }
    },
  };
  for (const sink of [...sinks, swallowing])
    await assert.rejects(late.extract(sink), { code: 'PAYLOAD_CORRUPT' });
});

test('what a sink throws ends extraction', async () => {
  const release = await verify(await fileSource(big.image), big.pin);
  const full = new GtpkgError('NO_SPACE', 'disk full');
  await assert.rejects(release.extract({ entry: () => undefined, file: () => Promise.reject(full) }), {
    code: 'NO_SPACE',
  });
  await assert.rejects(
    release.extract({
      entry: () => {
        throw full;
      },
      file: async (_, chunks) => void (await concat(chunks)),
    }),
    { code: 'NO_SPACE' },
  );
});

test('a large package goes all the way in bounded memory', async () => {
  await inTemp(async (place) => {
    await mkdir(`${place}/src/data`, { recursive: true });
    await writeFile(`${place}/src/control`, control({ Package: 'large' }));
    const chunk = Buffer.alloc(1 << 20, 'gtpkg');
    await writeFile(
      `${place}/src/data/large`,
      (function* () {
        for (let i = 0; i < 192; i++) yield Buffer.concat([Buffer.from(`${i}`), chunk]);
      })(),
    );
    const start = process.resourceUsage().maxRSS;
    const done = await commitRelease(`${place}/r.git`, await readDirectory(`${place}/src`));
    const { tag } = await signRelease(`${place}/r.git`, done.id, key.signer);
    const { byteLength } = await writeImage(`${place}/r.git`, done.id, `${place}/x.img`, { level: 1 });
    const release = await verify(await fileSource(`${place}/x.img`), {
      ...small.pin,
      ...done.id,
      core: { ...small.pin.core, byteLength },
      tag,
      tree: done.tree,
    });
    await release.extract({
      entry: () => undefined,
      file: async (_, chunks) => {
        for await (const _chunk of chunks);
      },
    });
    assert.ok(process.resourceUsage().maxRSS - start < 128 * 1024, 'grew by less than 128 MiB');
  });
});

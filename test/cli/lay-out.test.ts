import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { LayOutThreads, type Arriving } from '../../cli/workflows/lay-out.js';
import { Disk } from '../../installer/disk.js';
import { LayOutHere, type FileTargets } from '../../installer/lay-out.js';
import { GtpkgError, type ByteSource, type VerifiedRelease } from '../../model/index.js';
import { fileSource, readDirectory, verifyRelease } from '../../package-repo/index.js';
import { control, makeKey, makeTree, publish, type TestKey } from '../package-repo/support.js';

describe('files laid out in threads', { timeout: 120_000 }, () => {
  let dir: string;
  let key: TestKey;
  let release: VerifiedRelease;
  let source: ByteSource;
  const read: (Buffer | undefined)[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'gtpkg-test-'));
    key = await makeKey(dir);
    const src = join(dir, 'src');
    await makeTree(join(src, 'data'));
    await writeFile(join(src, 'data', 'large'), Buffer.alloc(3_000_000, 'gtpkg '));
    await writeFile(join(src, 'control'), control({ Package: 'threads' }));
    const input = await readDirectory(src);
    for (const entry of input.entries) {
      const parts: Uint8Array[] = [];
      if (entry.type === 'f') for await (const chunk of input.content(entry)) parts.push(chunk);
      read.push(entry.type === 'f' ? Buffer.concat(parts) : undefined);
    }
    const { image, pin } = await publish(dir, input, key);
    source = await fileSource(image);
    release = await verifyRelease({ source, pin, keys: [key.publicKey], now: new Date() });
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const arriving = (from: ByteSource = source, whole = (): Promise<void> => Promise.resolve()): Arriving => ({
    source: () => from,
    whole,
    stop: () => Promise.resolve(),
  });

  /** An empty root and where each file goes in it. */
  async function place(): Promise<{ root: string; targets: FileTargets }> {
    const root = await mkdtemp(join(dir, 'root-'));
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const files = release.manifest.flatMap((entry, at) => (entry.type === 'f' ? [{ entry, at }] : []));
    return {
      root,
      targets: new Map(
        files.map(({ entry, at }) => [
          entry.path,
          { path: String(at), mode: entry.mode, mtime: 5, ...owner },
        ]),
      ),
    };
  }

  const threads = (root: string, from: Arriving, script?: URL): LayOutThreads =>
    new LayOutThreads({
      root,
      arriving: from,
      here: new LayOutHere(new Disk(root)),
      ...(script === undefined ? {} : { script }),
    });

  test('the same files as in this thread, and all bytes are told of', async () => {
    const { root, targets } = await place();
    const layOut = threads(root, arriving());
    let bytes = 0;
    try {
      await layOut.files(release, targets, (more) => (bytes += more));
      // a thread takes one release after the other
      const again = await mkdtemp(join(root, 'again-'));
      const below = [...targets].map(
        ([path, target]) =>
          [path, { ...target, path: `${again.slice(root.length + 1)}/${target.path}` }] as const,
      );
      await layOut.files(release, new Map(below), () => undefined);
      assert.equal((await readdir(again)).length, targets.size);
    } finally {
      await layOut.stop();
    }
    assert.equal(bytes, release.payload?.section.rawLength);
    for (const [path, target] of targets) {
      const at = release.manifest.findIndex((entry) => entry.path === path);
      assert.deepEqual(await readFile(join(root, target.path)), read[at], path);
      const { mtimeMs, mode } = await stat(join(root, target.path));
      assert.equal(mtimeMs, 5000);
      assert.equal(mode & 0o777, target.mode & 0o777);
    }
  });

  test('many at once: each is whole, whatever waits for whom; few are read before their turn', async () => {
    const { root, targets } = await place();
    let reading = 0;
    let most = 0;
    const counting: ByteSource = {
      byteLength: source.byteLength,
      async *read(offset, length) {
        most = Math.max(most, ++reading);
        try {
          yield* source.read(offset, length);
        } finally {
          reading--;
        }
      },
    };
    const layOut = threads(root, arriving(counting));
    try {
      const folders = await Promise.all(Array.from({ length: 12 }, () => mkdtemp(join(root, 'one-'))));
      await Promise.all(
        folders.map((folder) => {
          const below = [...targets].map(
            ([path, target]) =>
              [path, { ...target, path: `${folder.slice(root.length + 1)}/${target.path}` }] as const,
          );
          return layOut.files(release, new Map(below), () => undefined);
        }),
      );
      for (const folder of folders) assert.equal((await readdir(folder)).length, targets.size);
      assert.equal(reading, 0);
      assert.ok(most <= 2 * availableParallelism() + 1, `${most} were read at once`);
    } finally {
      await layOut.stop();
    }
  });

  test('large payloads and small ones in turn, with what a large one took given back between: all are whole', async () => {
    const src = join(dir, 'wide');
    await mkdir(join(src, 'data'), { recursive: true });
    await writeFile(join(src, 'data', 'wide'), Buffer.alloc(9 * 1024 * 1024, 'wide '));
    await writeFile(join(src, 'control'), control({ Package: 'wide' }));
    await mkdir(join(dir, 'wide-image'));
    const { image, pin } = await publish(join(dir, 'wide-image'), await readDirectory(src), key);
    const wide = await fileSource(image);
    const large = await verifyRelease({ source: wide, pin, keys: [key.publicKey], now: new Date() });
    const { root, targets } = await place();
    const [target] = targets.values();
    assert.ok(target !== undefined);
    const either: Arriving = {
      source: ({ byteLength }) => (byteLength === pin.core.byteLength ? wide : source),
      whole: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    };
    const layOut = threads(root, either);
    try {
      for (let round = 0; round < 2; round++) {
        await Promise.all(
          Array.from({ length: 9 }, async (_, at) => {
            const folder = await mkdtemp(join(root, 'one-'));
            const below = (path: string): string => `${folder.slice(root.length + 1)}/${path}`;
            const isLarge = at % 3 === 0;
            const own = isLarge
              ? new Map([['wide', { ...target, path: below('wide') }]])
              : new Map([...targets].map(([path, each]) => [path, { ...each, path: below(each.path) }]));
            await layOut.files(isLarge ? large : release, own, () => undefined);
            if (isLarge)
              assert.ok(
                (await readFile(join(folder, 'wide'))).equals(Buffer.alloc(9 * 1024 * 1024, 'wide ')),
              );
            else assert.equal((await readdir(folder)).length, targets.size);
          }),
        );
      }
    } finally {
      await layOut.stop();
    }
  });

  test('a damaged payload, a source that fails, a disk that refuses: the error comes back as it was', async () => {
    const failing = (error: Error): ByteSource => ({
      byteLength: source.byteLength,
      async *read(offset, length) {
        yield* source.read(offset, Math.min(length, 1000));
        throw error;
      },
    });
    const flipped: ByteSource = {
      byteLength: source.byteLength,
      async *read(offset, length) {
        let at = 0;
        for await (const chunk of source.read(offset, length)) {
          const copy = Uint8Array.from(chunk);
          if (at === 0) copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
          at += copy.length;
          yield copy;
        }
      },
    };
    const cases: [ByteSource, object][] = [
      [flipped, { code: 'PAYLOAD_CORRUPT' }],
      [
        failing(new GtpkgError('BLOCKS_MISSING', 'nobody has it', { hint: 'wait', data: { n: 1 } })),
        { code: 'BLOCKS_MISSING', hint: 'wait', data: { n: 1 } },
      ],
      [failing(Object.assign(new Error('rotten'), { code: 'EIO' })), { code: 'EIO', message: 'rotten' }],
    ];
    for (const [from, expected] of cases) {
      const { root, targets } = await place();
      const layOut = threads(root, arriving(from));
      try {
        await assert.rejects(
          layOut.files(release, targets, () => undefined),
          expected,
        );
      } finally {
        await layOut.stop();
      }
    }
    const { root, targets } = await place();
    const layOut = threads(root, arriving());
    const [[first, target] = []] = targets;
    const nowhere = new Map([
      [first as string, { ...(target as NonNullable<typeof target>), path: 'missing/x' }],
    ]);
    await assert.rejects(
      layOut.files(release, nowhere, () => undefined),
      { code: 'ENOENT' },
    );
    await layOut.stop();
  });

  test('a thread that dies is an error, not a wait for ever', async () => {
    const script = join(dir, 'dies.mjs');
    await writeFile(
      script,
      "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(3));",
    );
    const { root, targets } = await place();
    const layOut = threads(root, arriving(), pathToFileURL(script));
    await assert.rejects(
      layOut.files(release, targets, () => undefined),
      { code: 'INTERNAL' },
    );
    await assert.rejects(
      layOut.files(release, targets, () => undefined),
      { code: 'INTERNAL' },
    );
    await layOut.stop();
    assert.deepEqual(await readdir(root), []);
  });

  test('stopping ends what runs and what waits, and nothing is written afterwards', async () => {
    const { root, targets } = await place();
    let asked: () => void = () => undefined;
    const reading = new Promise<void>((resolve) => (asked = resolve));
    const endless: ByteSource = {
      byteLength: source.byteLength,
      async *read(offset, length) {
        yield* source.read(offset, Math.min(length, 5000));
        asked();
        await new Promise(() => undefined);
      },
    };
    const layOut = threads(root, arriving(endless));
    const work = Array.from({ length: 9 }, () => layOut.files(release, targets, () => undefined));
    const settled = Promise.allSettled(work);
    await reading;
    await layOut.stop();
    const before = await readdir(root);
    for (const result of await settled) assert.equal(result.status, 'rejected');
    await assert.rejects(
      layOut.files(release, targets, () => undefined),
      { code: 'INTERNAL' },
    );
    assert.deepEqual(await readdir(root), before);
  });
});

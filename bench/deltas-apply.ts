/** Applies deltas: verifies each against its signed pin and writes every file. A process of its own, so that it is timed whole. */
import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { formatManifest, type Basis, type ManifestEntry, type PayloadSink } from '../model/index.js';
import { describeRelease, fileSource, verifyDelta } from '../package-repo/index.js';
import { PublicKey } from '../trust/index.js';
import type { Job } from './deltas.js';

const [file = ''] = process.argv.slice(2);
const { jobs, key } = JSON.parse(await readFile(file, 'utf8')) as { jobs: Job[]; key: string };
const publicKey = await PublicKey.parse(key);

for (const job of jobs) {
  const source = await fileSource(job.delta);
  const release = await verifyDelta({
    source,
    pin: job.pin,
    keys: [publicKey],
    now: new Date(),
    basis: await basisOf(job),
  });
  await release.extract(sink(job.out));
}

async function basisOf({ repo, oldVersion, pin, old }: Job): Promise<Basis> {
  const { manifest, tag } = await describeRelease(repo, { ...pin, version: oldVersion });
  return {
    tree: tag?.tree ?? ('' as never),
    manifest,
    manifestBytes: formatManifest(manifest),
    async open(entry) {
      const handle = await open(join(old, Buffer.from(entry.path, 'latin1').toString()), 'r');
      return {
        size: entry.size,
        read: async (offset, length) =>
          (await handle.read(Buffer.allocUnsafe(length), 0, length, offset)).buffer,
        close: () => handle.close(),
      };
    },
  };
}

function sink(out: string): PayloadSink {
  const at = (entry: ManifestEntry): string => join(out, Buffer.from(entry.path, 'latin1').toString());
  return {
    async entry(entry) {
      if (entry.type === 'd') await mkdir(at(entry), { recursive: true });
    },
    async file(entry, chunks) {
      await mkdir(dirname(at(entry)), { recursive: true });
      if (entry.size > 1024 * 1024) return pipeline(Readable.from(chunks), createWriteStream(at(entry)));
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      await writeFile(at(entry), Buffer.concat(parts));
    },
  };
}

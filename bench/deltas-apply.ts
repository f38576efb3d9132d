/** Applies deltas: verifies each against its signed pin and writes every file. A process of its own, so that it is timed whole. */
import { createWriteStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { installedBasis } from '../installer/basis.js';
import type { InstalledPackage } from '../installer/index.js';
import type { Basis, ManifestEntry, PayloadSink } from '../model/index.js';
import { fileSource, verifyDelta } from '../package-repo/index.js';
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

async function basisOf({ pin, tree, old }: Job): Promise<Basis> {
  const manifest = createHash('sha256')
    .update(await readFile(join(old, 'var/lib/gtpkg/manifests', pin.name)))
    .digest('hex');
  const installed = { name: pin.name, version: '', pin: { ...pin, tree }, conffiles: [], manifest };
  const basis = installedBasis(old, installed as unknown as InstalledPackage);
  if (basis === undefined) throw new Error(`${pin.name}: files are missing`);
  return basis;
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

/** Forged .idx: an index of a pack that leads from one object's id to another object. None is taken from outside; one's own is not believed. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { attack } from './scene.js';

attack('forged .idx in the repository of an index', async (scene) => {
  const index = await scene.index();
  await index.lists(scene.victim);
  const packs = scene.path('client', 'sources', index.source, 'index.git', 'objects', 'pack');
  for (const name of readdirSync(packs).filter((each) => each.endsWith('.idx'))) {
    const bytes = await readFile(`${packs}/${name}`);
    const count = bytes.readUInt32BE(8 + 255 * 4);
    // version 2: fan-out, ids, checksums, offsets; every id gets the offset of its neighbour
    const offsets = 8 + 1024 + count * 24;
    const rotated = Buffer.concat([
      bytes.subarray(offsets + 4, offsets + 4 * count),
      bytes.subarray(offsets, offsets + 4),
    ]);
    rotated.copy(bytes, offsets);
    const body = bytes.subarray(0, -20);
    const forged = Buffer.concat([body, createHash('sha1').update(body).digest()]);
    await chmod(`${packs}/${name}`, 0o644);
    await writeFile(`${packs}/${name}`, forged);
  }
  await index.commit();
  await index.refused(['OBJECT_CORRUPT', 'INDEX_CORRUPT']);
  await scene.refuses(() => scene.install(`victim@${index.source}`), ['OBJECT_CORRUPT', 'INDEX_CORRUPT']);
});

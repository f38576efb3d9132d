/** Pack bomb: a few kilobytes that inflate to gigabytes, in an index update and in a release. */
import { deflateSync } from 'node:zlib';
import { forge } from '../package-repo/forge.js';
import { encodeRecord } from '../../index-repo/index.js';
import { limits } from '../../model/index.js';
import { forgedRelease } from './forged-release.js';
import { onePack } from './raw-pack.js';
import { attack } from './scene.js';

const bomb = deflateSync(Buffer.alloc(96 << 20), { level: 9 });

attack('pack bomb in an index update', async (scene) => {
  const index = await scene.index();
  await index.commit();
  const { oid: commit } = index.chain.tip;
  // what is stated is beyond the bound; or is small, and does not end there
  for (const size of [96 << 20, limits.MAX_SHARD, 10]) {
    const log = await index.log();
    const bytes = onePack(3, size, bomb);
    const pack = { cores: [await log.putCore(bytes)] };
    log.blocks[log.length - 1] = encodeRecord({
      kind: 'snapshot',
      commit,
      anchor: commit,
      sequence: 2,
      snapshotDistance: 0,
      pack,
    });
    await scene.refuses(() => index.sync(log), ['LIMIT_EXCEEDED', 'PACK_MALFORMED']);
  }
  await index.accepted();
});

attack('pack bomb in a release', async (scene) => {
  for (const size of [96 << 20, 10]) {
    const forged = await forge(scene.ada, { pack: () => onePack(4, size, bomb) });
    await scene.refusesRelease(forgedRelease(forged), ['LIMIT_EXCEEDED', 'PACK_MALFORMED']);
  }
});

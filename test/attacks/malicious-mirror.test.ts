/** Malicious mirror: the only peer holds the right index and spoils what it serves, or serves nothing. */
import assert from 'node:assert/strict';
import { changeRoot } from '../../cli/workflows/change.js';
import { entryFrom } from '../../index-repo/index.js';
import { attack, shardOf } from './scene.js';

attack('malicious mirror: spoilt blocks, and blocks that are not there', async (scene) => {
  const peer = await scene.peer();
  const home = scene.path(scene.fresh('mirror'));
  const core = await peer.call('put', home, scene.victim.image);
  const index = await scene.index();
  const header = (await index.log()).blocks[0] as Uint8Array;
  await index.commit({ files: shardOf([entryFrom(scene.victim.control, { ...scene.victim.pin, core })]) });
  const name = scene.fresh('core');
  const indexCore = await peer.call('append', home, name, [
    header,
    (await index.log()).blocks.at(-1) as Uint8Array,
  ]);
  await peer.call('corrupt', home, core, scene.victim.image);
  const client = scene.roamer();
  await client.knows({ ...index.introduction, indexCore }, await peer.call('serve', home));
  assert.equal((await client.update()).update.sequence, 2);
  const request = { kind: 'install', words: ['victim'], recommends: false, dependencies: true } as const;
  const install = (): Promise<unknown> =>
    client.run((context) => changeRoot(context, request, { dryRun: false }));
  const before = await scene.state(client.home);
  await assert.rejects(install(), (error: { code: string }) =>
    ['PEER_CORRUPT', 'BLOCKS_MISSING'].includes(error.code),
  );
  // who sent that is not asked again
  await assert.rejects(install(), (error: { code: string }) =>
    ['NO_PEER', 'PEER_CORRUPT'].includes(error.code),
  );
  const strip = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith('/var'));
  assert.deepEqual(strip(await scene.state(client.home)), strip(before));
  await peer.call('stop', home);
});

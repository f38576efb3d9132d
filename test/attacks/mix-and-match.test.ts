/** Mix-and-match: parts of two signed states are put together to one that never was. */
import type { Sha256 } from '../../model/index.js';
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { attack, shardOf } from './scene.js';

attack('mix-and-match: the files of one signed state under the commit of another', async (scene) => {
  const index = await scene.index();
  await index.lists(scene.victim);
  const before = index.chain.tip.object.body.toString('latin1');
  await index.lists(await craft(scene.path('scratch'), program('victim', { version: '1.1' }), scene.ada));
  const chain = index.chain.branch();
  // the new commit's files, while its signed ids are those of the old one
  const [, tree] = /Tree-SHA256: (\w+)/.exec(before) ?? [];
  const [, suites] = /Suites-SHA256: (\w+)/.exec(before) ?? [];
  await chain.commit({ signers: [scene.ada], message: { tree: tree as Sha256, suites: suites as Sha256 } });
  await index.refused('INDEX_CORRUPT', { chain });
});

attack('mix-and-match: an old shard of packages in a new state', async (scene) => {
  const index = await scene.index();
  const old = await index.entry(scene.victim);
  const fresh = await index.entry(
    await craft(scene.path('scratch'), program('victim', { version: '1.1' }), scene.ada),
  );
  await index.commit({ files: shardOf([fresh]) });
  // the commit is as it was signed; whoever packs leaves the new shard out and puts the old one in
  const chain = index.chain.branch();
  for (const [oid, { type, body }] of chain.objects)
    if (type === 'blob' && body.includes('Package: victim')) chain.objects.delete(oid);
  for (const body of Object.values(shardOf([old]))) chain.put('blob', body);
  await index.refused('INDEX_CORRUPT', { chain });
  await index.accepted();
});

/** The same key counted twice: once in the commit, again in co-signatures, under its own name and under others'. */
import { attack } from './scene.js';

attack('the same key counted twice', async (scene) => {
  const { ada, bob, carol } = scene;
  const index = await scene.index({ roots: [ada, bob, carol], threshold: 2 });
  const commit = await index.commit({ signers: [ada] });
  await index.chain.cosign(commit, ada);
  await index.chain.cosign(commit, ada.at(new Date(Date.now() - 1000)));
  await index.refused('THRESHOLD_NOT_MET');
  await index.chain.cosign(commit, ada, { as: bob.fingerprint });
  await index.chain.cosign(commit, scene.mallory, { as: carol.fingerprint });
  await index.refused('THRESHOLD_NOT_MET');
});

/** Threshold not met: fewer of the roots than are needed have signed. */
import assert from 'node:assert/strict';
import { attack } from './scene.js';

attack('threshold not met: one of two signatures', async (scene) => {
  const { ada, bob, carol } = scene;
  const index = await scene.index({ roots: [ada, bob, carol], threshold: 2 });
  const commit = await index.commit({ signers: [ada] });
  const { data } = await index.refused('THRESHOLD_NOT_MET');
  assert.deepEqual([data['needed'], data['signers']], [2, [ada.fingerprint]]);
  await index.chain.cosign(commit, scene.mallory);
  await index.refused('THRESHOLD_NOT_MET');
  // one more root makes it good
  await index.chain.cosign(commit, carol);
  await index.accepted();
});

attack('threshold not met: a co-signature of another commit', async (scene) => {
  const { ada, bob } = scene;
  const index = await scene.index({ roots: [ada, bob], threshold: 2 });
  const other = index.chain.branch();
  await other.commit({ signers: [ada, bob] });
  const commit = await index.commit({ signers: [ada], keys: [scene.mallory.publicKey] });
  index.chain.tags.push(...other.tags);
  for (const { type, body } of other.tags) index.chain.put(type, body);
  // and one that names this commit, but the SHA-256 of the other
  await index.chain.cosign(commit, bob, { commit: other.tip.sha256 });
  await index.refused('THRESHOLD_NOT_MET');
});

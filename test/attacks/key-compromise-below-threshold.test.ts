/** Key compromise below the threshold: who steals one of the keys of two that are needed gets nowhere. */
import assert from 'node:assert/strict';
import { attack } from './scene.js';

attack('key compromise below the threshold: one stolen key of 2-of-3', async (scene) => {
  const { ada, bob, carol, mallory } = scene;
  const index = await scene.index({ roots: [ada, bob, carol], threshold: 2 });
  const steal = async (plan: Parameters<typeof index.commit>[0]): Promise<void> => {
    const chain = index.chain.branch();
    await chain.commit({ signers: [ada], ...plan });
    const { data } = await index.refused('THRESHOLD_NOT_MET', { chain });
    assert.deepEqual(data['signers'], [ada.fingerprint]);
  };
  await steal({ keys: [mallory.publicKey] });
  // nor can the thief lower the threshold, or bring in a key of his own that helps
  await steal({ authorizations: { threshold: 1, since: 2 } });
  await steal({
    signers: [ada, mallory],
    keys: [mallory.publicKey],
    authorizations: { roots: [ada, bob, mallory].map(({ fingerprint }) => fingerprint).sort(), since: 2 },
  });
  // two honest keys go on
  await index.commit({ signers: [bob, carol] });
  await index.accepted();
});

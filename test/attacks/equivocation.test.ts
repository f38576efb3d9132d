/** Equivocation: the roots sign two states with one number, one for some users and another for others. */
import assert from 'node:assert/strict';
import { readEvidence } from '../../index-repo/evidence-file.js';
import { attack } from './scene.js';

attack('equivocation: two heads with one number are kept as evidence', async (scene) => {
  const { ada, mallory } = scene;
  const index = await scene.index();
  const other = index.chain.branch();
  await index.commit();
  await index.accepted();
  await other.commit({ signers: [ada], keys: [mallory.publicKey] });
  const { data } = await index.refused('INDEX_EQUIVOCATION', { chain: other });
  assert.deepEqual(
    [data['sequence'], data['known'], data['offered']],
    [2, index.chain.tip.oid, other.tip.oid],
  );
  const [evidence] = await readEvidence(scene.path('client', 'sources', index.source, 'state.json'));
  assert.deepEqual(
    evidence?.sides.map(({ commit }) => commit),
    [index.chain.tip.oid, other.tip.oid].sort(),
  );
  // also when the other history has grown
  await other.commit({ signers: [ada] });
  await other.commit({ signers: [ada] });
  await index.refused('INDEX_EQUIVOCATION', { chain: other });
  // and the source stands still until the user decides
  await index.commit();
  await index.refused('INDEX_EQUIVOCATION');
});

attack('equivocation from the first commit on', async (scene) => {
  const index = await scene.index();
  const other = index.chain.branch(0);
  await other.commit({
    signers: [scene.ada],
    distribution: { suites: ['other'], indexCore: index.introduction.indexCore },
  });
  const { data } = await index.refused('INDEX_EQUIVOCATION', { chain: other });
  assert.equal(data['sequence'], 1);
});

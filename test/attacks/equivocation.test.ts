/** Equivocation: the roots sign two states with one number, one for some users and another for others. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
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
  const kept = scene.path('client', 'sources', index.source, 'state.json.equivocation');
  const evidence = JSON.parse(await readFile(kept, 'utf8')) as Record<
    'known' | 'offered',
    { oid: string; commit: string }
  >;
  for (const [which, { oid, object }] of Object.entries({ known: index.chain.tip, offered: other.tip })) {
    const side = evidence[which as 'known'];
    assert.deepEqual([side.oid, Buffer.from(side.commit, 'base64')], [oid, object.body]);
  }
  // also when the other history has grown
  await other.commit({ signers: [ada] });
  await other.commit({ signers: [ada] });
  assert.equal((await index.refused('INDEX_EQUIVOCATION', { chain: other })).data['sequence'], 2);
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

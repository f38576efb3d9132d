/** Rollback attack: a peer that once saw an old, properly signed state shows it again as the newest. */
import assert from 'node:assert/strict';
import { attack } from './scene.js';

attack('rollback: an old state as the newest', async (scene) => {
  const index = await scene.index();
  const old = await index.commit();
  await index.accepted();
  await index.commit();
  await index.accepted();
  const error = await index.refused('INDEX_ROLLBACK', { commits: index.chain.commits.slice(0, 2) });
  assert.deepEqual([error.data['offered'], error.data['known']], [old.distribution.sequence, 3]);
  await index.refused('INDEX_ROLLBACK', { commits: index.chain.commits.slice(0, 1) });
  assert.equal(await index.trusted(), 3);
});

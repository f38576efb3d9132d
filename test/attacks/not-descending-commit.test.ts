/** A commit that does not descend from the trusted head: another history, a gap, disorder. */
import { attack } from './scene.js';

attack('commit that does not descend from the trusted head', async (scene) => {
  const { ada, mallory } = scene;
  const index = await scene.index();
  for (let i = 0; i < 3; i++) await index.commit();
  await index.accepted({ commits: index.chain.commits.slice(0, 2) });
  const another = index.chain.branch(0);
  await another.commit({ signers: [mallory] });
  await index.refused('INDEX_NOT_DESCENDANT', { chain: another });
  const sibling = index.chain.branch(1);
  await sibling.commit({ signers: [mallory] });
  await index.refused('INDEX_NOT_DESCENDANT', { chain: sibling });
  // state 4 without state 3
  const [, , , fourth] = index.chain.commits;
  await index.refused('INDEX_NOT_DESCENDANT', { commits: [fourth as never] });
  // a parent of the same SHA-1 id but another SHA-256
  const twin = index.chain.branch(2);
  await twin.commit({ signers: [ada], message: { parent: '0'.repeat(64) as never } });
  await index.refused('INDEX_CORRUPT', { chain: twin });
  await index.accepted();
});

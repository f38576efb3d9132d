/** Fast-forward: one signed state with a number far ahead would make every honest one after it look like a rollback. */
import { attack } from './scene.js';

attack('fast-forward: numbers that jump, stand still or fall', async (scene) => {
  const index = await scene.index();
  await index.commit();
  await index.accepted();
  for (const sequence of [1, 2, 4, 1_000_000_000_000]) {
    const chain = index.chain.branch();
    await chain.commit({ signers: [scene.ada], distribution: { sequence } });
    await index.refused('INDEX_MALFORMED', { chain });
  }
  await index.commit();
  await index.accepted();
});

attack('fast-forward: a first state that is not number 1', async (scene) => {
  const index = await scene.index();
  const { introduction, chain: honest } = index;
  const chain = honest.branch(0);
  await chain.commit({
    signers: [scene.ada],
    distribution: { sequence: 7, indexCore: introduction.indexCore },
  });
  await index.refusedNewcomer('INDEX_MALFORMED', introduction, { chain });
});

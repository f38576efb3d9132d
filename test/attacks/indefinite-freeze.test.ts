/** Indefinite freeze: a mirror shows the same old state for ever, so that known holes stay open. */
import { limits } from '../../model/index.js';
import { attack } from './scene.js';

attack('indefinite freeze: nothing new, and what is known has expired', async (scene) => {
  const index = await scene.index();
  await index.lists(scene.victim);
  const end = index.chain.tip.distribution.validUntil.getTime() + limits.CLOCK_SKEW;
  await index.refused('INDEX_EXPIRED', { now: new Date(end + 1) });
  await scene.refuses(() => scene.install(`victim@${index.source}`, new Date(end + 1)), 'INDEX_EXPIRED');
  // until then it is good
  await index.accepted({ now: new Date(end) });
});

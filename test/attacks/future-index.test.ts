/** An index dated in the future, which would outlive its time. */
import { limits } from '../../model/index.js';
import { attack } from './scene.js';

const DAY = 86_400_000;

attack('index dated in the future', async (scene) => {
  const index = await scene.index();
  const date = new Date(Math.floor((Date.now() + limits.CLOCK_SKEW + 60_000) / 1000) * 1000);
  const chain = index.chain.branch();
  const validUntil = new Date(date.getTime() + DAY);
  await chain.commit({ signers: [scene.ada], distribution: { date, validUntil } });
  await index.refused('INDEX_FUTURE', { chain });
  // and with a clock that is days behind, what is honest is not believed
  await index.refusedNewcomer(['SIGNATURE_FUTURE', 'INDEX_FUTURE'], index.introduction, {
    now: new Date(Date.now() - 3 * DAY),
  });
});

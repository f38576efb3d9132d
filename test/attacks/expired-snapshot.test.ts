/** Expired snapshot: a state whose time is over is met for the first time, or as an update. */
import { limits } from '../../model/index.js';
import { attack } from './scene.js';

const DAY = 86_400_000;

attack('expired snapshot: by a newcomer, and as an update', async (scene) => {
  const index = await scene.index();
  const end = index.chain.tip.distribution.validUntil.getTime() + limits.CLOCK_SKEW;
  await index.refusedNewcomer('INDEX_EXPIRED', index.introduction, { now: new Date(end + 1) });
  const past = (days: number): Date => new Date(Math.floor(Date.now() / 1000) * 1000 - days * DAY);
  const chain = index.chain.branch();
  await chain.commit({ signers: [scene.ada], distribution: { date: past(40), validUntil: past(10) } });
  await index.refused('INDEX_EXPIRED', { chain });
});

/** Expired root: a root key that has run out signs on, with today's date and with one of its better days. */
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack } from './scene.js';

const DAY = 86_400_000;

attack('expired root: it signs the next state', async (scene) => {
  const start = Math.floor(Date.now() / 1000) * 1000 - 20 * DAY;
  const day = (n: number): Date => new Date(start + n * DAY);
  const old = await forgedSigner(await makeKey({ date: day(0), expiresIn: (10 * DAY) / 1000 }));
  const index = await scene.index({
    roots: [old, scene.bob],
    plan: { signers: [scene.bob], distribution: { date: day(12), validUntil: day(60) } },
  });
  for (const signed of [day(9), day(15), new Date()]) {
    const chain = index.chain.branch();
    await chain.commit({ signers: [old.at(signed)], distribution: { date: day(15), validUntil: day(60) } });
    await index.refused('SIGNER_EXPIRED', { chain });
    // nor as a step to one that somebody else signs: its parent is younger than the key's end
    await chain.commit({ signers: [scene.bob], distribution: { date: day(16), validUntil: day(60) } });
    await index.refused('SIGNER_EXPIRED', { chain });
  }
  await index.commit({ signers: [scene.bob] });
  await index.accepted();
});

/** Future-dated signature: made to outlast what the signer may do today. */
import { limits } from '../../model/index.js';
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { attack } from './scene.js';

const DAY = 86_400_000;

attack('future-dated signature: of an index commit and of a release', async (scene) => {
  const index = await scene.index();
  const chain = index.chain.branch();
  await chain.commit({ signers: [scene.ada.at(new Date(Date.now() + DAY))] });
  await index.refused('SIGNATURE_FUTURE', { chain });
  const ahead = scene.ada.at(new Date(Date.now() + limits.CLOCK_SKEW + 60_000));
  await scene.refusesRelease(
    await craft(scene.path('scratch'), program('tomorrow'), ahead),
    'SIGNATURE_FUTURE',
  );
});

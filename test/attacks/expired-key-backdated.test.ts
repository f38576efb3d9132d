/** An expired maintainer key signs a release, with a date from when it was good. */
import { craft } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack } from './scene.js';

const DAY = 86_400_000;

attack('expired key: a release signed with a backdated signature', async (scene) => {
  const key = await makeKey({ date: new Date(Date.now() - 20 * DAY), expiresIn: (10 * DAY) / 1000 });
  const signer = await forgedSigner(key);
  for (const days of [15, 0]) {
    const release = await craft(
      scene.path('scratch'),
      program('aged'),
      signer.at(new Date(Date.now() - days * DAY)),
    );
    const index = await scene.index();
    await index.lists(release);
    await index.commit({ keys: [signer.publicKey] });
    await index.accepted();
    await scene.refuses(() => scene.install(`aged@${index.source}`), 'SIGNER_EXPIRED');
  }
});

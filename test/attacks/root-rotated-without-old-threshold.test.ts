/** Roots are exchanged without the threshold of the old ones, or without that of the new ones. */
import { attack } from './scene.js';

attack('root rotated without the old threshold', async (scene) => {
  const { ada, bob, carol, mallory } = scene;
  const index = await scene.index({ roots: [ada, bob], threshold: 2 });
  const rotation = {
    keys: [carol.publicKey],
    authorizations: { roots: [carol.fingerprint], threshold: 1, since: 2 },
  };
  for (const signers of [[ada, carol], [carol], [carol, ada]]) {
    const chain = index.chain.branch();
    await chain.commit({ signers, ...rotation });
    await index.refused(['THRESHOLD_NOT_MET', 'SIGNER_UNKNOWN'], { chain });
  }
  // a stranger may not commit it, though both sides co-signed
  const strange = index.chain.branch();
  await strange.commit({ signers: [mallory, ada, bob, carol], ...rotation });
  await index.refused('SIGNER_UNKNOWN', { chain: strange });
  await index.commit({ signers: [ada, bob, carol], ...rotation });
  await index.accepted();
});

attack('root rotated without the new threshold', async (scene) => {
  const { ada, bob } = scene;
  const index = await scene.index();
  const moved = index.chain.branch();
  await moved.commit({
    signers: [ada],
    keys: [bob.publicKey],
    authorizations: { roots: [bob.fingerprint], since: 2 },
  });
  await index.refused('SIGNER_UNKNOWN', { chain: moved });
  const raised = index.chain.branch();
  await raised.commit({
    signers: [ada],
    keys: [bob.publicKey],
    authorizations: { roots: [ada.fingerprint, bob.fingerprint].sort(), threshold: 2, since: 2 },
  });
  await index.refused('THRESHOLD_NOT_MET', { chain: raised });
});

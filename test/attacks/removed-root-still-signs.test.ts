/** A root that was taken out signs on. */
import { attack } from './scene.js';

attack('removed root still signs', async (scene) => {
  const { ada, bob } = scene;
  const index = await scene.index();
  await index.commit({
    signers: [ada, bob],
    keys: [bob.publicKey],
    authorizations: { roots: [bob.fingerprint], since: 2 },
  });
  const chain = index.chain.branch();
  await chain.commit({ signers: [ada] });
  // whether the change of roots is known already, or comes with the attack
  await index.refused('SIGNER_UNKNOWN', { chain });
  await index.accepted();
  await index.refused('SIGNER_UNKNOWN', { chain });
  await index.commit({ signers: [bob] });
  await index.accepted();
});

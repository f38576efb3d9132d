/** A commit signed by a key that is authorised in that very commit and nowhere before. */
import { attack } from './scene.js';

attack('commit signed by a key authorised only in itself', async (scene) => {
  const { ada, mallory } = scene;
  const index = await scene.index();
  const self = index.chain.branch();
  await self.commit({
    signers: [mallory],
    keys: [mallory.publicKey],
    authorizations: { roots: [mallory.fingerprint], since: 2 },
  });
  await index.refused('SIGNER_UNKNOWN', { chain: self });
  // as one root among others
  const beside = index.chain.branch();
  await beside.commit({
    signers: [mallory],
    keys: [mallory.publicKey],
    authorizations: { roots: [ada.fingerprint, mallory.fingerprint].sort(), since: 2 },
  });
  await index.refused('SIGNER_UNKNOWN', { chain: beside });
  // a maintainer's key in the index makes no root either
  await index.commit({ keys: [mallory.publicKey] });
  await index.accepted();
  await index.commit({ signers: [mallory] });
  await index.refused('SIGNER_UNKNOWN');
});

/** Unsigned introduction: an index that nobody signed, or not those whom the introduction names. */
import { introduce } from '../index-repo/support.js';
import { attack } from './scene.js';

attack('unsigned introduction: the first state is not signed', async (scene) => {
  const index = await scene.index();
  const chain = index.chain.branch(0);
  const { indexCore } = index.introduction;
  await chain.commit({ signers: [scene.ada], unsigned: true, distribution: { indexCore } });
  await index.refusedNewcomer('SIGNATURE_MISSING', index.introduction, { chain });
});

attack('unsigned introduction: roots that the index does not have', async (scene) => {
  const { ada, bob, mallory } = scene;
  const index = await scene.index();
  const of = (roots: readonly string[], threshold = 1): typeof index.introduction => ({
    ...introduce(roots as never, threshold),
    indexCore: index.introduction.indexCore,
  });
  await index.refusedNewcomer('INTRODUCTION_MISMATCH', of([bob.fingerprint]));
  await index.refusedNewcomer('INTRODUCTION_MISMATCH', of([ada.fingerprint, bob.fingerprint]));
  await index.refusedNewcomer('THRESHOLD_NOT_MET', of([ada.fingerprint, bob.fingerprint], 2));
  // an index that names the introduced root and is signed by somebody else
  const chain = index.chain.branch(0);
  await chain.commit({
    signers: [mallory],
    keys: [ada.publicKey, mallory.publicKey],
    authorizations: { roots: [ada.fingerprint] },
    distribution: { indexCore: index.introduction.indexCore },
  });
  await index.refusedNewcomer('SIGNER_UNKNOWN', index.introduction, { chain });
});

attack('unsigned introduction: fewer signatures on the first state than it asks for', async (scene) => {
  const { ada, bob } = scene;
  const index = await scene.index({ roots: [ada, bob], threshold: 2 });
  const chain = index.chain.branch(0);
  await chain.commit({
    signers: [ada],
    keys: [ada.publicKey, bob.publicKey],
    authorizations: { threshold: 2, roots: [...index.introduction.roots] },
    distribution: { indexCore: index.introduction.indexCore },
  });
  await index.refusedNewcomer('THRESHOLD_NOT_MET', index.introduction, { chain });
});

/** Text against binary mode: a text signature covers the text with other line ends as well, so it is no statement about these bytes. */
import { makeKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack } from './scene.js';

attack('text mode in place of binary mode: a signature of a root', async (scene) => {
  const root = await forgedSigner(await makeKey({ date: new Date(Date.now() - 60_000) }));
  const index = await scene.index({ roots: [root] });
  const chain = index.chain.branch();
  await chain.commit({ signers: [root.saying({ set: { signatureType: 1 } })] });
  await index.refused('SIGNATURE_MALFORMED', { chain });
  await index.commit();
  await index.accepted();
});

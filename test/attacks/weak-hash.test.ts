/** MD5, SHA-1: an index commit is signed over a hash for which collisions are made. */
import * as openpgp from 'openpgp';
import { makeRsaKey } from '../trust/forge.js';
import { forgedSigner } from './forged-signer.js';
import { attack } from './scene.js';

attack('MD5, SHA-1, RIPEMD-160 and SHA-224 in the signature of a root', async (scene) => {
  const root = await forgedSigner(await makeRsaKey(new Date(Date.now() - 60_000)));
  const index = await scene.index({ roots: [root] });
  const { md5, sha1, ripemd, sha224 } = openpgp.enums.hash;
  for (const hashAlgorithm of [md5, sha1, ripemd, sha224]) {
    const chain = index.chain.branch();
    await chain.commit({ signers: [root.saying({ set: { hashAlgorithm } })] });
    await index.refused('SIGNATURE_WEAK', { chain });
  }
  await index.commit();
  await index.accepted();
});

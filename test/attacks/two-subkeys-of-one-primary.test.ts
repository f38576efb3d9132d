/** Two signing subkeys of one primary key are one root. */
import assert from 'node:assert/strict';
import * as openpgp from 'openpgp';
import { PublicKey } from '../../trust/index.js';
import { signerOf, type TestSigner } from '../index-repo/support.js';
import { attack } from './scene.js';

attack('two subkeys of one primary counted as two', async (scene) => {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: 'Twin <twin@example.org>' }],
    subkeys: [{ sign: true }, { sign: true }],
    format: 'object',
  });
  const twin = signerOf(privateKey, await PublicKey.parse(publicKey.armor()), 'Twin');
  const [first, second] = privateKey.getSubkeys().map((subkey): TestSigner => {
    const sign = async (bytes: Uint8Array): Promise<string> =>
      openpgp.sign({
        message: await openpgp.createMessage({ binary: bytes }),
        signingKeys: privateKey,
        signingKeyIDs: [subkey.getKeyID()],
        detached: true,
        format: 'armored',
      });
    return { ...twin, sign };
  });
  assert.ok(first && second);
  const index = await scene.index({ roots: [first, scene.bob], threshold: 2 });
  const commit = await index.commit({ signers: [first] });
  await index.chain.cosign(commit, second);
  const { data } = await index.refused('THRESHOLD_NOT_MET');
  assert.deepEqual(data['signers'], [twin.fingerprint]);
  await index.chain.cosign(commit, scene.bob);
  await index.accepted();
});

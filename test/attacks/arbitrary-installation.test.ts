/** Arbitrary installation: a mirror offers software of its own, signed by itself, under the name of the distribution. */
import { program } from '../e2e/scene.js';
import { craft } from '../e2e/evil-release.js';
import { attack, shardOf } from './scene.js';
import { entryFrom } from '../../index-repo/index.js';
import { coreKey } from '../index-repo/support.js';

attack('arbitrary installation: a stranger lists and signs a package of his own', async (scene) => {
  const index = await scene.index();
  const trojan = await craft(scene.path('scratch'), program('trojan'), scene.mallory);
  const core = { key: coreKey('trojan'), byteLength: trojan.image.length };
  await index.commit({
    signers: [scene.mallory],
    keys: [scene.mallory.publicKey],
    files: shardOf([entryFrom(trojan.control, { ...trojan.pin, core })]),
  });
  await index.refused('SIGNER_UNKNOWN');
  await scene.refuses(() => scene.install('trojan'), 'PACKAGE_NOT_FOUND');
});

attack('arbitrary installation: a listed release that a stranger signed', async (scene) => {
  const trojan = await craft(scene.path('scratch'), program('trojan'), scene.mallory);
  // under the root's name, the signature is not the root's
  await scene.refusesRelease(scene.by(trojan, scene.ada), 'SIGNER_UNKNOWN');
});

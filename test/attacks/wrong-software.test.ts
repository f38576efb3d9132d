/** Wrong software: the bytes of one package under the name of another, or of an older version under a newer number. */
import { disguised } from '../e2e/evil-release.js';
import { attack } from './scene.js';

attack("wrong software: one package's release under another name", async (scene) => {
  await scene.refusesRelease(disguised(scene.victim, { name: 'libsafe' }), 'RELEASE_MISMATCH');
});

attack('wrong software: an old release under a newer version', async (scene) => {
  await scene.refusesRelease(disguised(scene.victim, { version: '9.0' }), 'RELEASE_MISMATCH');
});

/** Signed tag moved to another ref name: the signature stays good, the name that leads to it lies. */
import { disguised, flipped, retagged } from '../e2e/evil-release.js';
import { forge } from '../package-repo/forge.js';
import { attack } from './scene.js';
import { forgedRelease } from './forged-release.js';

attack('signed tag moved to another ref name: the tag of 1.0 as that of 2.0', async (scene) => {
  await scene.refusesRelease(disguised(scene.victim, { version: '2.0' }), 'RELEASE_MISMATCH');
  // a tag whose own name is not that of the release that it signs
  const renamed = await forge(scene.ada, { tag: (tag) => ({ ...tag, tag: '9.9/amd64' }) });
  await scene.refusesRelease(forgedRelease(renamed), 'RELEASE_MISMATCH');
});

attack('signed tag moved to another commit', async (scene) => {
  const moved = await retagged(scene.victim, (tag) =>
    Buffer.from(tag.toString('latin1').replace(/^object ../, 'object 00'), 'latin1'),
  );
  await scene.refusesRelease(moved, 'SIGNATURE_BAD');
  const swapped = await retagged(scene.victim, (tag) => flipped(tag, tag.indexOf('tagger ') + 7), {
    keepPin: true,
  });
  await scene.refusesRelease(swapped, 'RELEASE_MISMATCH');
});

/** Tag transplanted from another package: both are properly signed, and belong to different files. */
import { hashObject } from '../../git/index.js';
import { craft, tampered } from '../e2e/evil-release.js';
import { program } from '../e2e/scene.js';
import { attack } from './scene.js';

attack('tag transplanted from another package', async (scene) => {
  const donor = await craft(scene.path('scratch'), program('donor'), scene.ada);
  let tag = Buffer.alloc(0);
  await tampered(donor, ({ objects }) => void (tag = Buffer.from(objects[0]?.body ?? '')));
  const pin = { ...scene.victim.pin, tag: hashObject('tag', tag) };
  const grafted = await tampered(
    { ...scene.victim, pin },
    ({ objects }) => void (objects[0] = { type: 'tag', body: tag }),
  );
  await scene.refusesRelease(grafted, 'RELEASE_MISMATCH');
});

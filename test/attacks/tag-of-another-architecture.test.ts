/** Tag of another architecture: a release for all machines listed for one, or the other way round. */
import { debianArchitecture } from '../../model/index.js';
import { disguised } from '../e2e/evil-release.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

attack('tag of another architecture', async (scene) => {
  const here = debianArchitecture(process.arch);
  await scene.refusesRelease(disguised(scene.victim, { architecture: here }), 'RELEASE_MISMATCH');
  const foreign = await forge(scene.ada, {
    tag: (tag) => ({ ...tag, message: tag.message.replaceAll('amd64', 's390x') }),
  });
  await scene.refusesRelease(disguised(forgedRelease(foreign), { architecture: here }), 'RELEASE_MISMATCH');
});

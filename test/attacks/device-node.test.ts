/** A device node that the manifest lacks, or has where a file was signed. */
import { tampered } from '../e2e/evil-release.js';
import { forge } from '../package-repo/forge.js';
import { debs, manifests } from './archives.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

attack('device node that the manifest lacks', async (scene) => {
  await debs(scene, [
    [
      { name: './usr/d', type: '3', device: [1, 3] },
      { name: './usr/d/x', body: 'x' },
    ],
  ]);
  await debs(scene, [[{ name: './usr/d', type: '4', device: [8, 0], body: 'x' }]], 'DEB_MALFORMED');
  await manifests(scene, [['c 0600 root root 0 0 - - a'], ['b 0600 root root 0 0 - 8 a']]);
  // a line of the signed manifest is exchanged
  const swapped = await tampered(scene.victim, ({ objects }) => {
    const at = objects.findIndex(({ body }) => body.includes('#gtpkg-manifest 1\n'));
    const text = objects[at]?.body.toString('latin1') ?? '';
    objects[at] = {
      type: 'blob',
      body: Buffer.from(text.replace(/^f .*\n/m, 'c 0666 root root 0 0 - 1,3 usr/bin/victim\n'), 'latin1'),
    };
  });
  await scene.refusesRelease(swapped, 'RELEASE_MALFORMED');
  // a manifest with a device where the signed tree has a file
  const device = await forge(scene.ada, {
    manifest: ([a, ...rest]) => [
      { ...a, type: 'c', size: 0, sha256: undefined, link: '1,3' } as never,
      ...rest,
    ],
  });
  await scene.refusesRelease(forgedRelease(device), ['RELEASE_MALFORMED', 'MANIFEST_MALFORMED']);
});

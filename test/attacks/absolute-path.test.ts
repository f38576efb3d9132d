/** Absolute path: a name that begins at the root of the machine. */
import { debs, file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('absolute path', async (scene) => {
  await debs(scene, [
    [{ name: '/tmp/escaped', body: 'x' }],
    [{ name: './/tmp/escaped', body: 'x' }],
    [{ name: './usr//bin/x', body: 'x' }],
  ]);
  await manifests(scene, [[file('/tmp/escaped')], [file('a//b')]]);
});

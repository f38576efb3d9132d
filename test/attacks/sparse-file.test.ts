/** Sparse file: an archive member that is larger than its bytes, in each of tar's ways to say so. */
import { debs } from './archives.js';
import { attack } from './scene.js';

attack('sparse file', async (scene) => {
  await debs(scene, [
    [{ name: './usr/x', type: 'S', body: 'x' }],
    [
      { name: 'pax', type: 'x', body: '22 GNU.sparse.major=1\n' },
      { name: './usr/x', body: 'x' },
    ],
    [
      { name: 'pax', type: 'x', body: '32 GNU.sparse.realsize=99999999\n' },
      { name: './usr/x', body: 'x' },
    ],
  ]);
});

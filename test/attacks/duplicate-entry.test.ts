/** Duplicate entry: one path twice, and each reader takes another. */
import { debs, dir, file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('duplicate entry', async (scene) => {
  await debs(scene, [
    [
      { name: './usr/x', body: 'one' },
      { name: './usr/x', body: 'two' },
    ],
    [
      { name: './usr/x', body: 'one' },
      { name: 'usr/x', body: 'two' },
    ],
    [{ name: './usr/x', body: 'one' }, dir('./usr/x/')],
    [{ ...dir('./usr/bin/'), mode: 0o777 }],
  ]);
  await manifests(scene, [
    [file('a'), file('a')],
    [file('b'), file('a')],
  ]);
});

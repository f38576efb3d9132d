/** `../x`: a name that leads out of the package. */
import { debs, dir, directory, file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('../x', async (scene) => {
  await debs(scene, [
    [{ name: './../../escaped', body: 'x' }],
    [{ name: './usr/../../escaped', body: 'x' }],
    [{ name: './usr/../usr/bin/x', body: 'x' }],
    [dir('./..')],
    [
      { name: '././@LongLink', type: 'L', body: `${'a/'.repeat(60)}../x\0` },
      { name: 'a', body: 'x' },
    ],
  ]);
  await manifests(scene, [
    [directory('..'), file('../x')],
    [directory('a'), directory('a/..'), file('a/../x')],
    [directory('.')],
  ]);
});

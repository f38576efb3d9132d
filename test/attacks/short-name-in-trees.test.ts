/** `git~1` in trees: on NTFS this is `.git`. */
import { hostileName, tamedName } from './hostile-name.js';
import { attack } from './scene.js';

attack('git~1 in trees', async (scene) => {
  await hostileName(scene, 'git~1');
  await tamedName(scene, 'git~1');
});

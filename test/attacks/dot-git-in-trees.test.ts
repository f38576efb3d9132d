/** `.GIT` in trees: a checkout on another file system would write into its own repository. */
import { hostileName, tamedName } from './hostile-name.js';
import { attack } from './scene.js';

attack('.GIT in trees', async (scene) => {
  await hostileName(scene, '.GIT');
  await tamedName(scene, '.GIT');
});

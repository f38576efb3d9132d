/** `..` in trees: a checkout would write beside itself. */
import { hostileName } from './hostile-name.js';
import { attack } from './scene.js';

attack('.. in trees', async (scene) => {
  await hostileName(scene, '..');
});

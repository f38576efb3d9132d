/** A backslash in trees: elsewhere it separates directories. */
import { hostileName, tamedName } from './hostile-name.js';
import { attack } from './scene.js';

attack('a backslash in trees', async (scene) => {
  await hostileName(scene, 'a\\b');
  await tamedName(scene, 'a\\b');
});

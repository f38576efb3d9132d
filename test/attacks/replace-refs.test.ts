/** Replace refs: `refs/replace/<oid>` makes git show another object in an object's place. What is signed and sent is the true one. */
import { lacks } from '../git/support.js';
import { swappedView } from './local-git.js';
import { attack } from './scene.js';

attack(
  'replace refs in a package repository',
  (scene) =>
    swappedView(scene, ({ git, commit, evil }) => void git('update-ref', `refs/replace/${commit}`, evil)),
  lacks('git'),
);

/** Grafts: `info/grafts` gives a commit other parents in git's eyes. What is signed and sent has its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { lacks } from '../git/support.js';
import { swappedView } from './local-git.js';
import { attack } from './scene.js';

attack(
  'grafts in a package repository',
  (scene) =>
    swappedView(scene, ({ repository, commit, evil }) => {
      mkdirSync(`${repository}/info`, { recursive: true });
      writeFileSync(`${repository}/info/grafts`, `${commit} ${evil}\n`);
    }),
  lacks('git'),
);

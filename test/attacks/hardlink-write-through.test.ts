/** Hard link, then a write through it: a second name for a file of the machine. */
import { debs, EMPTY, file, manifests } from './archives.js';
import { attack } from './scene.js';

attack('hard link, then a write through it', async (scene) => {
  await debs(scene, [
    [
      { name: './usr/x', type: '1', link: '/etc/passwd' },
      { name: './usr/x', body: 'x' },
    ],
    [{ name: './usr/x', type: '1', link: './../../etc/passwd' }],
    [
      { name: './usr/x', type: '1', link: './usr/later' },
      { name: './usr/later', body: 'x' },
    ],
    [
      { name: './usr/s', type: '2', link: '/etc/passwd' },
      { name: './usr/x', type: '1', link: './usr/s' },
    ],
  ]);
  const link = (target: string): string => `h 0644 root root 0 0 - ${target} b`;
  await manifests(scene, [
    [link('../etc/shadow')],
    [link('/etc/shadow')],
    [link('c'), file('c')],
    ['l 0777 root root 0 0 - /etc/shadow a', link('a')],
    [`h 0644 root root 0 0 ${EMPTY} a b`],
  ]);
});

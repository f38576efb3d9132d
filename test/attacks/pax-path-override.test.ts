/** PAX path override: an extended header gives the member after it another name. */
import type { Member } from '../e2e/evil-deb.js';
import { debs } from './archives.js';
import { attack } from './scene.js';

const pax = (key: string, value: string): Member => {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length++;
  return { name: 'pax', type: 'x', body: `${length}${rest}` };
};

attack('PAX path override', async (scene) => {
  const member = { name: './usr/x', body: 'x' };
  await debs(scene, [
    [pax('path', '../../escaped'), member],
    [pax('path', '/tmp/escaped'), member],
    [pax('linkpath', '/etc/passwd'), { name: './usr/x', type: '1', link: './usr/y' }],
    [{ name: 'pax', type: 'g', body: '19 path=/etc/passwd\n' }, member],
  ]);
  // keys and lengths that nobody knows
  await debs(
    scene,
    [
      [pax('SCHILY.xattr.trusted.overlay.opaque', 'y'), member],
      [{ name: 'pax', type: 'x', body: '99 path=x\n' }, member],
    ],
    'DEB_MALFORMED',
  );
});

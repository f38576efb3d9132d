/** Size bomb: more bytes than the signed sizes say. The bound is the signed size, not a fixed cap. */
import { gzipSync } from 'node:zlib';
import { limits } from '../../model/index.js';
import { ar, debMembers } from '../e2e/evil-deb.js';
import { forge } from '../package-repo/forge.js';
import { debs } from './archives.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

attack('size bomb: a payload that does not end where the manifest says', async (scene) => {
  const bomb = (honest: Buffer): Buffer => Buffer.concat([honest, Buffer.alloc(64 << 20)]);
  const open = await forge(scene.ada, { payload: bomb });
  await scene.refusesRelease(forgedRelease(open), 'RELEASE_MALFORMED');
  // and with a header that says what the manifest says
  const hidden = await forge(scene.ada, { payload: bomb, payloadLength: (honest) => honest });
  await scene.refusesRelease(forgedRelease(hidden), ['PAYLOAD_CORRUPT', 'LIMIT_EXCEEDED']);
  const manifest = await forge(scene.ada, {
    manifest: ([a, ...rest]) => [{ ...a, size: 2 ** 40 } as never, ...rest],
  });
  await scene.refusesRelease(forgedRelease(manifest), 'RELEASE_MALFORMED');
});

attack('size bomb: in a .deb', async (scene) => {
  await debs(
    scene,
    [[{ name: './usr/x', body: 'x', size: 8 ** 11 - 1 }]],
    ['DEB_MALFORMED', 'LIMIT_EXCEEDED'],
  );
  const [format, , data] = debMembers('evil');
  const zeros = gzipSync(Buffer.alloc(limits.MAX_DEB_CONTROL + (1 << 20)), { level: 1 });
  await scene.refusesDeb(ar([format, ['control.tar.gz', zeros], data] as never), [
    'LIMIT_EXCEEDED',
    'DEB_MALFORMED',
  ]);
});

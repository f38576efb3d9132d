/** A set-uid program that the manifest lacks. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { tampered } from '../e2e/evil-release.js';
import { forge } from '../package-repo/forge.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

attack('set-uid program that the manifest lacks', async (scene) => {
  const release = await tampered(scene.victim, ({ objects }) => {
    const at = objects.findIndex(({ body }) => body.includes('#gtpkg-manifest 1\n'));
    const text = objects[at]?.body.toString('latin1') ?? '';
    assert.match(text, /^f 0755/m);
    objects[at] = { type: 'blob', body: Buffer.from(text.replace(/^f 0755/m, 'f 4755'), 'latin1') };
  });
  await scene.refusesRelease(release, 'RELEASE_MALFORMED');
  // signed, but not what the signed tree says: there the file is no program
  const forged = await forge(scene.ada, {
    manifest: (manifest) => manifest.map((entry) => ({ ...entry, mode: 0o4755 })),
  });
  await scene.refusesRelease(forgedRelease(forged), 'PAYLOAD_CORRUPT');
  // modes come from the signed manifest, whatever the umask
  assert.equal((await stat(scene.path('client', 'root', 'usr', 'bin', 'hello'))).mode & 0o7777, 0o755);
});

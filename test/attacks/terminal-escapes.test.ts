/** Terminal escapes in descriptions and names: shown, not obeyed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { parseControl } from '../../model/index.js';
import { BIN } from '../e2e/harness.js';
import { forge } from '../package-repo/forge.js';
import { control } from '../package-repo/support.js';
import { forgedRelease } from './forged-release.js';
import { attack } from './scene.js';

const ESCAPES = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e';

attack('terminal escapes in a description and a maintainer', async (scene) => {
  const text = `${control({ Package: 'escapes', Maintainer: `A ${ESCAPES} <a@example.org>` })} ${ESCAPES} more\n`;
  const release = forgedRelease(await forge(scene.ada));
  const evil = parseControl(Buffer.from(text.replace('a sample', `a ${ESCAPES}sample`)), 'evil');
  const index = await scene.index();
  await index.lists({ ...release, control: evil, pin: { ...release.pin, name: 'escapes' } });
  const env = { ...process.env, GTPKG_HOME: scene.path('client'), GTPKG_BOOTSTRAP: 'none' };
  for (const args of [
    ['show', 'escapes'],
    ['search', 'sample'],
  ]) {
    const { stdout, status } = spawnSync(process.execPath, [BIN, ...args], { env, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /escapes/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
});

/** gtpkg is killed when scripts of its transaction have diverted files: the next command puts them back, and dpkg's own files too. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyAll } from '../../installer/index.js';
import { dpkgRoot, noDpkg } from '../installer/debs.js';
import { STORIES } from '../installer/diverting.js';
import * as h from '../installer/helpers.js';

const CHILD = fileURLToPath(new URL('./divert-child.js', import.meta.url));
const OUTSIDE = { how: 'outside' } as const;

/** Files and links outside of dpkg's own directory, and what dpkg says of places. */
const seen = (dir: string): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(h.wholeState(dir)).filter(([path]) => !path.startsWith('var/lib/dpkg')),
  ),
  ...Object.fromEntries(
    ['diversions', 'statoverride'].map((name) => [
      name,
      h.exists(dir, `var/lib/dpkg/${name}`) ? h.read(dir, `var/lib/dpkg/${name}`) : 'none',
    ]),
  ),
});

for (const [story, { first }] of Object.entries(STORIES)) {
  test(`killed after its scripts: ${story}`, { skip: noDpkg() }, async (t) => {
    const dir = h.tempDir(t);
    dpkgRoot(dir);
    h.write(dir, 'etc/group', 'root:x:0:\ntty:x:5:\n');
    for (const steps of first) await h.run(dir, steps(), { scripts: OUTSIDE });
    const before = seen(dir);
    const child = spawn(process.execPath, [CHILD, dir, story], { stdio: 'inherit' });
    const over = new Promise((resolve) => child.on('exit', resolve));
    while (!h.exists(dir, 'now') && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.notDeepEqual(seen(dir), before);
    child.kill('SIGKILL');
    await over;
    // the recovery is killed too, at a place or two
    for (const stop of [4, 9]) {
      let count = 0;
      const step = (): void => {
        if (++count >= stop) throw new Error('stopped');
      };
      await h.open(dir, { step }).then(
        (root) => root.close(),
        () => undefined,
      );
      for (const name of fs.readdirSync(join(dir, 'var/lib/gtpkg')))
        if (name.startsWith('lock')) fs.rmSync(join(dir, 'var/lib/gtpkg', name));
    }
    (await h.open(dir)).close();
    fs.rmSync(join(dir, 'now'));
    assert.deepEqual(seen(dir), before);
    assert.deepEqual((await verifyAll(dir)).differences, []);
  });
}

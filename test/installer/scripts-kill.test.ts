/** An upgrade of five packages with conffiles and scripts, stopped at every single change that it makes to the root: afterwards it is all old or all new. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as h from './helpers.js';

const OUTSIDE = { how: 'outside' } as const;
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];

function five(version: string): ReturnType<typeof h.install>[] {
  return ['aa', 'bb', 'cc', 'dd', 'ee'].map((name) => {
    const own = { [`usr/lib/${name}/data`]: version, [`usr/lib/${name}/${version}/only`]: 'x' };
    // two of them are enough for every order of scripts, and keep this short
    const scripts = ['bb', 'dd'].includes(name)
      ? Object.fromEntries(SCRIPTS.map((script) => [script, `#!/bin/sh\n: ${version} "$@"\n`]))
      : {};
    const etc = `etc/${name}.conf`;
    return h.install({ name, version, files: { [etc]: version, ...own }, conffiles: [etc], scripts });
  });
}

const dropLock = (dir: string): void => {
  const state = join(dir, 'var/lib/gtpkg');
  for (const name of fs.readdirSync(state)) if (name.startsWith('lock')) fs.rmSync(join(state, name));
};

class Stopped extends Error {
  readonly code = 'ENOSPC';
}

test('killed, or out of space, at every change of an upgrade with scripts', async (t) => {
  const template = h.tempDir(t);
  await h.run(template, five('1'), { scripts: OUTSIDE });
  for (const path of ['etc/aa.conf', 'etc/dd.conf']) {
    h.write(template, path, 'edited');
    fs.utimesSync(join(template, path), 1_700_000_000, 1_700_000_000);
  }
  const copy = (): string => {
    const dir = h.tempDir(t);
    h.copyTree(template, dir);
    return dir;
  };
  const before = h.wholeState(template);
  const whole = copy();
  let total = 0;
  await h.run(whole, five('2'), { scripts: OUTSIDE, step: () => void total++ });
  const after = h.wholeState(whole);
  const outcomes = { old: 0, new: 0 };
  // a kill: no change succeeds from there on; a full disk: this one does not, what frees room does
  const stops = [
    ...Array.from({ length: total }, (_, i) => ({ at: i + 1, dead: true })),
    ...Array.from({ length: Math.floor(total / 6) }, (_, i) => ({ at: 6 * i + 1, dead: false })),
  ];
  for (const { at, dead } of stops) {
    const dir = copy();
    let count = 0;
    const step = (action: string): void => {
      count++;
      const grows = !['unlink', 'rmdir', 'truncate', 'rename', 'fsync', 'attributes'].includes(action);
      if (dead ? count >= at : count === at && grows) throw new Stopped();
    };
    await h.run(dir, five('2'), { scripts: OUTSIDE, step }).catch((error: unknown) => error);
    if (dead) {
      dropLock(dir);
      (await h.open(dir)).close();
    }
    const now = h.wholeState(dir);
    const isNew = now['HISTORY'] === after['HISTORY'];
    outcomes[isNew ? 'new' : 'old']++;
    assert.deepEqual(now, isNew ? after : before, `${dead ? 'killed' : 'full'} at change ${at} of ${total}`);
    fs.rmSync(dir, { recursive: true, force: true });
  }
  assert.ok(outcomes.old > 50 && outcomes.new > 0, JSON.stringify(outcomes));
  t.diagnostic(`${stops.length} stops: ${JSON.stringify(outcomes)}`);
});

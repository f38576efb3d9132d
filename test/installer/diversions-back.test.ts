/**
 * A transaction that is taken back after its scripts have called dpkg-divert or dpkg-statoverride: files lie where they lay, and dpkg's own files say what they said. The
 * scripts do nothing to take it back themselves, which is the worst case. The real dpkg-divert moves the files.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus, verifyAll } from '../../installer/index.js';
import type { TransactionStep } from '../../installer/index.js';
import { dpkgRoot, noDpkg } from './debs.js';
import { diverting, P, STORIES } from './diverting.js';
import * as h from './helpers.js';

const OUTSIDE = { how: 'outside' } as const;
/** All but what dpkg-divert keeps of before. */
const state = (dir: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(h.wholeState(dir)).filter(
      ([path]) => !/^var\/lib\/dpkg\/(diversions|statoverride)-old$/.test(path),
    ),
  );
/** What stands in dpkg's files; their times are theirs. */
const texts = (dir: string): string[] =>
  ['diversions', 'statoverride'].map((name) =>
    h.exists(dir, `var/lib/dpkg/${name}`) ? h.read(dir, `var/lib/dpkg/${name}`) : 'none',
  );
const timeless = (all: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(all).map(([path, what]) =>
      path.startsWith('var/lib/dpkg/') && what.startsWith('file')
        ? [path, what.split(' ').at(-1) ?? '']
        : [path, what],
    ),
  );

/** Of the program, wherever it lies. */
const inodeOf = (dir: string): number => fs.statSync(join(dir, h.exists(dir, P) ? P : `${P}.real`)).ino;

for (const [story, { first, then }] of Object.entries(STORIES)) {
  test(`taken back: ${story}`, { skip: noDpkg() }, async (t) => {
    const dir = h.tempDir(t);
    dpkgRoot(dir);
    h.write(dir, 'etc/passwd', 'root:x:0:0::/:/bin/sh\n');
    h.write(dir, 'etc/group', 'root:x:0:\ntty:x:5:\n');
    for (const steps of first) await h.run(dir, steps(), { scripts: OUTSIDE });
    const [before, said] = [state(dir), texts(dir)];
    const inode = inodeOf(dir);
    const failing = h.install({ name: 'zz', scripts: { postinst: '#!/bin/sh\nexit 1\n' } });
    await assert.rejects(
      h.run(dir, [...then(), failing], { scripts: OUTSIDE }),
      h.coded('SCRIPT_FAILED', /zz/),
    );
    assert.deepEqual(texts(dir), said);
    assert.deepEqual(timeless(state(dir)), timeless(before));
    assert.equal(inodeOf(dir), inode);
    assert.deepEqual((await verifyAll(dir)).differences, []);
    // and it can be done all the same
    await h.run(dir, then(), { scripts: OUTSIDE });
    assert.equal(readStatus(dir).has('zz'), false);
  });

  test(`stopped at every change: ${story}`, { skip: noDpkg() }, async (t) => {
    const template = h.tempDir(t);
    dpkgRoot(template);
    h.write(template, 'etc/group', 'root:x:0:\ntty:x:5:\n');
    for (const steps of first) await h.run(template, steps(), { scripts: OUTSIDE });
    for (const name of ['group', ...(h.exists(template, 'etc/passwd') ? ['passwd'] : [])])
      fs.utimesSync(join(template, 'etc', name), 1_700_000_000, 1_700_000_000);
    const copy = (): string => {
      const dir = h.tempDir(t);
      h.copyTree(template, dir);
      return dir;
    };
    const before = timeless(state(copy()));
    let total = 0;
    const whole = copy();
    await h.run(whole, then(), { scripts: OUTSIDE, step: () => void total++ });
    const after = timeless(state(whole));
    const each = process.env['GTPKG_TEST_FAULTS'] === 'all' ? 1 : 9;
    for (let at = 1 + (total % each); at <= total; at += each) {
      const dir = copy();
      let count = 0;
      const step = (): void => {
        if (++count >= at) throw new Error('stopped');
      };
      await h.run(dir, then(), { scripts: OUTSIDE, step }).catch((error: unknown) => error);
      for (const name of fs.readdirSync(join(dir, 'var/lib/gtpkg')))
        if (name.startsWith('lock')) fs.rmSync(join(dir, 'var/lib/gtpkg', name));
      (await h.open(dir)).close();
      const now = timeless(state(dir));
      assert.deepEqual(
        now,
        now['HISTORY'] === after['HISTORY'] ? after : before,
        `stopped at ${at} of ${total}`,
      );
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
}

test(
  'what the user has at the other name is left, when a script diverts to it without moving',
  { skip: noDpkg() },
  async (t) => {
    const dir = h.tempDir(t);
    dpkgRoot(dir);
    const steps: TransactionStep[] = [h.install(diverting('bb', '1', { preinst: 'dpkg-divert --root "$DPKG_ROOT" --quiet --package bb --no-rename --divert /opt/mine --add /opt/nothing' }))]; // prettier-ignore
    h.write(dir, 'opt/mine', 'mine');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const failing = h.install({ name: 'zz', scripts: { postinst: '#!/bin/sh\nexit 1\n' } });
    await assert.rejects(h.run(dir, [...steps, failing], { scripts: OUTSIDE }), h.coded('SCRIPT_FAILED'));
    assert.equal(h.read(dir, 'opt/mine'), 'mine');
    assert.equal(h.exists(dir, 'opt/nothing'), false);
  },
);

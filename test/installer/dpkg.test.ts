/** dpkg itself as the judge: the same packages, the same user, the same root in the end. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deb, dpkg, dpkgRoot, noDpkg } from './debs.js';
import * as h from './helpers.js';

type Action =
  | { readonly install: readonly h.PackageSpec[] }
  | { readonly remove: string; readonly purge?: boolean }
  | { readonly user: (dir: string) => void };

function byDpkg(work: string, dir: string, action: Action): void {
  if ('user' in action) return action.user(dir);
  const words =
    'install' in action
      ? ['--install', ...action.install.map((spec) => deb(work, spec))]
      : [action.purge === true ? '--purge' : '--remove', action.remove];
  const { status, output } = dpkg(dir, ...words);
  assert.equal(status, 0, output);
}

async function byUs(dir: string, action: Action): Promise<void> {
  if ('user' in action) action.user(dir);
  else if ('install' in action)
    await h.run(
      dir,
      action.install.map((spec) => h.install(spec)),
    );
  else await h.run(dir, [h.remove(action.remove, action.purge === true)]);
}

/** Types, modes and contents; times of the .debs differ, and dpkg calls the new conffile by another name. */
function simple(dir: string): string[] {
  return [...h.picture(dir)].flatMap(([path, what]) => {
    if (path === 'var' || path.startsWith('var/lib')) return [];
    const parts = what.split(' ');
    const seen = parts[0] === 'file' ? `${parts[0]} ${parts[1]} ${parts[3]} ${parts[5]}` : what;
    return [`${path.replace('.dpkg-dist', '.gtpkg-new')} ${seen}`];
  });
}

const C = 'etc/aa/conf';
const aa = (version: string, conf: string | undefined, more: h.PackageSpec['files'] = {}): h.PackageSpec => ({
  name: 'aa',
  version,
  files: { ...(conf === undefined ? {} : { [C]: conf }), 'usr/aa': version, ...more },
  conffiles: conf === undefined ? [] : [C],
});
const edit = (path: string, text: string): Action => ({ user: (dir) => h.write(dir, path, text) });
const drop = (path: string): Action => ({ user: (dir) => fs.rmSync(join(dir, path)) });

const STORIES: Readonly<Record<string, readonly Action[]>> = {
  'install, upgrade, remove': [
    { install: [aa('1', 'one', { 'usr/d/x': '1', 'usr/suid': { content: 's', mode: 0o4755 } }), { name: 'bb', files: { 'usr/d/y': 'y', 'usr/e': { type: 'd' } } }] },
    { install: [aa('2', 'one', { 'usr/d/z': '1', 'usr/hard': { type: 'h', link: 'usr/aa' } })] },
    { remove: 'bb' },
    { remove: 'aa' },
    { remove: 'aa', purge: true },
  ],
  'conffile not touched': [{ install: [aa('1', 'one')] }, { install: [aa('2', 'two')] }],
  'conffile edited, package unchanged': [{ install: [aa('1', 'one')] }, edit(C, 'mine'), { install: [aa('2', 'one')] }],
  'conffile edited, package changed too, then purged': [
    { install: [aa('1', 'one')] },
    edit(C, 'mine'),
    { install: [aa('2', 'two')] },
    { install: [aa('3', 'two')] },
    { remove: 'aa' },
    { remove: 'aa', purge: true },
  ],
  'conffile edited into the new version': [{ install: [aa('1', 'one')] }, edit(C, 'two'), { install: [aa('2', 'two')] }],
  'conffile deleted, package unchanged': [{ install: [aa('1', 'one')] }, drop(C), { install: [aa('2', 'one')] }],
  'conffile removed and installed again': [
    { install: [aa('1', 'one')] },
    edit(C, 'mine'),
    { remove: 'aa' },
    { install: [aa('1', 'one')] },
  ],
  'conffile no longer shipped': [{ install: [aa('1', 'one')] }, { install: [aa('2', undefined)] }, { remove: 'aa' }, { remove: 'aa', purge: true }],
  'conffile with changed permissions': [
    { install: [aa('1', 'one')] },
    { user: (dir) => fs.chmodSync(join(dir, C), 0o600) },
    { install: [aa('2', 'two')] },
  ],
  'a file of nobody': [edit('usr/aa', 'nobody'), { install: [aa('1', 'one')] }],
  'files in a directory that goes': [
    { install: [aa('1', 'one', { 'usr/d/x': '1' })] },
    edit('usr/d/mine', 'x'),
    { install: [aa('2', 'one')] },
    { remove: 'aa', purge: true },
  ],
  'Replaces, then both removed': [
    { install: [aa('1', 'one', { 'usr/moved': 'aa' })] },
    { install: [{ name: 'bb', files: { 'usr/moved': 'bb' }, replaces: 'aa (<< 3)' }] },
    { install: [aa('2', 'one', { 'usr/moved': 'aa2' })] },
    { remove: 'aa', purge: true },
    { remove: 'bb' },
  ],
  'merged /usr': [
    {
      user: (dir) => {
        fs.mkdirSync(join(dir, 'usr/lib'), { recursive: true });
        fs.symlinkSync('usr/lib', join(dir, 'lib'));
      },
    },
    { install: [aa('1', 'one', { 'lib/x.so': '1', 'lib/d/y': '1' })] },
    { install: [aa('2', 'one', { 'lib/x.so': '2' })] },
    // dpkg would now remove the administrator's own link with the last package behind it; we do not
  ],
  'a file becomes a directory': [{ install: [aa('1', 'one', { 'usr/t': 'file' })] }, { install: [aa('2', 'one', { 'usr/t/in': 'dir' })] }],
  'links change': [
    { install: [aa('1', 'one', { 'usr/l': { type: 'l', link: 'aa' }, 'usr/m': 'file' })] },
    { install: [aa('2', 'one', { 'usr/l': 'file', 'usr/m': { type: 'l', link: 'nowhere' } })] },
  ],
}; // prettier-ignore

for (const [story, actions] of Object.entries(STORIES)) {
  test(`as dpkg does: ${story}`, { skip: noDpkg() }, async (t) => {
    const [work, theirs, ours] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
    dpkgRoot(theirs);
    for (const [at, action] of actions.entries()) {
      byDpkg(work, theirs, action);
      await byUs(ours, action);
      assert.deepEqual(simple(ours), simple(theirs), `after action ${at + 1} of ${actions.length}`);
    }
  });
}

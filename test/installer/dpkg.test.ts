/** dpkg itself as the judge: the same packages, the same user, the same root in the end. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { noDpkg } from './debs.js';
import type * as h from './helpers.js';
import { drop, edit, tell, type Action } from './judge.js';

const C = 'etc/aa/conf';
const aa = (version: string, conf: string | undefined, more: h.PackageSpec['files'] = {}): h.PackageSpec => ({
  name: 'aa',
  version,
  files: { ...(conf === undefined ? {} : { [C]: conf }), 'usr/aa': version, ...more },
  conffiles: conf === undefined ? [] : [C],
});

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
    await tell(t, actions);
  });
}

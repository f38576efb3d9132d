/** Diversions and overrides: dpkg-divert and dpkg-statoverride are called by scripts and by hand, and dpkg itself is the judge of what lies where. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { filesOf, ownerOf, verifyAll } from '../../installer/index.js';
import { deb, dpkg, dpkgRoot, noDpkg } from './debs.js';
import * as h from './helpers.js';
import { OUTSIDE } from './script-packages.js';

type Action =
  | { readonly install: readonly h.PackageSpec[] }
  | { readonly remove: string }
  | { readonly root: readonly string[] };

const P = 'usr/bin/tool';
const DIVERT = `dpkg-divert --root "$DPKG_ROOT" --quiet --package bb --rename --divert /${P}.real`;
const aa = (version: string, more: h.PackageSpec['files'] = {}): h.PackageSpec => ({
  name: 'aa',
  version,
  files: { [P]: { content: `aa ${version}`, mode: 0o755 }, 'usr/share/aa': version, ...more },
});
/** Takes the place of aa's program. */
const bb = (version: string, scripts: h.PackageSpec['scripts'] = {}): h.PackageSpec => ({
  name: 'bb',
  version,
  files: { [P]: { content: `bb ${version}`, mode: 0o755 } },
  scripts: {
    preinst: `#!/bin/sh\nset -e\n${DIVERT} --add /${P}\n`,
    postrm: `#!/bin/sh\nset -e\ncase $1 in remove|abort-install) ${DIVERT} --remove /${P};; esac\n`,
    ...scripts,
  },
});
const local = (...words: string[]): Action => ({ root: ['dpkg-divert', '--quiet', '--local', ...words] });

const STORIES: Readonly<Record<string, readonly Action[]>> = {
  'a package takes the place of a file of another, both are upgraded, and it goes': [
    { install: [aa('1')] },
    { install: [bb('1')] },
    { install: [aa('2')] },
    { install: [bb('2')] },
    { install: [aa('3', { [`${P}.hard`]: { type: 'h', link: P, mode: 0o755 } })] },
    { remove: 'bb' },
    { install: [aa('4')] },
  ],
  'the package whose file was diverted goes first': [
    { install: [aa('1')] },
    { install: [bb('1')] },
    { remove: 'aa' },
    { remove: 'bb' },
  ],
  'diverted by hand before and after a package comes; overrides count': [
    local('--rename', '--add', '--divert', `/${P}.mine`, `/${P}`),
    { install: [aa('1')] },
    {
      root: ['dpkg-statoverride', '--update', '--force-all', '--add', 'root', 'tty', '2755', '/usr/share/aa'],
    },
    { install: [aa('2')] },
    local('--rename', '--remove', `/${P}`),
    { install: [aa('3')] },
    local('--no-rename', '--add', '--divert', `/${P}.mine`, `/${P}`),
    { remove: 'aa' },
  ],
};

function inRoot(dir: string, [tool = '', ...words]: readonly string[]): void {
  const { status, stderr } = spawnSync(tool, ['--root', dir, ...words], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

/** Types, modes, owners and contents outside of the databases. */
function simple(dir: string): string[] {
  return [...h.picture(dir)].flatMap(([path, what]) => {
    if (path === 'var' || path.startsWith('var/lib') || path.startsWith('etc')) return [];
    const parts = what.split(' ');
    return [`${path} ${parts[0] === 'file' ? [1, 2, 3, 5].map((at) => parts[at]).join(' ') : what}`];
  });
}

function passwords(dir: string): void {
  h.write(dir, 'etc/passwd', 'root:x:0:0::/:/bin/sh\n');
  h.write(dir, 'etc/group', 'root:x:0:\ntty:x:5:\n');
}

for (const [story, actions] of Object.entries(STORIES)) {
  test(`as dpkg does: ${story}`, { skip: noDpkg() }, async (t) => {
    const [work, theirs, ours] = [h.tempDir(t), h.tempDir(t), h.tempDir(t)];
    for (const dir of [theirs, ours]) {
      dpkgRoot(dir);
      passwords(dir);
    }
    for (const [index, action] of actions.entries()) {
      if ('root' in action) {
        inRoot(theirs, action.root);
        inRoot(ours, action.root);
      } else if ('install' in action) {
        const { status, output } = dpkg(
          theirs,
          '--install',
          ...action.install.map((spec) => deb(work, spec)),
        );
        assert.equal(status, 0, output);
        await h.run(ours, action.install.map((spec) => h.install(spec)), { scripts: OUTSIDE }); // prettier-ignore
      } else {
        const { status, output } = dpkg(theirs, '--remove', action.remove);
        assert.equal(status, 0, output);
        await h.run(ours, [h.remove(action.remove)], { scripts: OUTSIDE });
      }
      assert.deepEqual(simple(ours), simple(theirs), `after step ${index + 1}`);
      if (!('root' in action))
        assert.deepEqual((await verifyAll(ours)).differences, [], `verify after step ${index + 1}`);
    }
  });
}

test('whose is it: diverted files are where they are', { skip: noDpkg() }, async (t) => {
  const dir = h.tempDir(t);
  dpkgRoot(dir);
  await h.run(dir, [h.install(aa('1'))]);
  await h.run(dir, [h.install(bb('1'))], { scripts: OUTSIDE });
  assert.deepEqual(ownerOf(dir, `/${P}`).map(({ name }) => name), ['bb']); // prettier-ignore
  assert.deepEqual(ownerOf(dir, `/${P}.real`).map(({ name }) => name), ['aa']); // prettier-ignore
  assert.ok(filesOf(dir, 'aa').some(({ path }) => path === `${P}.real`));
  assert.deepEqual((await verifyAll(dir)).extras.paths, []);
});

test(
  'a preinst that speaks of dpkg-divert and diverts nothing: a file conflict, and the root is as it was',
  { skip: noDpkg() },
  async (t) => {
    const dir = h.tempDir(t);
    dpkgRoot(dir);
    await h.run(dir, [h.install(aa('1'))]);
    const before = h.wholeState(dir);
    const idle = bb('1', { preinst: '#!/bin/sh\n: dpkg-divert\n' });
    await assert.rejects(h.run(dir, [h.install(idle)], { scripts: OUTSIDE }), h.coded('FILE_CONFLICT', /aa and bb|bb and aa/)); // prettier-ignore
    const after = h.wholeState(dir);
    delete (after as Record<string, unknown>)['LOG'];
    assert.deepEqual(Object.keys(after).filter((key) => !/LOG|log|outcome/i.test(key) && after[key] !== before[key]), []); // prettier-ignore
  },
);

test(
  'a package that fails after it diverted: the other file is back in its place',
  { skip: noDpkg() },
  async (t) => {
    const dir = h.tempDir(t);
    dpkgRoot(dir);
    await h.run(dir, [h.install(aa('1'))]);
    const failing = bb('1', { postinst: '#!/bin/sh\nexit 1\n' });
    await assert.rejects(h.run(dir, [h.install(failing)], { scripts: OUTSIDE }), h.coded('SCRIPT_FAILED'));
    assert.equal(h.read(dir, P), 'aa 1');
    assert.equal(h.exists(dir, `${P}.real`), false);
    assert.deepEqual((await verifyAll(dir)).differences, []);
  },
);

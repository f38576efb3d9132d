/** Maintainer scripts: dpkg's order and arguments, and its unwinding, whichever of them fails, hangs or is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStatus } from '../../installer/index.js';
import * as h from './helpers.js';

const OUTSIDE = { how: 'outside' } as const;
const NAMES = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
type Name = (typeof NAMES)[number];

// Says that it was called, and with what; does `extra` then. DPKG_ROOT is the root, because these roots have no shell of their own.
const script = (version: string, name: Name, extra = ''): string => `#!/bin/sh
set -e
echo "${version}-${name} $*" >> "$DPKG_ROOT/calls"
${extra}
`;

interface Made {
  version: string;
  name?: string;
  extra?: Partial<Record<Name, string>>;
  files?: Record<string, h.Spec>;
  conffiles?: string[];
}

function made({ version, name = 'pkg', extra = {}, files, conffiles = [] }: Made): h.PackageSpec {
  const scripts = Object.fromEntries(NAMES.map((one) => [one, script(version, one, extra[one])]));
  return { name, version, files: files ?? { 'usr/bin/pkg': `program ${version}` }, conffiles, scripts };
}

function calls(dir: string): string[] {
  const path = join(dir, 'calls');
  if (!fs.existsSync(path)) return [];
  const lines = fs.readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
  fs.rmSync(path);
  return lines;
}

const steps = async (dir: string, ...list: Parameters<typeof h.run>[1][number][]): Promise<string[]> => {
  await h.run(dir, list, { scripts: OUTSIDE });
  return calls(dir);
};

test('order and arguments are those of dpkg: install, upgrade, remove, install again, purge', async (t) => {
  const dir = h.tempDir(t);
  const with1 = made({ version: '1', files: { 'etc/c': '1', 'usr/bin/x': '1' }, conffiles: ['etc/c'] });
  const with2 = made({ version: '2', files: { 'etc/c': '2', 'usr/bin/x': '2' }, conffiles: ['etc/c'] });
  assert.deepEqual(await steps(dir, h.install(with1)), ['1-preinst install', '1-postinst configure ']);
  assert.deepEqual(await steps(dir, h.install(with2)), [
    '1-prerm upgrade 2',
    '2-preinst upgrade 1 2',
    '1-postrm upgrade 2',
    '2-postinst configure 1',
  ]);
  assert.deepEqual(await steps(dir, h.remove('pkg')), ['2-prerm remove', '2-postrm remove']);
  assert.equal(readStatus(dir).get('pkg')?.state, 'config-files');
  assert.deepEqual(await steps(dir, h.install(with2)), ['2-preinst install 2 2', '2-postinst configure 2']);
  assert.deepEqual(await steps(dir, h.remove('pkg', true)), [
    '2-prerm remove',
    '2-postrm remove',
    '2-postrm purge',
  ]);
  assert.equal(readStatus(dir).size, 0);
});

test('several packages: prerm and preinst of all, then files, then postinst in the order of the plan; environment', async (t) => {
  const dir = h.tempDir(t);
  const env = 'env | grep -E "^(DPKG|DEB|PATH|GTPKG_H)" | sort > "$DPKG_ROOT/env-$DPKG_MAINTSCRIPT_PACKAGE"';
  const aa = made({
    name: 'aa',
    version: '1',
    files: { a: '' },
    extra: { preinst: 'test ! -e "$DPKG_ROOT/b"' },
  });
  const bb = made({
    name: 'bb',
    version: '3',
    files: { b: '' },
    extra: { postinst: `test -e "$DPKG_ROOT/a"; ${env}` },
  });
  assert.deepEqual(await steps(dir, h.install(bb), h.install(aa)), [
    '3-preinst install',
    '1-preinst install',
    '3-postinst configure ',
    '1-postinst configure ',
  ]);
  assert.equal(
    h.read(dir, 'env-bb'),
    [
      'DEBCONF_NONINTERACTIVE_SEEN=true',
      'DEBIAN_FRONTEND=noninteractive',
      `DPKG_ADMINDIR=${dir}/var/lib/dpkg`,
      'DPKG_MAINTSCRIPT_ARCH=all',
      'DPKG_MAINTSCRIPT_DEBUG=0',
      'DPKG_MAINTSCRIPT_NAME=postinst',
      'DPKG_MAINTSCRIPT_PACKAGE=bb',
      'DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1',
      `DPKG_ROOT=${dir}`,
      'DPKG_RUNNING_VERSION=1.21.0',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      '',
    ].join('\n'),
  );
  assert.match(fs.readFileSync(join(dir, 'var/lib/gtpkg/log/0001'), 'utf8'), /postinst configure "" of bb/);
});

test('not run: kept, said, and not called when the package goes, or is upgraded with scripts', async (t) => {
  const dir = h.tempDir(t);
  const { scriptsNotRun } = await h.run(dir, [h.install(made({ version: '1' }))]);
  assert.deepEqual(scriptsNotRun, ['pkg']);
  assert.equal(readStatus(dir).get('pkg')?.scriptsSkipped, true);
  assert.deepEqual(await steps(dir, h.install(made({ version: '2' }))), [
    '2-preinst install',
    '2-postinst configure ',
  ]);
  assert.equal(readStatus(dir).get('pkg')?.scriptsSkipped, false);
});

// What dpkg calls when a script fails, by what was asked for and which script it is. `…!` marks the failing call.
const UNWINDING: readonly {
  what: 'install' | 'upgrade' | 'remove';
  fails: [string, Name];
  calls: string[];
}[] = [
  {
    what: 'install',
    fails: ['2', 'preinst'],
    calls: ['2-preinst install', '2-postrm abort-install'],
  },
  {
    what: 'install',
    fails: ['2', 'postinst'],
    calls: [
      '2-preinst install',
      '2-postinst configure ',
      '2-prerm remove',
      '2-postrm remove',
      '2-postrm purge',
    ],
  },
  {
    what: 'upgrade',
    fails: ['1', 'prerm'],
    calls: [
      '1-prerm upgrade 2',
      '2-prerm failed-upgrade 1 2',
      '2-preinst upgrade 1 2',
      '1-postrm upgrade 2',
      '2-postinst configure 1',
    ],
  },
  {
    what: 'upgrade',
    fails: ['2', 'preinst'],
    calls: [
      '1-prerm upgrade 2',
      '2-preinst upgrade 1 2',
      '2-postrm abort-upgrade 1 2',
      '1-postinst abort-upgrade 2',
    ],
  },
  {
    what: 'upgrade',
    fails: ['1', 'postrm'],
    calls: [
      '1-prerm upgrade 2',
      '2-preinst upgrade 1 2',
      '1-postrm upgrade 2',
      '2-postrm failed-upgrade 1 2',
      '2-postinst configure 1',
    ],
  },
  {
    what: 'upgrade',
    fails: ['2', 'postinst'],
    calls: [
      '1-prerm upgrade 2',
      '2-preinst upgrade 1 2',
      '1-postrm upgrade 2',
      '2-postinst configure 1',
      '2-prerm upgrade 1',
      '1-preinst abort-upgrade 2',
      '2-postrm abort-upgrade 1 2',
      '1-postinst abort-upgrade 2',
    ],
  },
  { what: 'remove', fails: ['1', 'prerm'], calls: ['1-prerm remove', '1-postinst abort-remove'] },
  {
    what: 'remove',
    fails: ['1', 'postrm'],
    calls: ['1-prerm remove', '1-postrm remove', '1-postinst abort-remove'],
  },
];

// The call that is to go wrong, not those that take it back.
const ARGUMENT: Record<Name, string> = {
  preinst: 'install|upgrade',
  postinst: 'configure',
  prerm: 'upgrade|remove',
  postrm: 'upgrade|remove',
};
const WAYS: Record<string, string> = {
  fails: 'echo this is why; exit 3',
  hangs: '(setsid sleep 300 & ) ; sleep 300',
  'is killed': 'kill -9 $$',
};

async function scene(
  dir: string,
  { what, fails: [version, name] }: (typeof UNWINDING)[number],
  how: string,
): Promise<{ before: Record<string, string>; step: Parameters<typeof h.run>[1][number] }> {
  const extra = {
    [name]: `case "$1" in ${ARGUMENT[name]}) if [ ! -e "$DPKG_ROOT/good" ]; then ${how}; fi;; esac`,
  };
  const one = made({ version: '1', ...(version === '1' ? { extra } : {}) });
  const two = made({ version: '2', ...(version === '2' ? { extra } : {}) });
  await h.run(dir, [h.install({ name: 'base', files: { 'usr/bin/base': '' } })]);
  if (what !== 'install') {
    h.write(dir, 'good', '');
    await steps(dir, h.install(one));
    fs.rmSync(join(dir, 'good'));
  }
  return { before: h.wholeState(dir), step: what === 'remove' ? h.remove('pkg') : h.install(two) };
}

for (const [way, how] of Object.entries(WAYS)) {
  test(`a script ${way}: each of them, at each of its times`, async (t) => {
    for (const one of UNWINDING) {
      const label = `${one.fails.join('-')} of ${one.what}`;
      const dir = h.tempDir(t);
      const { before, step } = await scene(dir, one, how);
      const scripts = { ...OUTSIDE, timeout: way === 'hangs' ? 300 : 60_000 };
      const isRescued = one.calls.some((call) => call.includes('failed-upgrade'));
      const { texts, report } = h.listener();
      const run = h.run(dir, [step], { scripts, report });
      if (isRescued) {
        await run;
        assert.match(texts.join('\n'), /failed/, label);
      } else {
        await assert.rejects(
          run,
          h.coded('SCRIPT_FAILED', new RegExp(`^the ${one.fails[1]} of pkg failed`)),
          label,
        );
      }
      assert.deepEqual(calls(dir), one.calls, label);
      const after = h.wholeState(dir);
      if (isRescued) assert.equal(readStatus(dir).get('pkg')?.version, '2', label);
      else assert.deepEqual(after, before, label);
      assert.deepEqual(leftProcesses(dir), [], label);
    }
  });
}

// Of scripts in this root.
function leftProcesses(dir: string): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      return environment.includes('GTPKG_TRANSACTION=') && environment.includes(`DPKG_ROOT=${dir}\0`);
    } catch {
      return false;
    }
  });
}

const CHILD = fileURLToPath(new URL('./script-child.js', import.meta.url));

test('killed while a script runs: the next command ends the script and takes everything back, and says so', async (t) => {
  for (const one of UNWINDING.filter(
    ({ calls: list }) => !list.some((call) => call.includes('failed-upgrade')),
  )) {
    const label = `${one.fails.join('-')} of ${one.what}`;
    const dir = h.tempDir(t);
    const { before } = await scene(dir, one, 'touch "$DPKG_ROOT/now"; sleep 300');
    const child = spawn(process.execPath, [CHILD, dir, one.what, ...one.fails], { stdio: 'inherit' });
    const over = new Promise((resolve) => child.on('exit', resolve));
    while (!h.exists(dir, 'now')) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGKILL');
    await over;
    assert.ok(leftProcesses(dir).length > 0, 'the script still runs');
    const { report, texts } = h.listener();
    const root = await h.open(dir, { report });
    root.close();
    assert.equal(root.recovered?.outcome, 'undone', label);
    assert.match(texts.join('\n'), /maintainer scripts had begun/i, label);
    assert.deepEqual(calls(dir), one.calls, label);
    fs.rmSync(join(dir, 'now'));
    assert.deepEqual(h.wholeState(dir), before, label);
    assert.deepEqual(leftProcesses(dir), [], label);
  }
});

test('a preinst that makes a directory which the package brings, and takes a file away, is no obstacle', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install({ name: 'other', files: { 'srv/own': '' } })]);
  const extra = { preinst: 'mkdir -p "$DPKG_ROOT/opt/pkg/sub"; echo mine > "$DPKG_ROOT/opt/pkg/sub/mine"' };
  const files = { 'opt/pkg/sub/file': 'x', 'opt/pkg/conf': 'c', 'opt/pkg/tree/deep': 'y' };
  await h.run(dir, [h.install(made({ version: '1', extra, files, conffiles: ['opt/pkg/conf'] }))], {
    scripts: OUTSIDE,
  });
  for (const path of Object.keys(files)) assert.ok(h.exists(dir, path), path);
  assert.equal(h.read(dir, 'opt/pkg/sub/mine'), 'mine\n');
});

test('triggers: by name and by path, once each, also of packages that were there; not for what is configured anyway', async (t) => {
  const dir = h.tempDir(t);
  const watcher: h.PackageSpec = {
    ...made({ name: 'watcher', version: '1', files: { w: '' } }),
  };
  const withTriggers = (spec: h.PackageSpec, triggers: string): h.PackageSpec => ({
    ...spec,
    scripts: { ...spec.scripts, triggers },
  });
  await steps(dir, h.install(withTriggers(watcher, 'interest /usr/share/fonts\ninterest-noawait called\n')));
  const font = withTriggers(
    made({ name: 'font', version: '5', files: { 'usr/share/fonts/a': '', 'usr/share/fonts/b': '' } }),
    'activate called # so it is\n',
  );
  assert.deepEqual(await steps(dir, h.install(font)), [
    '5-preinst install',
    '5-postinst configure ',
    '1-postinst triggered /usr/share/fonts called',
  ]);
  assert.deepEqual(
    await steps(dir, h.install(made({ name: 'unrelated', version: '6', files: { 'usr/share/fontsx': '' } }))),
    ['6-preinst install', '6-postinst configure '],
  );
  assert.deepEqual(await steps(dir, h.remove('font', true)), [
    '5-prerm remove',
    '5-postrm remove',
    '1-postinst triggered /usr/share/fonts called',
    '5-postrm purge',
  ]);
});

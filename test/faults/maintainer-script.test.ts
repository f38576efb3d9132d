/**
 * A maintainer script fails, hangs, or is killed, whichever it is and whenever it is called; dpkg is asked what it does for the same packages.
 * Also: gtpkg is killed while one runs.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStatus } from '../../installer/index.js';
import { deb, dpkg, dpkgRoot, dpkgStates, noDpkg } from '../installer/debs.js';
import * as h from '../installer/helpers.js';
import { calls, made, OUTSIDE, steps, type Name } from '../installer/script-packages.js';

/** What is called when a script fails, by what was asked for and which script it is. */
interface Unwinding {
  readonly what: 'install' | 'upgrade' | 'remove' | 'purge' | 'purge of what was removed';
  readonly fails: readonly [string, Name];
  /** its first words with which it fails; default: those of going forward */
  readonly on?: string;
  readonly calls: readonly string[];
  /** dpkg makes only the first of these calls, and leaves this behind, where gtpkg takes everything back */
  readonly dpkg?: string;
}

const UNWINDING: readonly Unwinding[] = [
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
    dpkg: 'pkg half-configured 2',
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
    dpkg: 'pkg half-configured 1',
  },
  { what: 'remove', fails: ['1', 'prerm'], calls: ['1-prerm remove', '1-postinst abort-remove'] },
  {
    what: 'remove',
    fails: ['1', 'postrm'],
    calls: ['1-prerm remove', '1-postrm remove', '1-postinst abort-remove'],
    dpkg: 'pkg half-installed 1',
  },
  { what: 'purge', fails: ['1', 'prerm'], calls: ['1-prerm remove', '1-postinst abort-remove'] },
  {
    what: 'purge',
    fails: ['1', 'postrm'],
    on: 'purge',
    calls: ['1-prerm remove', '1-postrm remove', '1-postrm purge', '1-postinst abort-remove'],
    dpkg: 'pkg config-files 1',
  },
  { what: 'purge of what was removed', fails: ['1', 'postrm'], on: 'purge', calls: ['1-postrm purge'] },
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

const releases = (
  { what, fails: [version, name], on = ARGUMENT[name] }: Unwinding,
  how: string,
): { one: h.PackageSpec; two: h.PackageSpec; isThere: boolean } => {
  const extra = { [name]: `case "$1" in ${on}) if [ ! -e "$DPKG_ROOT/good" ]; then ${how}; fi;; esac` };
  return {
    one: made({ version: '1', ...(version === '1' ? { extra } : {}) }),
    two: made({ version: '2', ...(version === '2' ? { extra } : {}) }),
    isThere: what !== 'install',
  };
};

async function scene(
  dir: string,
  row: Unwinding,
  how: string,
): Promise<{ before: Record<string, string>; step: Parameters<typeof h.run>[1][number] }> {
  const { what } = row;
  const { one, two, isThere } = releases(row, how);
  await h.run(dir, [h.install({ name: 'base', files: { 'usr/bin/base': '' } })]);
  if (isThere) {
    h.write(dir, 'good', '');
    await steps(dir, h.install(one));
    if (what === 'purge of what was removed') await steps(dir, h.remove('pkg'));
    calls(dir);
    fs.rmSync(join(dir, 'good'));
  }
  return {
    before: h.wholeState(dir),
    step: what === 'install' || what === 'upgrade' ? h.install(two) : h.remove('pkg', what !== 'remove'),
  };
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

test(
  'dpkg is asked: the same calls, and the same end but where it leaves a package half done',
  { skip: noDpkg() },
  async (t) => {
    const work = h.tempDir(t);
    for (const row of UNWINDING) {
      const { what, fails, calls: expected, dpkg: leaves } = row;
      const label = `${fails.join('-')} of ${what}`;
      const [theirs, ours] = [h.tempDir(t), h.tempDir(t)];
      const { one, two, isThere } = releases(row, 'exit 3');
      dpkgRoot(theirs);
      if (isThere) {
        h.write(theirs, 'good', '');
        assert.equal(dpkg(theirs, '--install', deb(work, one)).status, 0);
        if (what === 'purge of what was removed') dpkg(theirs, '--remove', 'pkg');
        fs.rmSync(join(theirs, 'good'));
        calls(theirs);
      }
      const { step } = await scene(ours, row, 'exit 3');
      await h.run(ours, [step], { scripts: OUTSIDE }).catch((error: unknown) => error);
      const words =
        isThere && what !== 'upgrade'
          ? [`--${what.split(' ')[0] ?? ''}`, 'pkg']
          : ['--install', deb(work, two)];
      dpkg(theirs, ...words);
      const theirCalls = calls(theirs).map((line) => line.trimEnd());
      const ourCalls = calls(ours).map((line) => line.trimEnd());
      assert.deepEqual(theirCalls, ourCalls.slice(0, theirCalls.length), label);
      assert.equal(
        theirCalls.length < expected.length,
        leaves !== undefined,
        `${label}: ${theirCalls.join(', ')}`,
      );
      const states = [...readStatus(ours).values()]
        .filter(({ name }) => name !== 'base')
        .map(({ name, state, version }) => `${name} ${state} ${version}`);
      assert.deepEqual(dpkgStates(theirs), leaves === undefined ? states : [leaves], label);
      if (leaves === undefined)
        assert.equal(h.exists(ours, 'usr/bin/pkg'), h.exists(theirs, 'usr/bin/pkg'), label);
    }
  },
);

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
    ({ what, calls: list }) =>
      !what.startsWith('purge') && !list.some((call) => call.includes('failed-upgrade')),
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

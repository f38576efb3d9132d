/** `gtpkg resolve` as a process: on plain files, with no home, no store and no network. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BIN = fileURLToPath(new URL('../../../bin/gtpkg.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gtpkg-resolve-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const place = (name: string): string => join(folder, name);

function gtpkg(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'resolve', ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      XDG_CACHE_HOME: place('cache'),
      GTPKG_HOME: place('home'),
      NO_COLOR: '1',
    },
  });
  return { status, out: stdout, err: stderr };
}

const stanza = (name: string, version: string, ...fields: string[]): string =>
  [`Package: ${name}`, `Version: ${version}`, 'Architecture: amd64', ...fields].join('\n');

const PACKAGES = [
  stanza('editor', '2', 'Depends: words (>= 1) | dictionary', 'Recommends: spell'),
  stanza('words', '1', 'Size: 70'),
  stanza('spell', '1'),
  stanza('broken', '1', 'Depends: nowhere'),
  stanza('server', '2', 'Conflicts: client (<< 2)', 'Depends: newlib'),
  stanza('newlib', '1'),
].join('\n\n');
const STATUS = [
  stanza('server', '1', 'Status: install ok installed', 'Depends: oldlib'),
  stanza('client', '1', 'Status: install ok installed', 'Depends: oldlib'),
  stanza('oldlib', '1', 'Status: install ok installed'),
  stanza('kept', '1', 'Status: hold ok installed'),
  stanza('gone', '1', 'Status: deinstall ok config-files'),
].join('\n\n');
const amd64 = ['--architecture', 'amd64'];

test('install, upgrade, remove, check-all', () => {
  writeFileSync(place('Packages'), `${PACKAGES}\n`);
  writeFileSync(place('more.gz'), gzipSync(`${stanza('kept', '2')}\n`));
  writeFileSync(place('status'), `${STATUS}\n`);
  writeFileSync(
    place('auto'),
    'Package: client\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: oldlib\nAuto-Installed: 1\n',
  );
  const files = ['--packages', place('Packages'), place('more.gz'), ...amd64];
  const state = ['--status', place('status'), '--extended-states', place('auto')];
  const install = gtpkg(...files, 'install', 'editor');
  assert.deepEqual(install, {
    status: 0,
    err: '',
    out: 'words 1 amd64 install\neditor 2 amd64 install\nspell 1 amd64 install\n',
  });
  assert.equal(
    gtpkg(...files, '--no-recommends', 'install', 'editor').out,
    'words 1 amd64 install\neditor 2 amd64 install\n',
  );
  const full = gtpkg(...files, ...state, 'upgrade', '--full', '--json');
  const plan = JSON.parse(full.out) as { steps: object[]; heldBack: object[]; autoremovable: string[] };
  assert.deepEqual(
    plan.steps.map((step) =>
      Object.entries(step).filter(([key]) => ['name', 'action', 'from'].includes(key)),
    ),
    [
      [
        ['name', 'client'],
        ['action', 'remove'],
        ['from', '1'],
      ],
      [
        ['name', 'newlib'],
        ['action', 'install'],
        ['from', null],
      ],
      [
        ['name', 'server'],
        ['action', 'upgrade'],
        ['from', '1'],
      ],
    ],
  );
  assert.deepEqual(plan.autoremovable, ['oldlib']);
  assert.deepEqual(plan.heldBack, [{ name: 'kept', installed: '1', available: '2', reason: 'it is held' }]);
  assert.deepEqual(
    gtpkg(...files, ...state, 'remove', 'oldlib')
      .out.trim()
      .split('\n')
      .sort(),
    [
      '# held back: kept 1, not 2: it is held',
      'client 1 amd64 remove',
      'newlib 1 amd64 install',
      'oldlib 1 amd64 remove',
      'server 2 amd64 upgrade',
    ].filter((line) => !line.startsWith('#')),
  );
  const check = gtpkg(...files, 'check-all');
  assert.equal(
    check.out,
    'broken 1 amd64 uninstallable: broken 1 depends on nowhere, but no source has nowhere\n# 1 of 7 cannot be installed\n',
  );
  assert.equal(existsSync(place('home')), false);
});

test('what is compiled is kept, and made again when the file is another one or the copy is damaged', () => {
  const file = place('Kept');
  const ask = (): string => gtpkg('--packages', file, ...amd64, 'install', 'aa').out;
  const kept = (): string[] =>
    existsSync(place('cache/gtpkg/packages'))
      ? readdirSync(place('cache/gtpkg/packages')).filter((name) => name.endsWith('Kept'))
      : [];
  writeFileSync(file, `${stanza('aa', '1')}\n`);
  assert.equal(ask(), 'aa 1 amd64 install\n');
  assert.deepEqual(kept(), []);
  // ctime cannot be set: wait until the file is old enough
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
  assert.equal(ask(), 'aa 1 amd64 install\n');
  const [name] = kept();
  assert.ok(name !== undefined);
  assert.equal(ask(), 'aa 1 amd64 install\n');
  writeFileSync(join(place('cache/gtpkg/packages'), name), 'rubbish');
  assert.equal(ask(), 'aa 1 amd64 install\n');
  writeFileSync(file, `${stanza('aa', '2')}\n`);
  assert.equal(ask(), 'aa 2 amd64 install\n');
});

test('mistakes', () => {
  writeFileSync(place('bad'), `${stanza('aa', '1')}\nDepends: b c\n`);
  const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [
      2,
      /error\[BAD_RELATION\]: .*bad:4: Depends: "b c" is not a package relation/,
      ['--packages', place('bad'), 'install', 'aa'],
    ],
    [3, /error\[FILE_NOT_FOUND\]/, ['--packages', place('none'), 'check-all']],
    [
      3,
      /error\[PACKAGE_NOT_FOUND\].*\n.*Did you mean editor/,
      ['--packages', place('Packages'), 'install', 'editr'],
    ],
    [2, /say what to do/, ['--packages', place('Packages')]],
    [2, /no Packages file is named/, ['check-all']],
    [
      4,
      /error\[NO_SOLUTION\].*no source has nowhere/,
      ['--packages', place('Packages'), ...amd64, 'install', 'broken'],
    ],
  ];
  for (const [status, text, args] of cases) {
    const done = gtpkg(...args);
    assert.equal(done.status, status, done.err);
    assert.match(done.err, text);
  }
});

/** Maintainer scripts: dpkg's order and arguments. What happens when one fails is in test/faults, order among packages in order.test.ts. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus } from '../../installer/index.js';
import * as h from './helpers.js';
import { made, OUTSIDE, steps } from './script-packages.js';

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

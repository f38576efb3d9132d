/** Who may do what: somebody without root rights, somebody else's root, device nodes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStatus } from '../../installer/index.js';
import * as h from './helpers.js';

test('without root rights: owners and set-uid bits are skipped with one warning, the rest is as for root', async (t) => {
  const dir = h.tempDir(t);
  const child = fileURLToPath(new URL('./user-child.js', import.meta.url));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) fs.chownSync(dir, 65534, 65534);
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [child, ...args], {
      encoding: 'utf8',
      ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
    });
  const { status, stdout, stderr, error } = run(dir);
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'EACCES')
    return t.skip(`another user cannot run ${process.execPath}`);
  if (/EACCES|Cannot find module/.test(stderr) && status !== 0)
    return t.skip('another user cannot read this checkout');
  assert.equal(status, 0, stderr);
  const said = JSON.parse(stdout) as {
    warnings: string[];
    notes: string[];
    differences: unknown[];
    modes: Record<string, string>;
  };
  assert.equal(said.warnings.length, 1);
  assert.match(said.notes.join(), /belong to you/);
  assert.deepEqual(said.differences, []);
  assert.deepEqual(said.modes, { 'usr/bin/sudo': '755', 'srv/locked': '555', 'srv/locked/x': '444' });
  // somebody else's root
  if (!isRoot) return;
  const foreign = h.tempDir(t);
  await h.run(foreign, [h.install({ name: 'aa', files: { 'opt/a': '1' } })]);
  fs.chmodSync(foreign, 0o755);
  const refused = run(foreign);
  assert.match(refused.stderr, /PERMISSION/);
  assert.equal(readStatus(foreign).size, 1);
});

test('a device node that only root may make is refused, as root it is made', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const dir = h.tempDir(t);
  const spec: h.PackageSpec = { name: 'dev', files: { 'opt/null': { type: 'c', link: '1:3', mode: 0o666 } } };
  try {
    await h.run(dir, [h.install(spec)]);
  } catch (error) {
    // containers forbid mknod: then as a clear error, with nothing left
    assert.ok(h.coded('PERMISSION')(error));
    assert.deepEqual([...h.picture(dir)], []);
    return;
  }
  const stats = fs.lstatSync(join(dir, 'opt/null'));
  assert.deepEqual([stats.isCharacterDevice(), stats.rdev, stats.mode & 0o777], [true, 259, 0o666]);
});

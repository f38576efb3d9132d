/** Every fault that an installation has to survive has a test with its name; this one says where, and fails when one of them is gone. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const FAULTS: Readonly<Record<string, readonly [file: string, test: RegExp]>> = {
  'SIGKILL at every step': ['faults/sigkill-at-every-step', /^SIGKILL at every step of an upgrade/m],
  'ENOSPC at every write': ['faults/failing-disks', /^ENOSPC at every write/m],
  'EIO on fsync': ['faults/failing-disks', /^EIO at every fsync/m],
  'a disk that is really full': ['faults/failing-disks', /^a small file system that fills up for real/m],
  'torn journal': ['faults/torn-files', /^torn journal/m],
  'torn status file': ['faults/torn-files', /^torn status file/m],
  'two installers at once': ['faults/two-installers-at-once', /^two installers at once: the second is refused/m],
  'root on a read-only file system': ['faults/failing-disks', /^a read-only root/m],
  'maintainer script fails, hangs, or is killed': ['faults/maintainer-script', /^a script .*: each of them, at each of its times/m],
  'file owned by another package': ['installer/conflicts', /^a file of another package is not overwritten/m],
  'directory where a file was, and the reverse': ['installer/conflicts', /^a file becomes a directory, a directory becomes a file/m],
  'modified conffile': ['installer/conffiles', /^modified, and the new version differs/m],
  'clock jump': ['faults/torn-files', /^clock jump/m],
}; // prettier-ignore

for (const [name, [file, title]] of Object.entries(FAULTS)) {
  test(`${name}: test/${file}`, () => {
    const source = fileURLToPath(new URL(`../../../test/${file}.test.ts`, import.meta.url));
    assert.ok(existsSync(source), source);
    const titles = [...readFileSync(source, 'utf8').matchAll(/(?:name:|\btest\()\s*['"`](.*)/g)].map((match) => match[1]);
    assert.match(titles.join('\n'), title);
    assert.ok(existsSync(fileURLToPath(new URL(`../${file}.test.js`, import.meta.url))), 'built');
  }); // prettier-ignore
}

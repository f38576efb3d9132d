/**
 * Upgrades five packages, with scripts, in a root of its own file system that has less and less room: full-child.js tmpfs|inodes|ext4 DIR.
 *
 * To be run in a mount namespace of its own. Ends with 77 and a reason where such a file system cannot be made; prints what became of how many.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { GtpkgError } from '../../model/errors.js';
import * as h from '../installer/helpers.js';
import { dropLock, OUTSIDE } from './five.js';

const [kind = '', work = ''] = process.argv.slice(2);
const KIB = 1024;

function sh(script: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('sh', ['-ec', script, 'sh', ...args], { encoding: 'utf8' });
  if (status === 0) return;
  process.stdout.write(`${kind}: ${stderr}`);
  process.exit(77);
}

// Scripts that need room for nothing: what they would write is not the question here.
const quiet = Object.fromEntries(
  ['preinst', 'postinst', 'prerm', 'postrm'].map((name) => [name, '#!/bin/sh\necho "$0 $*"\n']),
);
const packages = (version: string): ReturnType<typeof h.install>[] =>
  ['aa', 'bb', 'cc', 'dd', 'ee'].map((name, at) =>
    h.install({
      name,
      version,
      files: {
        [`etc/${name}.conf`]: version,
        [`usr/bin/${name}`]: { content: Buffer.alloc(9 * KIB, version) },
        [`usr/share/${name}/${version}/only`]: version,
      },
      conffiles: [`etc/${name}.conf`],
      scripts: at < 2 ? quiet : {},
    }),
  );
const upgrade = (dir: string): Promise<unknown> =>
  h
    .run(dir, packages('2'), { scripts: OUTSIDE })
    .then(() => undefined)
    .catch((error: unknown) => error);

const template = { after: (fn: () => void) => process.once('exit', fn) };
const base = h.tempDir(template);
await h.run(base, packages('1'), { scripts: OUTSIDE });
h.write(base, 'etc/aa.conf', 'edited');
fs.utimesSync(join(base, 'etc/aa.conf'), 1_700_000_000, 1_700_000_000);
const done = h.tempDir(template);
h.copyTree(base, done);
await h.run(done, packages('2'), { scripts: OUTSIDE });
const [before, after] = [h.wholeState(base), h.wholeState(done)];

const root = join(work, 'root');
fs.mkdirSync(root);
const outcomes = { old: 0, new: 0 };
const used = (dir: string): number => fs.readdirSync(dir, { recursive: true }).length;

/** The root with `room` pages, or inodes, free. */
function mount(room: number): void {
  if (kind === 'ext4') {
    const image = join(work, 'image');
    fs.rmSync(image, { force: true });
    sh(
      'truncate -s 2M "$1"; mkfs.ext4 -q -m 0 -b 1024 -O ^has_journal "$1"; mount -o loop "$1" "$2"',
      image,
      root,
    );
  } else
    sh(
      'mount -t tmpfs -o "$1" none "$2"',
      kind === 'tmpfs' ? 'size=1m' : `nr_inodes=${used(base) + 3 + room}`,
      root,
    );
  h.copyTree(base, root);
  if (kind === 'inodes') return;
  const fd = fs.openSync(join(root, 'filler'), 'w');
  let size = 0;
  try {
    for (;;) size += fs.writeSync(fd, Buffer.alloc(4 * KIB));
  } catch {
    // full
  }
  fs.ftruncateSync(fd, Math.max(0, size - room * 4 * KIB));
  fs.closeSync(fd);
}

const filled = new Set<string>();
for (let room = 0, good = 0; good < 2; room += kind === 'inodes' ? 3 : 2) {
  assert.ok(room < 120, 'it never succeeds');
  mount(room);
  const error = await upgrade(root);
  if (error !== undefined) {
    assert.ok(error instanceof GtpkgError, String(error));
    assert.ok(['NO_SPACE', 'SCRIPT_FAILED'].includes(error.code), `${error.code}: ${error.message}`);
    filled.add(
      /\((\w[\w ]+):/.exec(error.message)?.[1] ??
        (error.data['needed'] === undefined ? error.message : 'planning'),
    );
  } else good++;
  fs.rmSync(join(root, 'filler'), { force: true });
  dropLock(root);
  (await h.open(root)).close();
  const now = h.wholeState(root);
  delete now['lost+found'];
  const isNew = now['HISTORY'] === after['HISTORY'];
  assert.equal(isNew, error === undefined, `room ${room}: ${String(error)}`);
  assert.deepEqual(now, isNew ? after : before, `room ${room}`);
  outcomes[isNew ? 'new' : 'old']++;
  if (!isNew && room % 6 === 0) {
    if (kind === 'inodes') sh('mount -o remount,nr_inodes=10000 "$1"', root);
    assert.equal(await upgrade(root), undefined, 'with room');
  }
  sh('umount "$1"', root);
}
assert.ok(outcomes.old > 5, JSON.stringify(outcomes));
process.stdout.write(`${JSON.stringify(outcomes)}, full while ${[...filled].join('; ')}`);

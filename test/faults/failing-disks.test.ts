/**
 * ENOSPC at every write, EIO on fsync and on every other change, disks that are really full, roots on read-only file systems: an error that
 * says so, and the old state. GTPKG_TEST_FAULTS=all takes every step of the upgrade with scripts, not each fourth.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GtpkgError } from '../../model/errors.js';
import { silent } from '../../model/events.js';
import { openRoot, readStatus, verifyRoot, type StepHook } from '../../installer/index.js';
import { diskError } from '../../installer/disk-error.js';
import { before as prepareFive, dropLock, five, OUTSIDE, stateOf } from './five.js';
import { noMounts } from '../e2e/mounts.js';
import { prepare, SCENARIOS, stepsOf } from '../installer/scenarios.js';
import * as h from '../installer/helpers.js';

interface Context {
  after(fn: () => void): void;
}

/** A file system of its own, or why not. */
function mount(t: Context, dir: string, options: string): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], {
    encoding: 'utf8',
  });
  if (status !== 0) return `mount does not work here: ${stderr?.trim() ?? 'no such program'}`;
  t.after(() => spawnSync('umount', ['-l', dir]));
  return undefined;
}

const FULL_CHILD = fileURLToPath(new URL('./full-child.js', import.meta.url));
let SPREAD = 0;
const fault = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });
const WRITES = new Set(['create', 'write', 'append', 'mkdir', 'symlink', 'link', 'mknod']);
const SYNCS = new Set(['fsync', 'syncfs']);

interface Fault {
  readonly name: string;
  readonly code: string;
  readonly on: (action: string) => boolean;
  /** from its first time on, every such call fails */
  readonly forever: boolean;
  readonly expected: string;
}

const FAULTS: readonly Fault[] = [
  { name: 'ENOSPC at every write, once', code: 'ENOSPC', on: (action) => WRITES.has(action), forever: false, expected: 'NO_SPACE' },
  { name: 'ENOSPC at every write, and the disk stays full', code: 'ENOSPC', on: (action) => WRITES.has(action), forever: true, expected: 'NO_SPACE' },
  { name: 'EIO at every fsync', code: 'EIO', on: (action) => SYNCS.has(action), forever: false, expected: 'IO_ERROR' },
  { name: 'EIO at every change, once', code: 'EIO', on: () => true, forever: false, expected: 'IO_ERROR' },
  { name: 'the disk becomes read-only at every change', code: 'EROFS', on: () => true, forever: true, expected: 'READ_ONLY' },
]; // prettier-ignore

for (const { name, code, on, forever, expected } of FAULTS) {
  test(`${name}: old or new, never between`, async (t) => {
    let tries = 0;
    for (const scenario of SCENARIOS) {
      const [template, done] = [h.tempDir(t), h.tempDir(t)];
      await prepare(template, scenario);
      h.copyTree(template, done);
      const before = h.wholeState(done);
      await h.run(done, stepsOf(scenario, done));
      const after = h.wholeState(done);
      for (let at = 1; ; at++) {
        const dir = h.tempDir(t);
        h.copyTree(template, dir);
        let seen = 0;
        const step: StepHook = (action) => {
          if (on(action) && (++seen === at || (forever && seen > at))) throw fault(code);
        };
        const error: unknown = await h.run(dir, stepsOf(scenario, dir), { step }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (seen < at) break;
        tries++;
        if (error !== undefined) {
          assert.ok(error instanceof GtpkgError, String(error));
          assert.equal(error.code, expected, `${scenario} ${at}: ${error.message}`);
          assert.ok(error.hint !== undefined && error.hint !== '');
        }
        // what could not be tidied then is tidied by the next command; our own process still seems to hold the lock
        const state = join(dir, 'var/lib/gtpkg');
        for (const file of fs.readdirSync(state)) if (file.startsWith('lock')) fs.rmSync(join(state, file));
        if (forever || expected === 'IO_ERROR') (await h.open(dir)).close();
        const now = h.wholeState(dir);
        const isNew = now['HISTORY'] === after['HISTORY'];
        assert.deepEqual(now, isNew ? after : before, `${scenario}, fault ${at}`);
        // nothing that was reported as failed before the commit has happened, unless the disk died for good
        if (error !== undefined && !forever)
          assert.equal(isNew, false, `${scenario}, fault ${at}: failed, yet done`);
        if (error === undefined) assert.equal(isNew, true);
        fs.rmSync(dir, { recursive: true, force: true });
      }
    }
    t.diagnostic(`${tries} faults`);
  });
}

test('EIO while files are still being laid out, told to nobody but the disk: the transaction fails before the root changes', async (t) => {
  const dir = h.tempDir(t, 'disk');
  await h.run(dir, [h.install({ name: 'aa', files: { 'usr/aa': 'one' } })]);
  const before = h.wholeState(dir);
  // enough for the disk to be asked in between
  const files = Object.fromEntries(
    Array.from({ length: 70 }, (_, i) => [`usr/share/bb/${i}`, `${i}`.repeat(1_000_000).slice(0, 1_000_000)]),
  );
  const steps = [
    h.install({ name: 'aa', version: '2', files: { 'usr/aa': 'two' } }),
    h.install({ name: 'bb', files }),
  ];
  const seen: string[] = [];
  const run = (fails: boolean): Promise<unknown> =>
    h.run(dir, steps, {
      durable: true,
      step: (action, path) => {
        if (action === 'syncfs') seen.push(path);
        if (fails && action === 'syncfs' && seen.length === 1) throw fault('EIO');
      },
    });
  await assert.rejects(run(true), h.coded('IO_ERROR'));
  assert.deepEqual(h.wholeState(dir), before);
  // all was laid out and the next one, which would have succeeded, was not taken for the answer
  assert.equal(seen.length, 1);
  seen.length = 0;
  await run(false);
  assert.ok(seen.length >= 2, `${seen.length} times`);
  assert.equal(h.read(dir, 'usr/aa'), 'two');
});

// With scripts: what may fail is the same, but each failure also calls the scripts that take back. `forever` is left out: nobody could say what they find.
for (const { name, code, on, forever } of FAULTS.filter((fault) => !fault.forever)) {
  test(`${name}: five packages with scripts, whose doings are taken back too`, async (t) => {
    const template = h.tempDir(t);
    const scripted = ['bb', 'dd'];
    await prepareFive(template, scripted);
    const before = stateOf(template);
    const whole = h.tempDir(t);
    h.copyTree(template, whole);
    let total = 0;
    const count: StepHook = (action) => void (on(action) && total++);
    await h.run(whole, five('2', scripted), { scripts: OUTSIDE, step: count });
    const after = stateOf(whole);
    const [few, offset] = process.env['GTPKG_TEST_FAULTS'] === 'all' ? [1, 0] : [9, SPREAD++];
    let tries = 0;
    for (let at = 1 + offset; at <= total; at += few, tries++) {
      const dir = h.tempDir(t);
      h.copyTree(template, dir);
      let seen = 0;
      const step: StepHook = (action) => {
        if (on(action) && (++seen === at || (forever && seen > at))) throw fault(code);
      };
      const error: unknown = await h.run(dir, five('2', scripted), { scripts: OUTSIDE, step }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined && !(error instanceof GtpkgError)) throw error as Error;
      dropLock(dir);
      (await h.open(dir)).close();
      const now = stateOf(dir);
      const isNew = now['HISTORY'] === after['HISTORY'];
      assert.equal(isNew, error === undefined, `fault ${at}: ${error?.message ?? 'no error'}`);
      assert.deepEqual(now, isNew ? after : before, `fault ${at} of ${total}`);
      fs.rmSync(dir, { recursive: true, force: true });
    }
    t.diagnostic(`${tries} faults of ${total}`);
  });
}

for (const kind of ['tmpfs', 'inodes', 'ext4']) {
  test(
    `a small file system that fills up for real, at many fill levels: ${kind}`,
    { skip: noMounts() },
    (t) => {
      // in a mount namespace, which ends with the process
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['--mount', '--propagation', 'private', process.execPath, FULL_CHILD, kind, h.tempDir(t, 'disk')],
        { encoding: 'utf8' },
      );
      if (status === 77) return t.skip(stdout);
      assert.equal(status, 0, stderr);
      t.diagnostic(stdout);
    },
  );
}

test('a quota that is used up is said to be one', () => {
  const { code, message } = diskError(fault('EDQUOT'), 'staging');
  assert.equal(code, 'NO_SPACE');
  assert.match(message, /quota/);
});

test('a file system that is really full: NO_SPACE, nothing changed, and it works when there is room', async (t) => {
  const dir = h.tempDir(t);
  const why = mount(t, dir, 'size=2m');
  if (why !== undefined) return t.skip(why);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/a': '1' } })]);
  const before = h.wholeState(dir);
  // known beforehand: refused before anything is written
  const big: h.PackageSpec = {
    name: 'big',
    files: { 'opt/big': { content: Buffer.alloc(4 * 1024 * 1024) } },
  };
  await assert.rejects(h.run(dir, [h.install(big)]), h.coded('NO_SPACE'));
  assert.deepEqual(h.wholeState(dir), before);
  // somebody else fills it up while we stage
  const filler = join(dir, 'filler');
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`opt/many/${n}`, { content: h.random(20_000) }]),
  );
  const racing: h.PackageSpec = {
    name: 'bb',
    files,
    tamper: (sink) => {
      if (!fs.existsSync(filler)) fs.writeFileSync(filler, Buffer.alloc(1_500_000));
      return sink;
    },
  };
  await assert.rejects(h.run(dir, [h.install(racing)]), h.coded('NO_SPACE'));
  const { filler: _, ...now } = h.wholeState(dir);
  assert.deepEqual(now, before);
  fs.rmSync(filler);
  await h.run(dir, [h.install({ name: 'bb', files })]);
  assert.equal(fs.readdirSync(join(dir, 'opt/many')).length, 40);
});

test('a root of several file systems: staged on each, killed at every change, nothing left on any', async (t) => {
  const steps = (version: string) => [
    h.install({
      name: 'aa',
      version,
      files: { 'usr/bin/a': version, 'usr/only': 'x', 'opt/a': version, 'usr/zz-hard': { type: 'h', link: 'opt/a' }, ...(version === '1' ? { 'usr/gone': '1' } : { 'usr/new/tree': '2' }) },
    }),
  ]; // prettier-ignore
  const total = { changes: Infinity };
  for (let at = 1; at <= total.changes; at++) {
    const dir = h.tempDir(t);
    fs.mkdirSync(join(dir, 'usr'));
    const why = mount(t, join(dir, 'usr'), 'size=1m');
    if (why !== undefined) return t.skip(why);
    await h.run(dir, steps('1'));
    assert.equal(
      fs.statSync(join(dir, 'usr/zz-hard')).nlink,
      1,
      'a hard link between file systems is a copy',
    );
    const before = h.wholeState(dir);
    let seen = 0;
    const step = (): void => {
      if (++seen >= at) throw new Error('killed');
    };
    await h.run(dir, steps('2'), { step }).catch(() => undefined);
    if (seen < at) total.changes = seen;
    for (const file of fs.readdirSync(join(dir, 'var/lib/gtpkg')))
      if (file.startsWith('lock')) fs.rmSync(join(dir, 'var/lib/gtpkg', file));
    (await h.open(dir)).close();
    assert.deepEqual(
      fs.readdirSync(join(dir, 'usr')).filter((name) => name.startsWith('.')),
      [],
    );
    if (h.read(dir, 'opt/a') === '1') assert.deepEqual(h.wholeState(dir), before, `killed at ${at}`);
    else assert.deepEqual(fs.readdirSync(join(dir, 'usr')).sort(), ['bin', 'new', 'only', 'zz-hard']);
    spawnSync('umount', [join(dir, 'usr')]);
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test('a read-only root: readable, not changeable', async (t) => {
  const dir = h.tempDir(t);
  const why = mount(t, dir, 'size=1m');
  if (why !== undefined) return t.skip(why);
  await h.run(dir, [h.install({ name: 'aa', files: { 'opt/a': '1' } })]);
  execFileSync('mount', ['-o', 'remount,ro', dir]);
  await assert.rejects(h.run(dir, [h.remove('aa')]), h.coded('READ_ONLY'));
  assert.equal(readStatus(dir).get('aa')?.version, '1');
  const root = await openRoot(dir, { lock: 'shared', report: silent });
  for await (const difference of verifyRoot(dir)) assert.fail(JSON.stringify(difference));
  root.close();
});

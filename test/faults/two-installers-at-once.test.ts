/** One writer at a time, over processes; a dead one's lock is taken over, a living one's never. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type GtpkgError } from '../../model/errors.js';
import { silent } from '../../model/events.js';
import { openRoot } from '../../installer/index.js';
import { before as prepareFive, five, OUTSIDE, stateOf } from './five.js';
import * as h from '../installer/helpers.js';

const UPGRADE = fileURLToPath(new URL('./upgrade-child.js', import.meta.url));
const CHILD = fileURLToPath(new URL('./lock-child.js', import.meta.url));
const lockOf = (dir: string): string => join(dir, 'var/lib/gtpkg/lock');
const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
const locks = (dir: string): string[] =>
  fs.readdirSync(join(dir, 'var/lib/gtpkg')).filter((name) => name.startsWith('lock'));
const isLinux = process.platform === 'linux';

test('a root is not for everybody to write, whatever the umask', async (t) => {
  const dir = join(h.tempDir(t), 'a', 'root');
  const mask = process.umask(0);
  try {
    (await h.open(dir)).close();
  } finally {
    process.umask(mask);
  }
  for (const path of [dir, join(dir, '..'), join(dir, 'var'), join(dir, 'var/lib/gtpkg')])
    assert.equal(fs.statSync(path).mode & 0o022, 0, path);
});

test('two installers at once: the second is told who holds the root, exit 8', async (t) => {
  const dir = h.tempDir(t);
  const root = await h.open(dir);
  await assert.rejects(h.open(dir, { wait: 60 }), (error: GtpkgError) => {
    assert.deepEqual([error.code, error.exit, error.data['pid']], ['ROOT_BUSY', 8, process.pid]);
    return true;
  });
  root.close();
  root.close();
  (await h.open(dir, { wait: 0 })).close();
  assert.deepEqual(locks(dir), []);
});

test('readers keep a writer out and the other way round; readers share', async (t) => {
  const dir = h.tempDir(t);
  (await h.open(dir)).close();
  const shared = { lock: 'shared', wait: 60 } as const;
  const [one, two] = [await h.open(dir, shared), await h.open(dir, shared)];
  await assert.rejects(h.open(dir, { wait: 60 }), h.coded('ROOT_BUSY'));
  one.close();
  await assert.rejects(h.open(dir, { wait: 60 }), h.coded('ROOT_BUSY'));
  two.close();
  const writer = await h.open(dir, { wait: 60 });
  await assert.rejects(h.open(dir, shared), h.coded('ROOT_BUSY'));
  const looker = await h.open(dir, { lock: 'none' });
  looker.close();
  writer.close();
});

test('a root without state: nothing to change, nothing to see', async (t) => {
  const dir = h.tempDir(t);
  await assert.rejects(h.open(dir, { create: false }), h.coded('FILE_NOT_FOUND'));
  const root = await openRoot(dir, { lock: 'shared', report: silent });
  assert.equal(root.status().size, 0);
  root.close();
  assert.deepEqual(fs.readdirSync(dir), []);
  fs.mkdirSync(join(dir, 'var/lib/gtpkg'), { recursive: true });
  fs.writeFileSync(join(dir, 'var/lib/gtpkg/format'), 'gtpkg-root 2\n');
  await assert.rejects(h.open(dir), h.coded('STATUS_CORRUPT', /format/));
});

test('SIGKILL of the holder frees the root', async (t) => {
  const dir = h.tempDir(t);
  const child = start(dir, join(dir, 'log'), 'HANG');
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  await assert.rejects(
    h.open(dir, { wait: 0 }),
    (error: GtpkgError) => error.code === 'ROOT_BUSY' && error.data['pid'] === child.pid,
  );
  child.kill('SIGKILL');
  await once(child, 'close');
  (await h.open(dir, { wait: 0 })).close();
  assert.deepEqual(locks(dir), []);
});

test('six processes fight for a stale lock: never two at once', async (t) => {
  const dir = h.tempDir(t);
  (await h.open(dir)).close();
  const log = join(dir, 'log');
  const dead = start(dir, log, 'HANG');
  await once(dead.stdout!, 'data');
  dead.kill('SIGKILL');
  await once(dead, 'close');
  fs.writeFileSync(log, '');
  const children = Array.from({ length: 6 }, () => start(dir, log));
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0] as number));
  assert.deepEqual(codes, [0, 0, 0, 0, 0, 0]);
  const lines = fs.readFileSync(log, 'utf8').trim().split('\n');
  assert.equal(lines.length, 60);
  for (let at = 0; at < lines.length; at += 2) {
    assert.match(lines[at] ?? '', /^in /);
    assert.equal(lines[at + 1], lines[at]?.replace('in', 'out'));
  }
  assert.deepEqual(locks(dir), []);
});

test(
  'whose lock is dead: a process that is gone, a number given anew, an earlier boot; not one of another host or namespace',
  { skip: isLinux ? false : 'reads /proc' },
  async (t) => {
    const dir = h.tempDir(t);
    const root = await h.open(dir);
    const mine = JSON.parse(fs.readFileSync(lockOf(dir), 'utf8')) as Record<string, unknown>;
    root.close();
    const free = async (change: Record<string, unknown>): Promise<boolean> => {
      fs.writeFileSync(lockOf(dir), JSON.stringify({ ...mine, token: 'a'.repeat(24), ...change }));
      try {
        (await h.open(dir, { wait: 0 })).close();
        return true;
      } catch (error) {
        assert.ok(h.coded('ROOT_BUSY')(error));
        fs.rmSync(lockOf(dir));
        return false;
      }
    };
    assert.equal(await free({}), false);
    assert.equal(await free({ pid: 4_194_303 }), true);
    assert.equal(await free({ start: '1' }), true);
    assert.equal(await free({ boot: 'earlier', pid: 1 }), true);
    assert.equal(await free({ host: `not-${hostname()}`, pid: 4_194_303 }), false);
    assert.equal(await free({ space: 'pid:[1]', pid: 4_194_303 }), false);
    // nobody can tell whose an empty one is: held, and the hint says what to do
    fs.writeFileSync(lockOf(dir), '');
    await assert.rejects(
      h.open(dir, { wait: 0 }),
      (error: GtpkgError) => error.code === 'ROOT_BUSY' && /remove/.test(error.hint ?? ''),
    );
  },
);

// An upgrade in a process of its own, which stands still in a script.
async function halted(dir: string): Promise<ChildProcess> {
  fs.writeFileSync(join(dir, 'halt'), 'wait cc 2-postinst configure\n');
  const child = spawn(process.execPath, [UPGRADE, dir, 'upgrade', '0'], { stdio: 'inherit' });
  while (!h.exists(dir, 'halted')) {
    assert.ok(child.exitCode === null && child.signalCode === null, 'it ended before it stood still');
    await sleep(20);
  }
  return child;
}

test('two installers at once: the second is refused, or waits, or takes over what the killed first one left', async (t) => {
  const [template, ready] = [h.tempDir(t), h.tempDir(t)];
  await prepareFive(template);
  h.copyTree(template, ready);
  await h.run(ready, five('2'), { scripts: OUTSIDE });
  const after = stateOf(ready);
  const dir = h.tempDir(t);
  h.copyTree(template, dir);
  const first = await halted(dir);
  await assert.rejects(h.run(dir, [h.remove('aa')], { wait: 0 }), (error: GtpkgError) => {
    assert.deepEqual([error.code, error.exit, error.data['pid']], ['ROOT_BUSY', 8, first.pid]);
    return true;
  });
  const third = spawn(process.execPath, [UPGRADE, dir, 'upgrade', '0', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = once(third.stdout, 'data');
  assert.deepEqual(await once(third, 'close'), [8, null]);
  assert.equal(String(await said), 'ROOT_BUSY');
  // who waits goes on when the first one is done
  const patient = h.run(dir, five('2'), { scripts: OUTSIDE, wait: 60_000 });
  fs.rmSync(join(dir, 'halt'));
  assert.deepEqual(await once(first, 'close'), [0, null]);
  await patient;
  fs.rmSync(join(dir, 'halted'));
  const { HISTORY: twice, ...same } = stateOf(dir);
  assert.deepEqual({ ...same, HISTORY: twice?.split(' ').slice(0, -1).join(' ') }, after);
  assert.deepEqual(locks(dir), []);
  // killed with the lock in its hands, a script of its own still running
  const other = h.tempDir(t);
  h.copyTree(template, other);
  const victim = await halted(other);
  victim.kill('SIGKILL');
  await once(victim, 'close');
  for (const name of ['halt', 'halted']) fs.rmSync(join(other, name));
  const { report, texts } = h.listener();
  await h.run(other, five('2'), { scripts: OUTSIDE, wait: 0, report });
  assert.match(texts.join('\n'), /interrupted; the root is back in the state before/);
  // the number of a transaction that was undone is given again
  assert.deepEqual(stateOf(other), after);
  assert.deepEqual(locks(other), []);
});

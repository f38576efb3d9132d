/** What verify --repair puts back, what it leaves alone, and that it is all or nothing. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAll } from '../../installer/index.js';
import { FileSink } from '../../installer/lay-out.js';
import { repairRoot, type Repaired } from '../../installer/repair.js';
import { readHistory } from '../../installer/index.js';
import type { OpenRootOptions } from '../../installer/index.js';
import * as h from './helpers.js';

const isRoot = process.getuid?.() === 0;
const SPEC: h.PackageSpec = {
  name: 'aa',
  files: {
    'etc/conf': 'default',
    'opt/a': 'contents of a',
    'opt/big': { content: Buffer.alloc(300_000, 7), mode: 0o755 },
    'opt/d': { type: 'd', mode: 0o750 },
    'opt/d/deep/x': 'x',
    'opt/d/y': 'y',
    'opt/hard': { type: 'h', link: 'opt/a' },
    'opt/link': { type: 'l', link: 'a' },
    'opt/setuid': { content: 's', mode: 0o4755 },
    ...(isRoot
      ? { 'opt/fifo': { type: 'p' as const }, 'opt/null': { type: 'c' as const, link: '1:3' } }
      : {}),
  },
  conffiles: ['etc/conf'],
};

interface Done extends Repaired {
  /** files whose contents were asked for */
  readonly asked: readonly string[];
}

async function repair(
  dir: string,
  options: Partial<OpenRootOptions> & { conffiles?: 'keep' | 'replace'; fail?: Error } = {},
): Promise<Done> {
  const asked: string[] = [];
  const root = await h.open(dir, options);
  try {
    const { differences } = await verifyAll(dir);
    const done = await repairRoot(root, {
      differences,
      conffiles: options.conffiles ?? 'keep',
      command: 'gtpkg verify --repair',
      now: h.NOW,
      report: () => undefined,
      contents: async (_pkg, targets) => {
        asked.push(...targets.keys());
        await h.release(SPEC).extract(new FileSink(root.disk, targets, () => undefined));
        if (options.fail !== undefined) throw options.fail;
      },
    });
    return { ...done, asked };
  } finally {
    root.close();
  }
}

/** Everything that can be wrong at once. */
function damage(dir: string): void {
  const at = (path: string): string => join(dir, path);
  h.write(dir, 'etc/conf', 'mine');
  h.write(dir, 'opt/a', 'CONTENTS of a');
  fs.truncateSync(at('opt/big'), 5);
  fs.rmSync(at('opt/d'), { recursive: true });
  fs.writeFileSync(at('opt/d'), 'a file where a directory should be');
  fs.rmSync(at('opt/link'));
  fs.mkdirSync(at('opt/link'));
  fs.chmodSync(at('opt/setuid'), 0o777);
  if (isRoot) {
    fs.rmSync(at('opt/fifo'));
    fs.writeFileSync(at('opt/fifo'), '');
    fs.rmSync(at('opt/null'));
  }
  // whole seconds: copies of the root keep no others
  const changed = ['etc/conf', 'opt/a', 'opt/big', 'opt/d', ...(isRoot ? ['opt/fifo'] : [])];
  for (const path of changed) fs.utimesSync(at(path), h.MTIME + 9, h.MTIME + 9);
}

test('each kind of difference is put back; conffiles and strangers stay; only contents that are needed are asked for', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC), h.install({ name: 'bb', files: { 'opt/other': 'o' } })]);
  const whole = h.picture(dir);
  damage(dir);
  h.write(dir, 'opt/stranger', 'mine');
  const done = await repair(dir);
  assert.deepEqual([...done.asked].sort(), ['opt/a', 'opt/big', 'opt/d/deep/x', 'opt/d/y']);
  assert.deepEqual(done.left.map(({ path }) => path as string), ['etc/conf']); // prettier-ignore
  const after = h.picture(dir);
  assert.equal(h.read(dir, 'etc/conf'), 'mine');
  assert.equal(h.read(dir, 'opt/stranger'), 'mine');
  after.delete('opt/stranger');
  after.set('etc/conf', whole.get('etc/conf') ?? '');
  assert.deepEqual(after, whole);
  assert.deepEqual((await verifyAll(dir)).differences.filter(({ conffile }) => !conffile), []); // prettier-ignore
  const last = readHistory(dir).at(-1);
  assert.deepEqual([last?.id, last?.command, last?.changes], [2, 'gtpkg verify --repair', []]);
  assert.match(last?.notes.join('\n') ?? '', /\/opt\/hard of aa is as signed again/);
  // nothing more to do: no transaction
  assert.equal((await repair(dir)).id, undefined);
});

test('permissions alone need no contents; a conffile is put back when that is asked for, the other one kept', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  fs.chmodSync(join(dir, 'opt/setuid'), 0o755);
  fs.chmodSync(join(dir, 'opt/d'), 0o777);
  if (isRoot) fs.chownSync(join(dir, 'opt/a'), 7, 7);
  assert.deepEqual((await repair(dir)).asked, []);
  assert.deepEqual((await verifyAll(dir)).differences, []);
  h.write(dir, 'etc/conf', 'mine');
  assert.deepEqual((await repair(dir, { conffiles: 'replace' })).asked, ['etc/conf']);
  assert.equal(h.read(dir, 'etc/conf'), 'default');
  assert.equal(h.read(dir, 'etc/conf.gtpkg-old'), 'mine');
  fs.rmSync(join(dir, 'etc/conf'));
  await repair(dir, { conffiles: 'replace' });
  assert.equal(h.read(dir, 'etc/conf'), 'default');
});

test('a directory with something in it is not taken away for a file; the rest is repaired', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  fs.rmSync(join(dir, 'opt/a'));
  h.write(dir, 'opt/a/precious', '!');
  h.write(dir, 'opt/d/y', 'Y');
  const { left } = await repair(dir);
  assert.match(
    left.map(({ path, why }) => `${path}: ${why}`).join(),
    /opt\/a: a directory with something in it/,
  );
  assert.equal(h.read(dir, 'opt/a/precious'), '!');
  assert.equal(h.read(dir, 'opt/d/y'), 'y');
});

test('stopped or failing at any step: as it was, or repaired', async (t) => {
  const origin = h.tempDir(t);
  await h.run(origin, [h.install(SPEC)]);
  damage(origin);
  const before = JSON.stringify([...h.picture(origin)]);
  const repaired = h.tempDir(t);
  h.copyTree(origin, repaired);
  await repair(repaired);
  // times of directories are not kept by copies, and pictures have none
  const after = JSON.stringify([...h.picture(repaired)]);
  assert.notEqual(before, after);
  let outcomes = '';
  for (let stop = 1; ; stop++) {
    const dir = h.tempDir(t);
    h.copyTree(origin, dir);
    let steps = 0;
    let isDead = false;
    const step = (): void => {
      // dead: nothing is done any more, not even undoing
      if (isDead || ++steps === stop) {
        isDead = stop % 2 === 0;
        throw Object.assign(new Error('stopped'), { code: 'EIO' });
      }
    };
    let failed = false;
    await repair(dir, { step }).catch(() => (failed = true));
    // a process that died does not hold its lock; this one lives
    fs.rmSync(join(dir, 'var/lib/gtpkg/lock'), { force: true });
    (await h.open(dir)).close();
    const now = JSON.stringify([...h.picture(dir)]);
    assert.ok(now === before || now === after, `stopped at ${stop}`);
    assert.deepEqual(fs.readdirSync(join(dir, 'var/lib/gtpkg/staging')), []);
    outcomes += now === before ? 'b' : 'a';
    fs.rmSync(dir, { recursive: true });
    if (!failed && steps < stop) break;
  }
  assert.match(outcomes, /^b+a+$/);
  assert.ok(outcomes.length > 40, String(outcomes.length));
});

test('contents that cannot be had change nothing', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [h.install(SPEC)]);
  damage(dir);
  const before = h.picture(dir);
  await assert.rejects(repair(dir, { fail: new Error('no peer') }), /no peer/);
  assert.deepEqual(h.picture(dir), before);
  assert.deepEqual(fs.readdirSync(join(dir, 'var/lib/gtpkg/staging')), []);
});

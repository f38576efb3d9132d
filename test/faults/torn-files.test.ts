/** Torn journal, torn status file: cut at every byte. Refused, or as if what was cut had never been written; nothing is guessed, nothing touched. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStatus } from '../../installer/index.js';
import { parseStatus } from '../../installer/status.js';
import * as h from '../installer/helpers.js';
import { before as prepareFive, dropLock, five, OUTSIDE, stateOf } from './five.js';

const STATUS = 'var/lib/gtpkg/status';
const JOURNAL = 'var/lib/gtpkg/journal';

test('torn status file: cut at any byte, it is refused and nothing is changed', async (t) => {
  const dir = h.tempDir(t);
  await h.run(dir, [
    h.install({ name: 'aa', files: { x: '1', etc: 'c' }, conffiles: ['etc'] }),
    h.install({ name: 'bb', files: { y: '1' } }),
  ]);
  const path = join(dir, STATUS);
  const bytes = fs.readFileSync(path);
  const before = h.picture(dir);
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length);
    assert.throws(() => parseStatus(cut, 'status'), h.coded('STATUS_CORRUPT'), `${length} bytes`);
    if (length % 97 !== 0 && length < bytes.length - 2) continue;
    fs.writeFileSync(path, cut);
    assert.throws(() => readStatus(dir), h.coded('STATUS_CORRUPT'));
    await assert.rejects(h.run(dir, [h.remove('aa')]), h.coded('STATUS_CORRUPT'));
    await assert.rejects(
      h.run(dir, [h.install({ name: 'cc', files: { z: '' } })]),
      h.coded('STATUS_CORRUPT'),
    );
    assert.deepEqual(fs.readFileSync(path), cut);
  }
  assert.deepEqual(h.picture(dir), before);
  fs.writeFileSync(path, bytes);
  await h.run(dir, [h.remove('aa')]);
});

test('torn journal: cut at any byte before its end line it is refused and nothing is touched; after it, what was cut was never there', async (t) => {
  const template = h.tempDir(t);
  await prepareFive(template, ['bb']);
  const before = stateOf(template);
  const dir = h.tempDir(t);
  h.copyTree(template, dir);
  // killed when the second postinst had begun
  let appended = 0;
  const step = (action: string, path: string): void => {
    if (path === JOURNAL && action === 'append') appended++;
    if (appended > 3) throw new Error('killed');
  };
  await h.run(dir, five('2', ['bb']), { step, scripts: OUTSIDE }).catch(() => undefined);
  dropLock(dir);
  const bytes = fs.readFileSync(join(dir, JOURNAL));
  const end = bytes.indexOf('\n', bytes.indexOf('{"end":')) + 1;
  assert.ok(end > 1000 && bytes.length > end + 100);
  const unfinished = h.picture(dir);
  for (let length = 0; length < end; length += length < end - 120 ? 13 : 1) {
    fs.writeFileSync(join(dir, JOURNAL), bytes.subarray(0, length));
    // the line's own newline may be missing: all that it says is there
    if (length === end - 1) continue;
    await assert.rejects(h.open(dir), h.coded('JOURNAL_CORRUPT'), `${length} of ${end} bytes`);
  }
  fs.writeFileSync(join(dir, JOURNAL), bytes.toString('latin1').replace('usr/bin', 'usr/bim'), 'latin1');
  await assert.rejects(h.open(dir), h.coded('JOURNAL_CORRUPT'));
  assert.deepEqual(h.picture(dir), unfinished);
  // an act, or a commit, that was cut short was never acknowledged: nothing of it had begun
  const last = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
  const tails = [
    bytes.subarray(0, bytes.length - 1),
    bytes.subarray(0, last + 1),
    bytes.subarray(0, (last + bytes.length) >> 1),
  ];
  for (const tail of [...tails, Buffer.concat([bytes, Buffer.from('{"committed":tr')]), bytes]) {
    const one = h.tempDir(t);
    h.copyTree(dir, one);
    fs.writeFileSync(join(one, JOURNAL), tail);
    const root = await h.open(one);
    root.close();
    assert.equal(root.recovered?.outcome, 'undone');
    assert.deepEqual(stateOf(one), before);
  }
});

test('clock jump: a history that goes back and forth in time, and scripts that run meanwhile', async (t) => {
  const dir = h.tempDir(t);
  await prepareFive(dir);
  const years = ['1970-01-01', '2100-12-31', '2026-06-01'];
  for (const [at, year] of years.entries())
    await h.run(dir, five(String((at % 2) + 1)), { scripts: OUTSIDE, now: new Date(`${year}T00:00:00Z`) });
  const { readHistory } = await import('../../installer/index.js');
  const history = readHistory(dir);
  assert.deepEqual(
    history.map(({ id }) => Number(id)).sort((a, b) => a - b),
    [1, 2, 3, 4, 5],
  );
  assert.deepEqual(new Set(history.slice(-3).map(({ date }) => date.slice(0, 10))), new Set(years));
  // a script's time is measured by what no clock setting moves; the clock jumps by a year while one runs
  const real = Date.now;
  const jump = setInterval(() => (Date.now = () => real() + 365 * 86_400_000), 5);
  try {
    await h.run(dir, five('2'), { scripts: { ...OUTSIDE, timeout: 60_000 } });
  } finally {
    clearInterval(jump);
    Date.now = real;
  }
  assert.equal(readStatus(dir).get('ee')?.version, '2');
  // stamps of files say nothing about who holds the root: a lock from the future is judged by its process
  const lock = join(dir, 'var/lib/gtpkg/lock');
  const root = await h.open(dir);
  const far = new Date('2099-01-01T00:00:00Z');
  fs.utimesSync(lock, far, far);
  await assert.rejects(h.open(dir, { wait: 0 }), h.coded('ROOT_BUSY'));
  fs.utimesSync(lock, 0, 0);
  await assert.rejects(h.open(dir, { wait: 0 }), h.coded('ROOT_BUSY'));
  root.close();
});

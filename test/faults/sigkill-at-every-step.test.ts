/**
 * SIGKILL at every step of an upgrade of five packages with conffiles and maintainer scripts: the next command finds the root all old or makes it
 * all new, the scripts' own doings included.
 *
 * Real processes, really killed, at points that are counted: every change to the root and the journal, and each script in its midst. `npm test` takes
 * all steps of the journal's life and a spread of the rest; GTPKG_TEST_FAULTS=all takes every one, and more of the recoveries' (minutes).
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStatus } from '../../installer/index.js';
import * as h from '../installer/helpers.js';
import { runChild, type Ended } from './child.js';
import { before as prepare, five, OUTSIDE, stateOf } from './five.js';

const ALL = process.env['GTPKG_TEST_FAULTS'] === 'all';
const CHILD = fileURLToPath(new URL('./upgrade-child.js', import.meta.url));
type Context = Parameters<typeof h.tempDir>[0] & { diagnostic(text: string): void };

const child = (dir: string, what: 'upgrade' | 'recover', at: number): Promise<Ended> =>
  runChild(CHILD, dir, what, String(at));

interface Scene {
  readonly before: Record<string, string>;
  readonly after: Record<string, string>;
  /** every change of the upgrade, in order */
  readonly steps: readonly string[];
  copy(): string;
}

let made: Promise<Scene> | undefined;

// Made once for all tests of this file.
function scene(t: Context): Promise<Scene> {
  return (made ??= (async () => {
    const template = h.tempDir({ after: (fn) => process.once('exit', fn) });
    await prepare(template);
    const copy = (): string => {
      const dir = h.tempDir(t);
      h.copyTree(template, dir);
      return dir;
    };
    const whole = copy();
    const { out, err } = await child(whole, 'upgrade', 0);
    const steps = out.split('\n');
    assert.ok(steps.length > 150, err);
    return { before: stateOf(template), after: stateOf(whole), steps, copy };
  })());
}

/** What a root that somebody was killed in is after recovery, which must be one of the two. */
async function settle(dir: string, { before, after }: Scene, label: string): Promise<'old' | 'new'> {
  // somebody who only looks sees a whole status at any time
  readStatus(dir);
  const { report, texts } = h.listener();
  const root = await h.open(dir, { report, wait: 0 });
  const { recovered } = root;
  root.close();
  assert.deepEqual(recovered?.failures ?? [], [], label);
  assert.equal(texts.length === 0, recovered === undefined, label);
  const now = stateOf(dir);
  const isNew = now['HISTORY'] === after['HISTORY'];
  assert.deepEqual(now, isNew ? after : before, label);
  if (recovered !== undefined) assert.equal(recovered.outcome, isNew ? 'finished' : 'undone', label);
  return isNew ? 'new' : 'old';
}

// All are waited for, also when one fails: none may go on making roots that nobody removes.
async function inParallel<T>(list: readonly T[], one: (item: T) => Promise<void>): Promise<void> {
  const queue = [...list];
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await one(item);
  };
  const workers = Array.from({ length: Math.min(8, availableParallelism()) }, () =>
    work().finally(() => (queue.length = 0)),
  );
  for (const result of await Promise.allSettled(workers))
    if (result.status === 'rejected') throw result.reason;
}

const nth = (n: number) => (_: unknown, at: number) => at % n === 0;
const every = (n: number) => nth(ALL ? 1 : n);

test('SIGKILL at every step of an upgrade of five packages with conffiles and scripts', async (t) => {
  const here = await scene(t);
  const { steps, after, copy } = here;
  const numbered = steps.map((step, at) => ({ step, at: at + 1 }));
  const isJournal = ({ step }: { step: string }): boolean => / var\/lib\/gtpkg\/journal/.test(step);
  const isAct = ({ step }: { step: string }): boolean => /^(append|write) \S+journal$/.test(step);
  const journal = numbered.filter((one) => isJournal(one) && !isAct(one));
  const acts = numbered.filter((one) => isJournal(one) && isAct(one));
  const others = numbered.filter((one) => !isJournal(one));
  assert.ok(journal.length >= 7 && acts.length >= 40, `${journal.length} and ${acts.length}`);
  const points = new Set([
    ...journal,
    ...acts.filter(every(5)),
    ...acts.slice(-2),
    ...others.filter(every(12)),
  ]);
  const outcomes = { old: 0, new: 0 };
  await inParallel([...points], async ({ step, at }) => {
    const dir = copy();
    const { signal, err } = await child(dir, 'upgrade', at);
    const label = `killed at change ${at} of ${steps.length}, ${step}`;
    assert.equal(signal, 'SIGKILL', `${label}: ${err}`);
    const outcome = await settle(dir, here, label);
    outcomes[outcome]++;
    if (outcome === 'old' && at % 16 === 0) {
      await h.run(dir, five('2'), { scripts: OUTSIDE });
      assert.deepEqual(stateOf(dir), after, `${label}, and run again`);
    }
    fs.rmSync(dir, { recursive: true, force: true });
  });
  assert.ok(outcomes.old > 20 && outcomes.new > 0, JSON.stringify(outcomes));
  t.diagnostic(`${points.size} kills of ${steps.length}: ${JSON.stringify(outcomes)}`);
});

test('SIGKILL in the midst of each script', async (t) => {
  const here = await scene(t);
  const calls = ['aa', 'bb', 'cc', 'dd', 'ee'].flatMap((name) =>
    ['1-prerm upgrade', '2-preinst upgrade', '1-postrm upgrade', '2-postinst configure'].map(
      (call) => `${name} ${call}`,
    ),
  );
  const chosen = calls.filter(every(7));
  await inParallel(chosen, async (call) => {
    const dir = here.copy();
    fs.writeFileSync(join(dir, 'halt'), `kill ${call}\n`);
    const { signal, err } = await child(dir, 'upgrade', 0);
    assert.equal(signal, 'SIGKILL', `${call}: ${err}`);
    for (const name of ['halt', 'halted']) fs.rmSync(join(dir, name));
    assert.equal(await settle(dir, here, `killed in ${call}`), 'old');
    fs.rmSync(dir, { recursive: true, force: true });
  });
  t.diagnostic(`killed in ${chosen.length} of ${calls.length} scripts`);
});

test('SIGKILL of the recovery, and of the recovery after it', async (t) => {
  const here = await scene(t);
  const { steps, copy } = here;
  const first = steps.map((_, at) => at + 1);
  let kills = 0;
  // pairs of two counts: every one of them would take hours
  await inParallel(first.filter(nth(ALL ? 40 : 180)).concat(steps.length - 12), async (at) => {
    for (let second = 1; ; second += ALL ? 5 : 37) {
      const dir = copy();
      await child(dir, 'upgrade', at);
      const { signal } = await child(dir, 'recover', second);
      if (signal === null) return fs.rmSync(dir, { recursive: true, force: true });
      await child(dir, 'recover', second + 1);
      await settle(dir, here, `killed at ${at}, its recovery at ${second} and at ${second + 1}`);
      fs.rmSync(dir, { recursive: true, force: true });
      kills++;
    }
  });
  assert.ok(kills > 0);
  t.diagnostic(`${kills} kills of recoveries`);
});

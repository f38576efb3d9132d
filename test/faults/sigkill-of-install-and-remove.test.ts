/**
 * SIGKILL at the changes that an installation, a removal and a rollback make (each third or fifth, all with GTPKG_TEST_FAULTS=all; sigkill-at-every-step.test.ts has the
 * upgrade), and a recovery that is stopped at every change of its own: the root is exactly old or new, never between.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readStatus } from '../../installer/index.js';
import { prepare, SCENARIOS, stepsOf, type Scenario } from '../installer/scenarios.js';
import * as h from '../installer/helpers.js';
import { runChild, type Ended } from './child.js';

const CHILD = fileURLToPath(new URL('./kill-child.js', import.meta.url));

const child = (dir: string, scenario: Scenario, at: number): Promise<Ended> =>
  runChild(CHILD, dir, scenario, String(at));

interface States {
  readonly before: Record<string, string>;
  readonly after: Record<string, string>;
  /** a fresh copy of the root as it is before */
  copy(): string;
}

async function states(t: { after(fn: () => void): void }, scenario: Scenario): Promise<States> {
  const [template, dir] = [h.tempDir(t), h.tempDir(t)];
  await prepare(template, scenario);
  const copy = (): string => {
    const made = h.tempDir(t);
    h.copyTree(template, made);
    return made;
  };
  h.copyTree(template, dir);
  const before = h.wholeState(dir);
  await h.run(dir, stepsOf(scenario, dir));
  return { before, after: h.wholeState(dir), copy };
}

const ALL = process.env['GTPKG_TEST_FAULTS'] === 'all';

for (const scenario of SCENARIOS.filter((one) => one !== 'upgrade')) {
  test(`SIGKILL at every change of: ${scenario} of three packages with conffiles`, async (t) => {
    // what a rollback does to files the others do too
    const each = ALL ? 1 : scenario === 'rollback' ? 5 : 3;
    const { before, after, copy } = await states(t, scenario);
    const whole = copy();
    const { out, err } = await child(whole, scenario, 0);
    const total = Number(out);
    assert.ok(total > 40, `${total} changes; ${err}`);
    assert.deepEqual(h.wholeState(whole), after);
    let next = 1 + (total % each);
    const outcomes = { undone: 0, finished: 0, untouched: 0 };
    const work = async (): Promise<void> => {
      for (let at = next; at <= total; at = next) {
        next += each;
        const dir = copy();
        const { signal, err: said } = await child(dir, scenario, at);
        assert.equal(signal, 'SIGKILL', `at change ${at}: ${said}`);
        // somebody who only looks sees a whole status at any time
        readStatus(dir);
        const { report, texts } = h.listener();
        const root = await h.open(dir, { report, wait: 0 });
        const { recovered } = root;
        root.close();
        assert.equal(texts.length, recovered === undefined ? 0 : 1);
        const now = h.wholeState(dir);
        const isNew =
          recovered?.outcome === 'finished' ||
          (recovered === undefined && now['HISTORY'] === after['HISTORY']);
        assert.deepEqual(now, isNew ? after : before, `killed at change ${at} of ${total}`);
        if (recovered === undefined) outcomes.untouched++;
        else outcomes[recovered.outcome]++;
        if (!isNew && at % 4 < each - 1) {
          await h.run(dir, stepsOf(scenario, dir));
          assert.deepEqual(h.wholeState(dir), after, `run again after a kill at change ${at}`);
        }
        fs.rmSync(dir, { recursive: true, force: true });
      }
    };
    // all are waited for, also when one fails: none may go on making roots that nobody removes
    const workers = Array.from({ length: Math.min(8, availableParallelism()) }, () =>
      work().finally(() => (next = total + 1)),
    );
    for (const result of await Promise.allSettled(workers))
      if (result.status === 'rejected') throw result.reason;
    assert.ok(outcomes.undone > 3 && (each > 1 || outcomes.finished > 0), JSON.stringify(outcomes));
    t.diagnostic(`${total} kills: ${JSON.stringify(outcomes)}`);
  });
}

class Killed extends Error {}

// A kill without a process: from the given change on, every further one fails too.
function killAt(at: number): { step: () => void; count: () => number } {
  let count = 0;
  return {
    count: () => count,
    step: () => {
      if (++count >= at) throw new Killed();
    },
  };
}

const dropLock = (dir: string): void => {
  const state = join(dir, 'var/lib/gtpkg');
  for (const name of fs.readdirSync(state)) if (name.startsWith('lock')) fs.rmSync(join(state, name));
};

test('killed, and the recovery killed at every change of its own, and again', async (t) => {
  const { before, after, copy } = await states(t, 'upgrade');
  const dir = copy();
  const probe = killAt(Infinity);
  await h.run(dir, stepsOf('upgrade', dir), { step: probe.step });
  const total = probe.count();
  let checked = 0;
  for (let at = 5; at < total; at += 7) {
    for (let second = 1; ; second += 3) {
      const victim = copy();
      // after the commit nothing is rejected any more
      await h
        .run(victim, stepsOf('upgrade', victim), { step: killAt(at).step })
        .catch((error: unknown) => error);
      dropLock(victim);
      const recovery = killAt(second);
      const isDead = await h.open(victim, { step: recovery.step }).then(
        (root) => (root.close(), false),
        () => true,
      );
      dropLock(victim);
      (await h.open(victim)).close();
      const now = h.wholeState(victim);
      assert.deepEqual(
        now,
        now['HISTORY'] === after['HISTORY'] ? after : before,
        `killed at ${at}, recovery at ${second}`,
      );
      fs.rmSync(victim, { recursive: true, force: true });
      checked++;
      if (!isDead) break;
    }
  }
  t.diagnostic(`${checked} double kills`);
});

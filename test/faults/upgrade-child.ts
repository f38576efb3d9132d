/**
 * One process that upgrades, or recovers, and is killed: upgrade-child.js DIR upgrade|recover N [WAIT].
 *
 * SIGKILL comes at change number N of the root; 0: never, and then every change is printed, a line each. A script may kill it too (five.ts).
 * WAIT: milliseconds for the lock. Ends with the error's exit status, its code printed.
 */
import { GtpkgError } from '../../model/errors.js';
import type { StepHook } from '../../installer/index.js';
import { five, OUTSIDE } from './five.js';
import * as h from '../installer/helpers.js';

const [dir = '', what = '', at = '', wait = '0'] = process.argv.slice(2);
const seen: string[] = [];
const step: StepHook = (action, path) => {
  // before and after a sync a killed process leaves the same behind
  if (action.endsWith('sync') || action === 'syncfs') return;
  if (seen.push(`${action} ${path}`) !== Number(at)) return;
  process.kill(process.pid, 'SIGKILL');
  // the signal is delivered at the latest when this system call returns
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
};
try {
  if (what === 'recover') (await h.open(dir, { step, wait: 0 })).close();
  else await h.run(dir, five('2'), { step, scripts: OUTSIDE, wait: Number(wait) });
  process.stdout.write(seen.join('\n'));
} catch (error) {
  if (!(error instanceof GtpkgError)) throw error;
  process.stdout.write(error.code);
  process.exitCode = error.exit;
}

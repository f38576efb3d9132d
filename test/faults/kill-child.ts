/** Runs one scenario and kills itself at change number N of the root: node kill-child.js DIR SCENARIO N. Prints the number of changes. */
import type { StepHook } from '../../installer/index.js';
import { stepsOf, type Scenario } from '../installer/scenarios.js';
import * as h from '../installer/helpers.js';

const [dir = '', scenario = '', at = ''] = process.argv.slice(2);
let count = 0;
const step: StepHook = (action) => {
  // before and after a sync a killed process leaves the same behind
  if (action.endsWith('sync') || action === 'syncfs') return;
  if (++count !== Number(at)) return;
  process.kill(process.pid, 'SIGKILL');
  // the signal is delivered at the latest when this system call returns
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
};
await h.run(dir, stepsOf(scenario as Scenario, dir), { step });
process.stdout.write(String(count));

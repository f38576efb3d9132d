/** Runs one scenario and kills itself at change number N of the root: node kill-child.js DIR SCENARIO N. Prints the number of changes. */
import { stepsOf, type Scenario } from './scenarios.js';
import * as h from './helpers.js';

const [dir = '', scenario = '', at = ''] = process.argv.slice(2);
let count = 0;
const step = (): void => {
  if (++count !== Number(at)) return;
  process.kill(process.pid, 'SIGKILL');
  // the signal is delivered at the latest when this system call returns
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
};
await h.run(dir, stepsOf(scenario as Scenario), { step });
process.stdout.write(String(count));

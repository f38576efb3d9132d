/** A thread that checks packages: takes the next of the list that nobody has taken yet, until there is none. verify.ts is its other side. */
import { parentPort, workerData } from 'node:worker_threads';
import { toPlain } from '../model/thread-error.js';
import { Check } from './check.js';
import { takeNext, type Answer, type Share } from './verify-share.js';

const { dir, all, wanted, counters } = workerData as Share;
try {
  const check = new Check(dir, all);
  for (let at = takeNext(counters); at < wanted.length; at = takeNext(counters)) {
    const pkg = wanted[at];
    if (pkg === undefined) continue;
    try {
      parentPort?.postMessage({ at, differences: check.package(pkg) } satisfies Answer);
    } catch (error) {
      parentPort?.postMessage({ at, error: toPlain(error) } satisfies Answer);
    }
  }
} catch (error) {
  parentPort?.postMessage({ at: -1, error: toPlain(error) } satisfies Answer);
}

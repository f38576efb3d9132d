/** V8's garbage collector, asked for in several threads at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const MODULE = new URL('../../cli/collect.js', import.meta.url).href;
const THREADS = 8;

// All begin at the same moment: what opens the door to the collector is a flag of the whole process.
const SCRIPT = `
  const { workerData, parentPort } = require('node:worker_threads');
  import(workerData.module).then(({ collectAll, collectYoung }) => {
    const ready = new Int32Array(workerData.ready);
    if (Atomics.add(ready, 0, 1) + 1 === workerData.threads) Atomics.notify(ready, 0);
    for (let seen = Atomics.load(ready, 0); seen < workerData.threads; seen = Atomics.load(ready, 0)) Atomics.wait(ready, 0, seen, 50);
    const { FinalizationRegistry: Registry } = globalThis;
    let gone = false;
    const registry = new Registry(() => (gone = true));
    (() => registry.register({ large: new Array(1000) }, 1))();
    collectAll();
    collectYoung();
    setTimeout(() => parentPort.postMessage(gone), 20);
  });
`;

test(
  'threads that collect at the same moment do not keep each other from it',
  { timeout: 60_000 },
  async () => {
    for (let round = 0; round < 5; round++) {
      const ready = new SharedArrayBuffer(4);
      const collected = Array.from(
        { length: THREADS },
        () =>
          new Promise<boolean>((resolve, reject) => {
            const workerData = { module: MODULE, ready, threads: THREADS };
            const worker = new Worker(SCRIPT, { eval: true, workerData });
            worker.once('message', resolve);
            worker.once('error', reject);
            worker.once('exit', (code) => reject(new Error(`ended with ${code}`)));
          }),
      );
      assert.deepEqual(
        await Promise.all(collected),
        Array.from(collected, () => true),
      );
    }
  },
);

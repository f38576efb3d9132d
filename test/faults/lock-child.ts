/** node lock-child.js DIR LOG: takes the root's lock, writes down when it had it, lets go. With HANG as third word it never does. */
import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as h from '../installer/helpers.js';

const [dir = '', log = '', hang = ''] = process.argv.slice(2);
for (let round = 0; round < 5; round++) {
  const root = await h.open(dir, { wait: 60_000 });
  fs.appendFileSync(log, `in ${process.pid}\n`);
  if (hang === 'HANG') {
    process.stdout.write('held\n');
    await sleep(60_000);
  }
  await sleep(2);
  fs.appendFileSync(log, `out ${process.pid}\n`);
  root.close();
}

/** Run as a user without rights: node xattr-child.js DIR. Installs a program with capabilities; prints what was said as JSON. */
import { verifyAll } from '../../installer/index.js';
import * as h from './helpers.js';
import { capability, note, RAW, valueOf } from './xattr-support.js';

const dir = process.argv[2] ?? '';
const { texts: warnings, report } = h.listener();
try {
  const xattrs = [capability(RAW), note('user.note', 'hello')];
  const { notes } = await h.run(dir, [h.install({ name: 'ping', files: { 'usr/bin/ping': { content: 'p', xattrs } } })], { report }); // prettier-ignore
  const { differences } = await verifyAll(dir);
  let found: string | undefined;
  try {
    found = valueOf(dir, 'usr/bin/ping', 'user.note');
  } catch {
    // none here
  }
  process.stdout.write(JSON.stringify({ warnings, notes, differences, note: found ?? null }));
} catch (error) {
  process.stderr.write(`${JSON.stringify(error)} ${String(error)}\n`);
  process.exitCode = 1;
}

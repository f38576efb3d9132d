/** Run as a user without rights: node user-child.js DIR. Installs, upgrades, verifies; prints what it saw as JSON. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { verifyRoot } from '../../installer/index.js';
import * as h from './helpers.js';

const dir = process.argv[2] ?? '';
const spec = (version: string): h.PackageSpec => ({
  name: 'sudo',
  version,
  files: {
    'usr/bin/sudo': { content: version, mode: 0o4755 },
    'srv/locked': { type: 'd', mode: 0o555 },
    'srv/locked/x': { content: 'x', mode: 0o444 },
  },
});
const warnings: string[] = [];
const report: Parameters<typeof h.open>[1] = {
  report: (event) => {
    if (event.kind === 'warning') warnings.push(event.text);
  },
};
try {
  const { notes } = await h.run(dir, [h.install(spec('1'))], report);
  const differences: unknown[] = [];
  for await (const difference of verifyRoot(dir)) differences.push(difference);
  const modes: Record<string, string> = {};
  for (const path of ['usr/bin/sudo', 'srv/locked', 'srv/locked/x'])
    modes[path] = (fs.statSync(join(dir, path)).mode & 0o7777).toString(8);
  process.stdout.write(JSON.stringify({ warnings, notes, differences, modes }));
  fs.chmodSync(join(dir, 'srv/locked'), 0o755);
} catch (error) {
  process.stderr.write(`${JSON.stringify(error)}\n`);
  process.exitCode = 1;
}

/**
 * Start-up of gtpkg as a whole process against `node -e 0`.
 *
 *     npm run build && node dist/bench/startup.js [RUNS]
 *
 * Prints a table, then one line of JSON. `list` reads a root with 50 installed packages.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { compare, type Command } from './measure.js';
import { writeProgram } from '../cli/demo/packages.js';

const BIN = fileURLToPath(new URL('../../bin/gtpkg.js', import.meta.url));
const runs = Number(process.argv[2] ?? 15);
const folder = await mkdtemp(join(tmpdir(), 'gtpkg-bench-'));
const env = { GTPKG_HOME: join(folder, 'home'), NO_COLOR: '1' };
const gtpkg = (...args: string[]): Command => ({
  name: `gtpkg ${args.join(' ')}`,
  file: process.execPath,
  args: [BIN, ...args],
  env,
});

function prepare(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`gtpkg ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
}

try {
  const key = prepare('key', 'generate', '--name', 'Bench', '--email', 'bench@example.org');
  const introduction = prepare('index', 'create', 'bench', '--key', key);
  const names = Array.from({ length: 50 }, (_, i) => `bench-${String(i).padStart(2, '0')}`);
  const directories = await Promise.all(
    names.map((name) =>
      writeProgram(folder, { name, version: '1.0', summary: 'for a benchmark', script: '#!/bin/sh\n' }),
    ),
  );
  prepare('publish', ...directories, '--index', 'bench', '--offline');
  prepare('source', 'add', introduction, '--name', 'bench', '--offline');
  prepare('install', ...names, '--offline');
  const base: Command = { name: 'node -e 0', file: process.execPath, args: ['-e', '0'] };
  const results = [
    gtpkg('--version'),
    gtpkg('list'),
    gtpkg('show', 'bench-00'),
    gtpkg('search', 'benchmark'),
    gtpkg('--help'),
  ].map((command) => compare(command, base, runs));
  for (const each of results) {
    process.stdout.write(
      `${each.name.padEnd(24)} ${(each.seconds * 1000).toFixed(0).padStart(6)} ms   node ${(each.base * 1000).toFixed(0).padStart(5)} ms   ratio ${each.ratio.toFixed(2)}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify({ bench: 'startup', node: process.version, results })}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

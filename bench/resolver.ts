/**
 * The resolver beside dose-debcheck, libapt and apt, on all of Debian bookworm main (amd64), and its upgrade to trixie.
 *
 *     npm run build && node dist/bench/resolver.js [check-all] [pairs] [foreign] [singles] [autoremove] [upgrade] [times] [RUNS]
 *
 * check-all, pairs, foreign: against dose (resolver-agree.ts). singles: 200 packages alone from nothing against libapt's sets, and some for i386. upgrade, autoremove: a
 * desktop of 1,600 packages against apt (resolver-desktop.ts). times: whole processes. No word: all. Prints tables, then one line of JSON. Needs apt, python3-apt, Debian's mirror the first time.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPackages } from '../cli/workflows/resolve-files.js';
import { resolve } from '../resolver/index.js';
import { compare, type Command, type Comparison } from './measure.js';
import {
  aptConfig,
  LIBAPT,
  stanzasByRelease,
  suite,
  uninstallableByDose,
  type Suite,
} from './resolver-data.js';
import { checkAll, foreign, pairs } from './resolver-agree.js';
import { autoremove, upgrade } from './resolver-desktop.js';
import { BIN, folder, OUTPUT, PYTHON, results, run, same, say, shuffled } from './resolver-run.js';
import { tools } from './tools.js';

const words = process.argv.slice(2);
const parts = words.filter((word) => !/^\d+$/.test(word));
const runs = Number(words.find((word) => /^\d+$/.test(word)) ?? 7);
const wanted = (part: string): boolean => parts.length === 0 || parts.includes(part);

async function singles(bookworm: Suite, dose: string): Promise<void> {
  const catalog = await openPackages(bookworm.packages);
  const plan = (name: string): string[] | undefined => {
    const request = { kind: 'install', targets: [{ name }], recommends: true, dependencies: true } as const;
    const answer = resolve({ universe: catalog, installed: [], request, architecture: 'amd64' });
    return answer.kind === 'solution' ? answer.plan.steps.map((step) => step.name).sort() : undefined;
  };
  const names: string[] = [];
  for (const name of shuffled([...catalog.names()], (each) => each))
    if (names.length < 200 && plan(name) !== undefined) names.push(name);
  await mkdir(join(folder, 'singles'));
  const config = await aptConfig(join(folder, 'singles'), { lists: bookworm.folder, keep: true });
  const { stdout } = await run(PYTHON, ['-c', LIBAPT, ...names], {
    ...OUTPUT,
    env: { ...process.env, APT_CONFIG: config },
  });
  const releases = stanzasByRelease(await readFile(bookworm.packages, 'utf8'));
  let identical = 0;
  const different: {
    name: string;
    ours: number;
    libapt: number;
    broken: boolean;
    valid: boolean;
    more: string[];
    less: string[];
  }[] = [];
  for (const line of stdout.trim().split('\n')) {
    const [name = '', broken = '', ...theirs] = line.split(' ');
    const ours = plan(name) ?? [];
    if (same(ours, theirs)) {
      identical++;
      continue;
    }
    const file = join(folder, 'single');
    const chosen = ours.flatMap((each) => {
      const version = catalog.versions(each)[0]?.version ?? '';
      return releases.get(`${each} ${version}`) ?? [];
    });
    const probe = `Package: zz-all\nVersion: 1\nArchitecture: all\nDepends: ${ours.join(', ')}\n`;
    await writeFile(file, `${chosen.join('\n\n')}\n\n${probe}`);
    const valid = (await uninstallableByDose(dose, file)).length === 0;
    different.push({
      name,
      ours: ours.length,
      libapt: theirs.length,
      broken: broken !== '0',
      valid,
      more: ours.filter((each) => !theirs.includes(each)),
      less: theirs.filter((each) => !ours.includes(each)),
    });
  }
  say(
    `200 single installs: ${identical} as libapt has them (${(identical / 2).toFixed(1)} %); of the others ${different.filter(({ valid }) => valid).length} of ${different.length} valid by dose-debcheck`,
  );
  for (const each of different)
    say(
      `  ${each.name}: ${each.ours} packages, libapt ${each.libapt}${each.broken ? ' (broken)' : ''}; only here: ${each.more.join(' ') || '-'}; only there: ${each.less.join(' ') || '-'}${each.valid ? '' : '; NOT VALID'}`,
    );
  results['singles'] = { identical, different };
}

async function times(bookworm: Suite): Promise<void> {
  const config = (keep: boolean): Promise<string> =>
    mkdir(join(folder, `apt-${keep}`), { recursive: true }).then(() =>
      aptConfig(join(folder, `apt-${keep}`), { lists: bookworm.folder, keep }),
    );
  const node: Command = { name: 'node -e 0', file: process.execPath, args: ['-e', '0'] };
  const gnome: Command = {
    name: 'resolve install gnome',
    file: process.execPath,
    args: [BIN, 'resolve', '--architecture', 'amd64', '--packages', bookworm.packages, 'install', 'gnome'],
  };
  const libapt = (name: string, path: string): Command => ({
    name,
    file: PYTHON,
    args: ['-c', LIBAPT, 'gnome'],
    env: { APT_CONFIG: path },
  });
  const show = (line: Comparison, limit: string): void =>
    say(
      `${line.name.padEnd(24)} ${(line.seconds * 1000).toFixed(0).padStart(6)} ms   ${line.against} ${(line.base * 1000).toFixed(0)} ms   ratio ${line.ratio.toFixed(2)} (must be ${limit})`,
    );
  const kept = libapt('python-apt, its cache kept', await config(true));
  await run('apt-cache', ['gencaches'], { env: { ...process.env, ...kept.env } });
  const bare = libapt('python-apt, as Debian’s images set it up', await config(false));
  const lines = [
    [compare(gnome, node, runs), '≤ 4'],
    [compare(gnome, bare, runs), '≤ 0.5'],
    [compare(gnome, kept, runs), '≤ 0.5'],
  ] as const;
  for (const [line, limit] of lines) show(line, limit);
  // both from nothing: each begins by removing what it kept
  const clear = (path: string, command: string): string[] => ['-c', `rm -rf '${path}' && exec ${command}`];
  const compile: Command = {
    ...gnome,
    name: 'first compile, hello',
    file: 'sh',
    args: clear(
      join(folder, 'cache', 'gtpkg'),
      `'${process.execPath}' '${BIN}' resolve --packages '${bookworm.packages}' --architecture amd64 install hello`,
    ),
  };
  const generate: Command = {
    name: 'apt-cache gencaches',
    file: 'sh',
    args: clear(
      join(folder, 'apt-true', 'cache', 'pkgcache.bin'),
      `sh -c "rm -f '${join(folder, 'apt-true', 'cache')}'/*.bin; apt-cache gencaches"`,
    ),
    env: { APT_CONFIG: await config(true) },
  };
  const first = compare(compile, generate, runs);
  show(first, '≤ 1.5');
  const peak = (...args: string[]): number => {
    const timed = spawnSync(
      '/usr/bin/time',
      ['-f', '%M', process.execPath, BIN, 'resolve', '--architecture', 'amd64', ...args],
      { encoding: 'utf8', maxBuffer: OUTPUT.maxBuffer },
    );
    return Number(timed.stderr?.trim().split('\n').at(-1)) / 1024;
  };
  await rm(join(folder, 'cache'), { recursive: true });
  const memory = {
    compile: peak('--packages', bookworm.packages, 'install', 'hello'),
    gnome: peak('--packages', bookworm.packages, 'install', 'gnome'),
    'check-all': peak('--packages', bookworm.packages, 'check-all'),
  };
  for (const [what, mebibytes] of Object.entries(memory))
    say(`peak memory, ${what}: ${mebibytes.toFixed(0)} MiB (must be ≤ 300)`);
  results['times'] = {
    lines: lines.map(([line]) => line),
    first,
    memory,
  };
}

try {
  const bookworm = await suite('bookworm');
  const judged = parts.length !== 1 || !parts.includes('times');
  const dose = judged ? (await tools(['dose-distcheck'])).path('dose-debcheck') : '';
  if (wanted('check-all')) await checkAll(bookworm, dose);
  if (wanted('pairs')) await pairs(bookworm, dose);
  if (wanted('foreign')) await foreign(await suite('bookworm', 'i386'), dose);
  if (wanted('singles')) await singles(bookworm, dose);
  if (wanted('autoremove')) await autoremove(bookworm);
  if (wanted('upgrade')) await upgrade(bookworm, await suite('trixie'), dose);
  if (wanted('times')) await times(bookworm);
  say(JSON.stringify({ bench: 'resolver', node: process.version, ...results }));
} finally {
  await rm(folder, { recursive: true, force: true });
}

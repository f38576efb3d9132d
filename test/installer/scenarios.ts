/** Three packages with conffiles, installed, upgraded, removed, rolled back: what the kill and fault tests run. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { readStatus, type TransactionStep } from '../../installer/index.js';
import { backSteps, backTransaction, wishesOfRollback } from '../../installer/rollback.js';
import * as h from './helpers.js';

const conffile = (version: string): string => `setting = ${version}\n`;

/** The three packages, in version 1 or 2. */
export function specs(version: string): h.PackageSpec[] {
  const next = version === '2';
  return [
    {
      name: 'aa',
      version,
      files: {
        'etc/aa.conf': conffile(version),
        'usr/bin/aa': { content: `aa ${version}`, mode: 0o755 },
        'usr/bin/aa-link': { type: 'l', link: next ? 'aa' : './aa' },
        ...(next
          ? { 'usr/share/aa-new/deep/file': 'new tree' }
          : { 'usr/share/aa-old/deep/file': 'old tree' }),
      },
      conffiles: ['etc/aa.conf'],
      scripts: { postinst: `echo ${version}` },
    },
    {
      name: 'bb',
      version,
      files: {
        'etc/bb/bb.conf': conffile(version),
        'usr/lib/bb.so': `lib ${version}`,
        'usr/lib/hard': { type: 'h', link: 'usr/lib/bb.so' },
        ...(next ? { 'usr/share/turn': 'file now' } : { 'usr/share/turn/inside': 'directory still' }),
      },
      conffiles: ['etc/bb/bb.conf'],
    },
    {
      name: 'cc',
      version,
      files: {
        'etc/cc.conf': conffile(version),
        ...(next ? { 'usr/share/other/x': 'directory now' } : { 'usr/share/other': 'file still' }),
      },
      conffiles: ['etc/cc.conf'],
    },
  ];
}

export const SCENARIOS = ['install', 'upgrade', 'remove', 'rollback'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** The transaction of a scenario. @param dir - a root that prepare() made, and that nothing is half done in */
export function stepsOf(scenario: Scenario, dir: string): TransactionStep[] {
  if (scenario === 'remove') return [h.remove('aa'), h.remove('bb', true), h.remove('cc')];
  if (scenario === 'rollback') return wayBack(dir);
  return specs(scenario === 'install' ? '1' : '2').map((spec) => h.install(spec));
}

// To the state after the first versions were installed; since then they were upgraded, one is held, and one is gone.
function wayBack(dir: string): TransactionStep[] {
  const status = readStatus(dir);
  const steps = backSteps(status, wishesOfRollback(dir, status, 2), { clean: new Set(), has: () => false });
  return backTransaction(steps, ({ name }) => {
    const spec = specs('1').find((one) => one.name === name);
    if (spec === undefined) throw new Error(`${name} was not there`);
    return { release: h.release(spec), source: 'test', suite: 'stable' };
  });
}

function edit(dir: string, path: string): void {
  h.write(dir, path, 'edited by the user\n');
  fs.utimesSync(join(dir, path), 1_700_000_000, 1_700_000_000);
}

/** The root as it is before the scenario. */
export async function prepare(dir: string, scenario: Scenario): Promise<void> {
  await h.run(dir, [h.install({ name: 'base', files: { 'usr/share/base': '0', 'etc/base': '0' } })]);
  if (scenario === 'install') return;
  await h.run(dir, stepsOf('install', dir));
  edit(dir, 'etc/aa.conf');
  edit(dir, 'etc/bb/bb.conf');
  if (scenario !== 'rollback') return;
  await h.run(dir, stepsOf('upgrade', dir));
  await h.run(dir, [h.remove('bb'), { kind: 'mark', name: 'cc', held: true }]);
}

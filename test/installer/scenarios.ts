/** Three packages with conffiles, installed, upgraded, removed: what the kill and fault tests run. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { TransactionStep } from '../../installer/index.js';
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

export const SCENARIOS = ['install', 'upgrade', 'remove'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** The transaction of a scenario. */
export function stepsOf(scenario: Scenario): TransactionStep[] {
  if (scenario === 'remove') return [h.remove('aa'), h.remove('bb', true), h.remove('cc')];
  return specs(scenario === 'install' ? '1' : '2').map((spec) => h.install(spec));
}

function edit(dir: string, path: string): void {
  h.write(dir, path, 'edited by the user\n');
  fs.utimesSync(join(dir, path), 1_700_000_000, 1_700_000_000);
}

/** The root as it is before the scenario. */
export async function prepare(dir: string, scenario: Scenario): Promise<void> {
  await h.run(dir, [h.install({ name: 'base', files: { 'usr/share/base': '0', 'etc/base': '0' } })]);
  if (scenario === 'install') return;
  await h.run(dir, stepsOf('install'));
  edit(dir, 'etc/aa.conf');
  edit(dir, 'etc/bb/bb.conf');
}

/** A release as package show and package verify print it. */
import { printable } from '../../model/index.js';
import type { ReleaseDetails } from '../workflows/packages.js';
import { count, facts, size } from './table.js';

export function renderRelease(release: ReleaseDetails): string {
  const head = facts([
    ['Repository', release.repository],
    ['Commit', release.commit],
    ['Tag', release.tag ?? 'not signed yet'],
    ['Signed by', release.signer ?? undefined],
    ['Tree SHA-256', release.tree ?? undefined],
    ['Paths', `${release.paths} (${size(release.installedBytes)})`],
    ['Conffiles', release.conffiles.join(' ')],
    ['Conffiles taken away', release.goneConffiles.join(' ')],
    ['Scripts', release.scripts.map((script) => script.name).join(' ')],
    [
      'Checked',
      release.verified === null ? undefined : `signature, manifest and ${count(release.paths, 'path')}`,
    ],
  ]);
  const scripts = release.scripts
    .map((script) => `\n--- ${script.name}\n${script.text.trimEnd()}`)
    .join('\n');
  return `${printable(release.control.trimEnd())}\n\n${head}\n${printable(scripts)}`;
}

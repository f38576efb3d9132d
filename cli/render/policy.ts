/** What policy and pin print. */
import { pinLabel, type Pinned } from '../workflows/pins.js';
import type { PackagePolicy, PolicyReport } from '../workflows/policy.js';
import { out } from './colors.js';
import { oneLine, table } from './table.js';

function renderPackage({ name, installed, held, candidate, rows }: PackagePolicy): string {
  return [
    out.bold(`${name}:`),
    `  installed: ${installed ?? 'no'}${held ? ' (held)' : ''}`,
    `  candidate: ${candidate ?? 'none'}`,
    ...(rows.length === 0
      ? ['  No source offers it.']
      : table(
          ['VERSION', 'SOURCE', 'SUITE', 'PRIORITY', 'PIN', ''],
          rows.map((row) => [
            row.version,
            row.source,
            row.suite,
            String(row.priority),
            row.pin ?? '',
            row.installed ? 'installed' : '',
          ]),
        )
          .split('\n')
          .map((line) => `  ${line}`.trimEnd())),
  ].join('\n');
}

export function renderPolicy({ pins, sources, packages }: PolicyReport): string {
  if (packages.length > 0) return packages.map(renderPackage).join('\n\n');
  return [
    sources.length === 0
      ? 'There are no sources.'
      : table(
          ['SOURCE', 'PACKAGES'],
          sources.map((each) => [each.source, String(each.packages)]),
        ),
    pins.length === 0
      ? 'No pins: of all releases that are offered, the highest version is preferred.'
      : table(
          ['PIN', 'PRIORITY'],
          pins.map((each) => [each.pin, String(each.priority)]),
        ),
  ].join('\n\n');
}

export function renderPinned({ dryRun, pins, added, removed }: Pinned): string {
  if (added.length + removed.length === 0)
    return pins.length === 0
      ? 'No pins.'
      : table(
          ['PIN', 'PRIORITY'],
          pins.map((each) => [pinLabel(each), String(each.priority)]),
        );
  const would = dryRun ? 'would be' : 'is';
  return [
    ...added.map((pin) => `${pinLabel(pin)} ${would} pinned with priority ${pin.priority}.`),
    ...removed.map((pin) => `${pinLabel(pin)} ${would} pinned no more.`),
  ]
    .map(oneLine)
    .join('\n');
}

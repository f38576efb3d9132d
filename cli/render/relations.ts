/** What depends and rdepends print. */
import type { Dependencies, ReverseDependency } from '../workflows/reasons.js';
import { out } from './colors.js';
import { oneLine, table } from './table.js';

/** Satisfiers shown on a line. */
const MAX_SHOWN = 5;

export function renderDependencies({ name, version, source, dependencies }: Dependencies): string {
  const head = `${name} ${version}${source === '' ? '' : ` (${source})`}`;
  if (dependencies.length === 0) return `${oneLine(head)} needs nothing, and excludes nothing.`;
  return [
    out.bold(oneLine(head)),
    ...dependencies.map(({ field, relation, by }) => {
      const plain = by.length === 1 && by[0]?.name === relation.split(' ')[0];
      const excludes =
        field === 'Conflicts' || field === 'Breaks' || field === 'Replaces' || field === 'Provides';
      const shown = by
        .slice(0, MAX_SHOWN)
        .map((each) => `${each.name}${each.installed ? ' (installed)' : ''}`)
        .join(', ');
      const more = by.length > MAX_SHOWN ? ` and ${by.length - MAX_SHOWN} more` : '';
      const what =
        by.length === 0
          ? excludes
            ? ''
            : 'nothing offered does'
          : plain
            ? by[0]?.installed === true
              ? 'installed'
              : ''
            : `${shown}${more}`;
      return oneLine(`  ${field}: ${relation}${what === '' ? '' : `  ← ${what}`}`);
    }),
  ].join('\n');
}

export function renderDependents(found: {
  readonly name: string;
  readonly dependents: readonly ReverseDependency[];
}): string {
  if (found.dependents.length === 0) return `No package names ${found.name}.`;
  const some = found.dependents.some(({ installed }) => installed);
  return table(
    ['PACKAGE', 'VERSION', 'SOURCE', ...(some ? ['STATE'] : []), 'FIELD', 'RELATION'],
    found.dependents.map(({ name, version, source, field, relation, installed }) => [
      name,
      version,
      source,
      ...(some ? [installed ? 'installed' : ''] : []),
      field,
      relation,
    ]),
  );
}

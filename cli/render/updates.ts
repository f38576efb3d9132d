/** What update and source add print: one line a source. */
import { printable } from '../../model/bytes.js';
import type { SourceUpdate } from '../workflows/sync-source.js';
import type { SourceSummary } from '../workflows/trusted-source.js';
import { count } from './table.js';

function line(update: SourceUpdate): string {
  const { name, sequence, previous, packages } = update;
  if (update.error !== null)
    return sequence === null
      ? `${name}: its index is not here yet (${update.error.code}); gtpkg update ${name} fetches it.`
      : `${name}: not updated (${update.error.code}), still at sequence ${sequence}`;
  if (!update.changed) return `${name}: up to date at sequence ${sequence}, ${count(packages, 'package')}`;
  const from = previous === null ? '' : ` (was ${previous})`;
  return `${name}: sequence ${sequence}${from}, ${count(packages, 'package')}`;
}

export function renderUpdates(updates: readonly SourceUpdate[]): string {
  return printable(updates.map(line).join('\n'));
}

/** @param update - null: a dry run */
export function renderAdded(source: SourceSummary, update: SourceUpdate | null): string {
  const { name, roots, threshold, indexCore } = source;
  const through = `${roots.join(', ')}${threshold > 1 ? ` (${threshold} of them)` : ''}`;
  if (update === null)
    return `Would add the source ${name === '' ? 'under its own name' : name}: index core ${indexCore}, trusted through ${through}.`;
  return printable(`Added the source ${name}, trusted through ${through}.\n${line(update)}`);
}

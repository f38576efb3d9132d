/** What update and source add print: one line a source. */
import type { SourceUpdate } from '../workflows/sync-source.js';
import { count } from './table.js';

export function renderUpdates(updates: readonly SourceUpdate[]): string {
  return updates
    .map((update) => {
      if (update.error !== null) return `${update.name}: not updated (${update.error.code})`;
      if (!update.changed)
        return `${update.name}: up to date at sequence ${update.sequence}, ${count(update.packages, 'package')}`;
      const from = update.previous === null ? '' : ` (was ${update.previous})`;
      return `${update.name}: sequence ${update.sequence}${from}, ${count(update.packages, 'package')}`;
    })
    .join('\n');
}

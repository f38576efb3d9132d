/** What index create and index fork print: the introduction, and nothing else. */
import type { IndexSummary } from '../workflows/indexes.js';
import { pendingNote } from './pending.js';
import { count } from './table.js';

export function renderNewIndex(index: IndexSummary): string {
  const { name, introduction, suites, roots, threshold, sequence } = index;
  if (introduction !== null && index.pending.length > 0)
    return [introduction, ...pendingNote(name, index.pending)].join('\n');
  return (
    introduction ??
    `Would make the index ${name} at sequence ${sequence}, with the ${suites.length === 1 ? 'suite' : 'suites'} ${suites.join(', ')}; ${threshold} of ${count(roots.length, 'root key')} must sign: ${roots.join(', ')}.`
  );
}

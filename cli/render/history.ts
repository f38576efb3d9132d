/** What history prints, newest first. */
import pc from 'picocolors';
import { printable } from '../../model/index.js';
import type { HistoryEntry } from '../workflows/root.js';

export function renderHistory(transactions: readonly HistoryEntry[]): string {
  if (transactions.length === 0) return 'Nothing has been done to this root yet.';
  return transactions
    .map((entry) => {
      const changes = entry.changes.map((each) => {
        if (each.from === null) return `    + ${each.name} ${each.to ?? ''}`;
        return each.to === null
          ? `    - ${each.name} ${each.from}`
          : `    ~ ${each.name} ${each.from} → ${each.to}`;
      });
      return [
        `${pc.yellow(String(entry.id))}  ${entry.date}  ${printable(entry.command)}`,
        ...changes.map(printable),
      ].join('\n');
    })
    .join('\n');
}

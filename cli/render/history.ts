/** What history prints, newest first. */
import { oneLine } from './table.js';
import { out } from './colors.js';
import { time } from './time.js';
import type { HistoryEntry } from '../workflows/root.js';

function change({ name, from, to, marks }: HistoryEntry['changes'][number]): string {
  if (marks.length > 0) return `= ${name} ${to ?? from ?? ''}  ${marks.join(', ')}`;
  if (from === null) return `+ ${name} ${to ?? ''}`;
  return to === null ? `- ${name} ${from}` : `~ ${name} ${from} → ${to}`;
}

export function renderHistory(transactions: readonly HistoryEntry[]): string {
  if (transactions.length === 0) return 'Nothing has been done to this root yet.';
  return transactions
    .map(({ id, date, command, changes }) =>
      [
        `${out.yellow(String(id))}  ${time(date)}  ${oneLine(command)}`,
        ...changes.map((each) => `    ${oneLine(change(each))}`),
      ].join('\n'),
    )
    .join('\n');
}

/** What history prints: a table, newest first; or one transaction with all that is known of it. */
import type { HistoryDetails, HistoryEntry, HistoryList } from '../workflows/history.js';
import { marksSet } from '../workflows/history.js';
import { facts, oneLine, table, terminalWidth } from './table.js';
import { time } from './time.js';

type Change = HistoryEntry['changes'][number];

const WORDS: readonly (readonly [string, (change: Change) => boolean])[] = [
  ['installed', ({ action }) => action === 'install'],
  ['upgraded', ({ action }) => action === 'upgrade'],
  ['downgraded', ({ action }) => action === 'downgrade'],
  ['reinstalled', ({ action }) => action === 'reinstall'],
  ['removed', ({ action }) => action === 'remove'],
  ['purged', ({ action }) => action === 'purge'],
  ['marked', ({ action }) => action === 'mark'],
];

// `tool upgraded`, `2 installed, 1 removed`
function summary({ changes, result }: HistoryEntry): string {
  const [only] = changes;
  const kinds = WORDS.flatMap(([word, is]) => {
    const n = changes.filter(is).length;
    if (n === 0) return [];
    return changes.length === 1 ? `${only?.name ?? ''} ${only?.marks.join(', ') || word}` : `${n} ${word}`;
  });
  // a repair: no package is another one than before
  if (changes.length === 0) kinds.push('files put back');
  return [...kinds, ...(result === 'recovered' ? ['finished after a kill'] : [])].join(', ');
}

const who = ({ user, sudoUser }: { readonly user: string; readonly sudoUser?: string | null }): string =>
  sudoUser === null || sudoUser === undefined || sudoUser === user ? user : `${sudoUser} (as ${user})`;

/** @param total - columns of the terminal */
export function renderHistory({ transactions, undone }: HistoryList, total = terminalWidth()): string {
  if (transactions.length + undone.length === 0) return 'Nothing has been done to this root yet.';
  const rows = [
    ...transactions.map((each) => ({
      date: each.date,
      row: [String(each.id), time(each.date), who(each), summary(each), oneLine(each.command)],
    })),
    ...undone.map((each) => ({
      date: each.date,
      row: [
        '-',
        time(each.date),
        who(each),
        `taken back: ${each.why || 'it was killed'}`,
        oneLine(each.command),
      ],
    })),
  ];
  return table(
    ['ID', 'DATE', 'USER', 'CHANGES', 'COMMAND'],
    rows.sort((a, b) => (a.date < b.date ? 1 : a.date > b.date ? -1 : 0)).map(({ row }) => row),
    total,
  );
}

function detail({ name, action, from, to }: HistoryDetails['changes'][number]): string {
  const after = to?.state === 'installed' ? to : null;
  const marks = marksSet(from, to).join(', ');
  const pin = after ?? from;
  const origin = pin === null ? '' : `  ${pin.architecture}  ${pin.source}/${pin.suite}  ${pin.core}`;
  const tail = action !== 'mark' && after?.auto === true ? '  automatic' : '';
  if (action === 'mark') return `= ${name} ${pin?.version ?? ''}  ${marks}`;
  if (after === null)
    return `- ${name} ${from?.version ?? ''}${action === 'purge' ? '  purged' : ''}${origin}`;
  if (from?.state !== 'installed') return `+ ${name} ${after.version}${origin}${tail}`;
  return `~ ${name} ${from.version} → ${after.version}${origin}${marks === '' ? '' : `  ${marks}`}`;
}

/** One transaction. */
export function renderTransaction(entry: HistoryDetails): string {
  const { id, date, purpose, command, result, changes, indexCommits, notes } = entry;
  const commits = Object.entries(indexCommits).map(([source, commit]) => `${source} ${commit.slice(0, 12)}`);
  return [
    facts([
      ['Transaction', String(id)],
      ['Date', time(date)],
      ['User', who(entry)],
      ['Command', command],
      ['Purpose', purpose.kind === 'change' ? undefined : `${purpose.kind} of ${purpose.of}`],
      ['Result', result === 'recovered' ? 'done; finished after a kill' : 'done'],
      ['Index', commits.join(', ')],
      ...notes.map((note): [string, string] => ['Note', note]),
    ]),
    ...changes.map((change) => oneLine(detail(change))),
  ].join('\n');
}

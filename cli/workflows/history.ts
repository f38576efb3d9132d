/** What was done to a root: the list, and all that is known of one transaction. */
import type { HistoryEntry as Recorded, HistoryPin, Purpose } from '../../installer/history.js';
import type { Context } from '../context.js';

/** One transaction of the past. */
export interface HistoryEntry {
  readonly id: number;
  /** ISO 8601, UTC */
  readonly date: string;
  readonly user: string;
  readonly sudoUser: string | null;
  readonly command: string;
  readonly purpose: Purpose;
  /** `recovered`: it was killed when all was in place, and finished later */
  readonly result: 'done' | 'recovered';
  readonly changes: readonly {
    readonly name: string;
    readonly action: string;
    readonly from: string | null;
    readonly to: string | null;
    /** of a mark: what was set; one of held, free, automatic, manual, or both of two */
    readonly marks: readonly string[];
  }[];
}

/** A transaction that was taken back: nothing of it is in the root. */
export interface TakenBack {
  readonly date: string;
  readonly user: string;
  readonly command: string;
  /** '' when it was killed */
  readonly why: string;
}

/** Newest first, both. */
export interface HistoryList {
  readonly transactions: readonly HistoryEntry[];
  readonly undone: readonly TakenBack[];
}

/** All that is known of one transaction. */
export type HistoryDetails = Recorded & { readonly result: HistoryEntry['result'] };

/** What a change set of marks, in the words of the command line. */
export function marksSet(from: HistoryPin | null, to: HistoryPin | null): string[] {
  if (from === null || to === null) return [];
  return [
    ...(from.held === to.held ? [] : [to.held ? 'held' : 'free']),
    ...(from.auto === to.auto ? [] : [to.auto ? 'automatic' : 'manual']),
  ];
}

/** Nothing where there is no root. @throws GtpkgError STATUS_CORRUPT */
export async function historyOf(context: Context): Promise<HistoryList> {
  const { readHistory, readOutcomes } = await import('../../installer/index.js');
  const { root } = context.settings;
  const outcomes = readOutcomes(root);
  const recovered = idsOfRecovered(outcomes);
  const transactions = readHistory(root).map(({ id, date, user, sudoUser, command, purpose, changes }) => ({
    id,
    date,
    user,
    sudoUser,
    command,
    purpose,
    result: recovered.has(id) ? ('recovered' as const) : ('done' as const),
    changes: changes.map(({ name, action, from, to }) => ({
      name,
      action,
      from: from?.version ?? null,
      to: to?.state === 'installed' ? to.version : null,
      marks: action === 'mark' ? marksSet(from, to) : [],
    })),
  }));
  const undone = outcomes.flatMap(({ result, date, user, command, why }) =>
    result === 'undone' ? { date, user, command, why } : [],
  );
  return { transactions: transactions.reverse(), undone: undone.reverse() };
}

/** @throws GtpkgError HISTORY_NOT_FOUND, STATUS_CORRUPT */
export async function historyDetails(context: Context, id: number): Promise<HistoryDetails> {
  const { readHistoryEntry, readOutcomes } = await import('../../installer/index.js');
  const { root } = context.settings;
  const entry = readHistoryEntry(root, id);
  return { ...entry, result: idsOfRecovered(readOutcomes(root)).has(id) ? 'recovered' : 'done' };
}

function idsOfRecovered(outcomes: readonly { readonly id: number; readonly result: string }[]): Set<number> {
  return new Set(outcomes.flatMap(({ id, result }) => (result === 'recovered' ? id : [])));
}

import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderHistory, renderTransaction } from '../render/history.js';
import { transactionNumber } from '../transaction-number.js';
import { historyDetails, historyOf, type HistoryDetails, type HistoryList } from '../workflows/history.js';

export default class History extends GtpkgCommand<typeof History, HistoryList | HistoryDetails> {
  static override usage = 'history [ID]';
  static override summary = 'List what was done to the root, or show one transaction.';
  static override description = `Who, when, by which command, what changed: + installed, - removed, ~ changed, = marked. Times are local.
gtpkg rollback ID goes back to the state after a transaction, gtpkg history undo ID takes one back.`;
  static override examples = [
    '<%= config.bin %> history',
    '<%= config.bin %> history 7',
    '<%= config.bin %> history undo 7',
    '<%= config.bin %> history --json',
  ];
  static override args = { id: Flags.word({ description: 'number of a transaction, to see all of it' }) };

  protected async work({ context, args }: Call<typeof History>): Promise<HistoryList | HistoryDetails> {
    const id = transactionNumber(args.id);
    return id === undefined ? historyOf(context) : historyDetails(context, id);
  }

  protected render(data: HistoryList | HistoryDetails): string {
    return 'transactions' in data ? renderHistory(data) : renderTransaction(data);
  }
}

import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderTransaction } from '../../render/history.js';
import { transactionNumber } from '../../transaction-number.js';
import { historyDetails, type HistoryDetails } from '../../workflows/history.js';

export default class Show extends GtpkgCommand<typeof Show, HistoryDetails> {
  static override usage = 'history show ID';
  static override summary = 'Show one transaction with every release of it.';
  static override examples = ['<%= config.bin %> history show 7', '<%= config.bin %> history show 7 --json'];
  static override args = { id: Flags.word({ description: 'number of a transaction', required: true }) };

  protected async work({ context, args }: Call<typeof Show>): Promise<HistoryDetails> {
    return historyDetails(context, transactionNumber(args.id) ?? 0);
  }

  protected render(transaction: HistoryDetails): string {
    return renderTransaction(transaction);
  }
}

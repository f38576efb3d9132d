import { GtpkgCommand, type Call } from '../command.js';
import { renderHistory } from '../render/history.js';
import { historyOf, type HistoryEntry } from '../workflows/root.js';

export default class History extends GtpkgCommand<typeof History, { transactions: HistoryEntry[] }> {
  static override usage = 'history';
  static override summary = 'List what was done to the root.';
  static override description =
    'When, by which command, which packages: + installed, - removed, ~ changed, = marked. Times are local.';
  static override examples = ['<%= config.bin %> history', '<%= config.bin %> history --json'];

  protected async work({ context }: Call<typeof History>): Promise<{ transactions: HistoryEntry[] }> {
    return { transactions: await historyOf(context) };
  }

  protected render({ transactions }: { transactions: HistoryEntry[] }): string {
    return renderHistory(transactions);
  }
}

import { backArgs, backFlags, backOptions } from '../../back-flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderBack } from '../../render/rollback.js';
import { transactionNumber } from '../../transaction-number.js';
import { goBack } from '../../workflows/rollback.js';
import type { WayBack } from '../../workflows/way-back.js';

export default class Undo extends GtpkgCommand<typeof Undo, WayBack> {
  static override usage = 'history undo [ID] [--purge] [--no-scripts] [--dry-run]';
  static override summary = 'Take back what one transaction did, and leave what came after it.';
  static override description = `What it installed goes, what it removed comes back, what it moved to another version goes back; without ID it is the last transaction.
Where a later transaction stands upon it, that is said and nothing is changed.`;
  static override examples = ['<%= config.bin %> history undo', '<%= config.bin %> history undo 7 --dry-run'];
  static override args = backArgs;
  static override flags = backFlags;

  protected async work({ context, flags, args }: Call<typeof Undo>): Promise<WayBack> {
    const request = { kind: 'undo' as const, id: transactionNumber(args.id) };
    return goBack(context, request, backOptions(flags, context.settings));
  }

  protected render(way: WayBack): string {
    return renderBack(way);
  }
}

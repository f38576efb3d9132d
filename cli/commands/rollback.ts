import { backArgs, backFlags, backOptions } from '../back-flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderBack } from '../render/rollback.js';
import { transactionNumber } from '../transaction-number.js';
import { goBack } from '../workflows/rollback.js';
import type { WayBack } from '../workflows/way-back.js';

export default class Rollback extends GtpkgCommand<typeof Rollback, WayBack> {
  static override usage = 'rollback [ID] [--purge] [--no-scripts] [--dry-run]';
  static override summary = 'Bring the root back to the state after a transaction.';
  static override description = `Packages, versions, marks and holds as they were after transaction ID; without ID, as before the last one; 0 is the empty root.
Works without a network while the releases are held. What you changed in conffiles stays. The way back is a transaction itself, and can be rolled back.`;
  static override examples = [
    '<%= config.bin %> rollback',
    '<%= config.bin %> rollback 7 --dry-run',
    '<%= config.bin %> rollback 0',
  ];
  static override args = backArgs;
  static override flags = backFlags;

  protected async work({ context, flags, args }: Call<typeof Rollback>): Promise<WayBack> {
    const request = { kind: 'rollback' as const, id: transactionNumber(args.id) };
    return goBack(context, request, backOptions(flags, context.settings));
  }

  protected render(way: WayBack): string {
    return renderBack(way);
  }
}

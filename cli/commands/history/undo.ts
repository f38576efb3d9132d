import { conffileFlags, conffileChoice, scriptFlags, scriptPolicy } from '../../change-flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import * as Flags from '../../flags.js';
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
  static override args = { id: Flags.word({ description: 'number of a transaction, from gtpkg history' }) };
  static override flags = {
    purge: Flags.boolean({
      description: 'of packages that go, take along conffiles that you changed and what their programs made',
    }),
    'no-deltas': Flags.boolean({
      description: 'fetch whole releases, not what changed since the installed ones',
    }),
    ...scriptFlags,
    ...conffileFlags,
    'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
  };

  protected async work({ context, flags, args }: Call<typeof Undo>): Promise<WayBack> {
    return goBack(
      context,
      { kind: 'undo', id: transactionNumber(args.id) },
      {
        dryRun: flags['dry-run'],
        purge: flags.purge,
        deltas: !flags['no-deltas'],
        scripts: scriptPolicy(flags),
        conffiles: conffileChoice(flags, context.settings),
      },
    );
  }

  protected render(way: WayBack): string {
    return renderBack(way);
  }
}

import { conffileFlags, conffileChoice, scriptFlags, scriptPolicy } from '../change-flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import * as Flags from '../flags.js';
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

  protected async work({ context, flags, args }: Call<typeof Rollback>): Promise<WayBack> {
    return goBack(
      context,
      { kind: 'rollback', id: transactionNumber(args.id) },
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

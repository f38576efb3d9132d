import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { scriptFlags, scriptPolicy } from '../change-flags.js';
import { renderChange } from '../render/plan.js';
import { changeRoot, type Change } from '../workflows/change.js';

export default class Autoremove extends GtpkgCommand<typeof Autoremove, Change> {
  static override usage = 'autoremove [--purge] [--no-scripts] [--dry-run]';
  static override summary = 'Remove dependencies that nothing needs any more.';
  static override description = `Marks made by gtpkg mark decide what counts as asked for.`;
  static override examples = ['<%= config.bin %> autoremove', '<%= config.bin %> autoremove --dry-run'];
  static override flags = {
    purge: Flags.boolean({ description: 'remove conffiles too' }),
    ...scriptFlags,
    'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
  };

  protected async work({ context, flags }: Call<typeof Autoremove>): Promise<Change> {
    return changeRoot(
      context,
      { kind: 'autoremove', purge: flags.purge },
      {
        dryRun: flags['dry-run'],
        scripts: scriptPolicy(flags),
      },
    );
  }

  protected render(change: Change): string {
    return renderChange(change);
  }
}

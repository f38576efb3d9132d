import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { scriptFlags, scriptPolicy } from '../change-flags.js';
import { renderChange } from '../render/plan.js';
import { changeRoot, type Change } from '../workflows/change.js';

export default class Remove extends GtpkgCommand<typeof Remove, Change> {
  static override usage = 'remove PKG... [--purge] [--no-scripts] [--dry-run]';
  static override summary = 'Remove packages, and those that cannot be without them.';
  static override description = `Conffiles stay unless --purge is given. So do packages that came as dependencies: gtpkg autoremove takes those that nothing needs any more. gtpkg rollback brings back what was removed.`;
  static override examples = [
    '<%= config.bin %> remove hello',
    '<%= config.bin %> remove hello --dry-run',
    '<%= config.bin %> remove --purge hello',
  ];
  static override strict = false;
  static override flags = {
    purge: Flags.boolean({ description: 'remove conffiles too' }),
    ...scriptFlags,
    'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
  };

  protected async work({ context, flags, words }: Call<typeof Remove>): Promise<Change> {
    return changeRoot(
      context,
      { kind: 'remove', words, purge: flags.purge },
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

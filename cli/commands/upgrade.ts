import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { conffileChoice, conffileFlags, scriptFlags, scriptPolicy } from '../change-flags.js';
import { renderChange } from '../render/plan.js';
import { changeRoot, type Change } from '../workflows/change.js';

export default class Upgrade extends GtpkgCommand<typeof Upgrade, Change> {
  static override usage = 'upgrade [PKG...] [--full] [--no-deps] [--no-scripts] [--dry-run]';
  static override summary = 'Bring installed packages to their newest versions.';
  static override description = `To what gtpkg update fetched last. Adds nothing and removes nothing unless --full is given; what would need that is listed as held back. gtpkg install PKG=VERSION takes one version, also an older one; gtpkg hold PKG keeps what is installed.`;
  static override examples = [
    '<%= config.bin %> upgrade',
    '<%= config.bin %> upgrade hello',
    '<%= config.bin %> upgrade --full --dry-run',
  ];
  static override strict = false;
  static override flags = {
    full: Flags.boolean({ description: 'add and remove packages where an upgrade needs it' }),
    'no-recommends': Flags.boolean({ description: 'leave recommended packages out' }),
    'no-deps': Flags.boolean({ description: 'take only the named packages, whatever they depend on' }),
    'no-deltas': Flags.boolean({
      description: 'fetch whole releases, not what changed since the installed ones',
    }),
    ...scriptFlags,
    ...conffileFlags,
    'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
  };

  protected async work({ context, flags, words }: Call<typeof Upgrade>): Promise<Change> {
    return changeRoot(
      context,
      {
        kind: 'upgrade',
        words,
        full: flags.full,
        recommends: !flags['no-recommends'],
        dependencies: !flags['no-deps'],
      },
      {
        dryRun: flags['dry-run'],
        deltas: !flags['no-deltas'],
        scripts: scriptPolicy(flags),
        conffiles: conffileChoice(flags, context.settings),
      },
    );
  }

  protected render(change: Change): string {
    return renderChange(change);
  }
}

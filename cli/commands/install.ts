import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { conffileChoice, conffileFlags, scriptFlags, scriptPolicy } from '../change-flags.js';
import { renderChange } from '../render/plan.js';
import { changeRoot, type Change } from '../workflows/change.js';

export default class Install extends GtpkgCommand<typeof Install, Change> {
  static override usage =
    'install PKG[=VERSION][/SUITE][@SOURCE]... [--no-recommends] [--no-deps] [--no-scripts] [--dry-run]';
  static override summary = 'Install packages and what they depend on.';
  static override description =
    'Every byte is checked against the signed index before anything is placed in the root. It comes from whatever peers hold it. PKG=VERSION asks for one version, PKG/SUITE for one suite, PKG@SOURCE for one source. A package that is installed already goes to the newest version, or to the one asked for; gtpkg rollback takes back the whole transaction.';
  static override examples = [
    '<%= config.bin %> install hello',
    '<%= config.bin %> install hello=2.10-3 --root ./here',
    '<%= config.bin %> install hello@acme',
    '<%= config.bin %> install vim --no-recommends --dry-run',
  ];
  static override strict = false;
  static override flags = {
    'no-recommends': Flags.boolean({ description: 'leave recommended packages out' }),
    'no-deps': Flags.boolean({ description: 'take only the named packages, whatever they depend on' }),
    'no-deltas': Flags.boolean({
      description: 'fetch whole releases, not what changed since the installed ones',
    }),
    ...scriptFlags,
    ...conffileFlags,
    'dry-run': Flags.boolean({ description: 'show the plan, change nothing' }),
  };

  protected async work({ context, flags, words }: Call<typeof Install>): Promise<Change> {
    return changeRoot(
      context,
      { kind: 'install', words, recommends: !flags['no-recommends'], dependencies: !flags['no-deps'] },
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

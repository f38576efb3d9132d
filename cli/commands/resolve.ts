import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderResolved } from '../render/resolved.js';
import { resolveFiles, type Checked, type ResolvedPlan } from '../workflows/resolve.js';

export default class Resolve extends GtpkgCommand<typeof Resolve, ResolvedPlan | Checked> {
  static override usage =
    'resolve --packages FILE... [--status FILE] install PKG...|upgrade [--full]|remove PKG...|check-all';
  static override summary = 'What would be done, on plain Debian Packages and status files.';
  static override description =
    'Needs no store, no source and no network: to see how gtpkg would decide about a distribution. One line a step, in order: name, version, architecture, action. check-all lists every package that nothing makes installable, with the reason. A Packages file (plain or gzip) is compiled once and kept in the cache directory of the user.';
  static override examples = [
    '<%= config.bin %> resolve --packages Packages install gnome',
    '<%= config.bin %> resolve --packages Packages --status /var/lib/dpkg/status --extended-states /var/lib/apt/extended_states upgrade --full',
    '<%= config.bin %> resolve --packages main/Packages --packages security/Packages check-all --json',
  ];
  static override strict = false;
  static override flags = {
    packages: Flags.string({
      description: 'a Packages file (repeatable)',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
    status: Flags.string({ description: 'what is installed, as dpkg writes it', helpValue: 'FILE' }),
    'extended-states': Flags.string({
      description: 'which of it came as a dependency, as apt writes it',
      helpValue: 'FILE',
    }),
    architecture: Flags.string({ description: 'instead of this machine’s', helpValue: 'ARCH' }),
    'no-recommends': Flags.boolean({ description: 'leave recommended packages out' }),
    full: Flags.boolean({ description: 'upgrade: may add and remove packages' }),
    purge: Flags.boolean({ description: 'remove: conffiles too' }),
  };

  protected async work({ context, flags, words }: Call<typeof Resolve>): Promise<ResolvedPlan | Checked> {
    return resolveFiles({
      packages: flags.packages,
      status: flags.status,
      extendedStates: flags['extended-states'],
      architecture: flags.architecture ?? context.architecture,
      recommends: !flags['no-recommends'],
      full: flags.full,
      purge: flags.purge,
      words,
    });
  }

  protected render(answer: ResolvedPlan | Checked): string {
    return renderResolved(answer);
  }
}

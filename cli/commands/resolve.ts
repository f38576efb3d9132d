import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderResolved } from '../render/resolved.js';
import { GtpkgError } from '../../model/errors.js';
import type { ChangeRequest } from '../workflows/decide.js';
import { resolveFiles, type Checked, type ResolvedPlan } from '../workflows/resolve.js';

function changeFrom(
  [action = '', ...words]: readonly string[],
  flags: { readonly 'no-recommends': boolean; readonly full: boolean; readonly purge: boolean },
): ChangeRequest {
  const { full, purge } = flags;
  const recommends = !flags['no-recommends'];
  switch (action) {
    case 'install':
      return { kind: 'install', words, recommends, dependencies: true };
    case 'upgrade':
      return { kind: 'upgrade', words, full, recommends, dependencies: true };
    case 'remove':
      return { kind: 'remove', words, purge };
    case 'autoremove':
      return { kind: 'autoremove', purge };
    default:
      throw new GtpkgError('USAGE', 'say what to do: install, upgrade, remove or autoremove');
  }
}

export default class Resolve extends GtpkgCommand<typeof Resolve, ResolvedPlan | Checked> {
  static override usage =
    'resolve --packages FILE... [--status FILE] | --as-of COMMIT  install PKG...|upgrade [--full]|remove PKG...|check-all';
  static override summary = 'What would be done, on plain Debian Packages and status files.';
  static override description =
    'Needs no store, no source and no network: to see how gtpkg would decide about a distribution. One line a step, in order: name, version, architecture, action. check-all lists every package that nothing makes installable, with the reason. A Packages file (plain, .gz, .xz, .zst or .lz4) is compiled once and kept in the cache directory of the user.';
  static override examples = [
    '<%= config.bin %> resolve --packages Packages install gnome',
    '<%= config.bin %> resolve --packages Packages --status /var/lib/dpkg/status --extended-states /var/lib/apt/extended_states upgrade --full',
    '<%= config.bin %> resolve --packages main/Packages --packages security/Packages check-all --json',
    '<%= config.bin %> resolve --foreign i386 --packages binary-amd64/Packages binary-i386/Packages install wine32:i386',
  ];
  static override strict = false;
  static override flags = {
    packages: Flags.string({
      description: 'a Packages file (repeatable)',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    status: Flags.string({ description: 'what is installed, as dpkg writes it', helpValue: 'FILE' }),
    'extended-states': Flags.string({
      description: 'which of it came as a dependency, as apt writes it',
      helpValue: 'FILE',
    }),
    architecture: Flags.string({ description: 'instead of this machine’s', helpValue: 'ARCH' }),
    foreign: Flags.string({
      description: 'packages for this one too, named PKG:ARCH, as dpkg --add-architecture (repeatable)',
      helpValue: 'ARCH',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'as-of': Flags.string({
      description:
        'instead of files: the sources and the root of this home, with one index as it was at that commit',
      helpValue: 'COMMIT',
      exclusive: ['packages', 'status', 'extended-states', 'architecture', 'foreign'],
    }),
    'no-recommends': Flags.boolean({ description: 'leave recommended packages out' }),
    full: Flags.boolean({ description: 'upgrade: may add and remove packages' }),
    purge: Flags.boolean({ description: 'remove: conffiles too' }),
  };

  protected async work({ context, flags, words }: Call<typeof Resolve>): Promise<ResolvedPlan | Checked> {
    if (flags['as-of'] !== undefined) {
      const { resolveAsOf } = await import('../workflows/resolve-as-of.js');
      return resolveAsOf(context, flags['as-of'], changeFrom(words, flags));
    }
    return resolveFiles({
      packages: flags.packages ?? [],
      status: flags.status,
      extendedStates: flags['extended-states'],
      architecture: flags.architecture ?? context.architecture,
      foreign: flags.foreign ?? [],
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

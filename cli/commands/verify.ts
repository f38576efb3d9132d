import { EXIT, GtpkgError } from '../../model/index.js';
import { GtpkgCommand, type Call } from '../command.js';
import * as Flags from '../flags.js';
import { renderRepair, renderVerified } from '../render/verified.js';
import type { Repair } from '../workflows/repair.js';
import { installedNames, verifyInstalled, type Verification } from '../workflows/root.js';

export default class Verify extends GtpkgCommand<typeof Verify, Verification | Repair> {
  static override usage = 'verify [PKG...] [--repair] [--conffiles keep|replace] [--dry-run]';
  static override summary = 'Compare installed files with the signed manifests.';
  static override description =
    'Contents, kinds, links, modes, owners and extended attributes. A difference makes the exit status 5; a changed conffile is shown and is none, and so is what no package has in directories of packages. --repair puts back what differs, in one transaction, and fetches only what it needs for that; the exit status is 5 when something still differs then.';
  static override examples = [
    '<%= config.bin %> verify',
    '<%= config.bin %> verify hello',
    '<%= config.bin %> verify --repair --dry-run',
    '<%= config.bin %> verify hello --repair --conffiles replace',
  ];
  static override strict = false;
  static override flags = {
    repair: Flags.boolean({ description: 'put back what is not as signed' }),
    conffiles: Flags.string({
      description: 'with --repair: what becomes of conffiles that you changed or removed (default: keep)',
      helpValue: 'keep|replace',
    }),
    'dry-run': Flags.boolean({ description: 'with --repair: say what would be put back' }),
  };

  protected async work({ context, words, flags }: Call<typeof Verify>): Promise<Verification | Repair> {
    if (!flags.repair) {
      if (flags.conffiles !== undefined || flags['dry-run'])
        throw new GtpkgError('USAGE', '--conffiles and --dry-run go with --repair');
      return verifyInstalled(context, words);
    }
    const conffiles = flags.conffiles ?? 'keep';
    if (conffiles !== 'keep' && conffiles !== 'replace')
      throw new GtpkgError(
        'USAGE',
        `--conffiles must be keep or replace here, not "${conffiles.slice(0, 80)}"`,
      );
    const names = words.length === 0 ? undefined : await installedNames(context, words);
    const { repairInstalled } = await import('../workflows/repair.js');
    return repairInstalled(context, names, { dryRun: flags['dry-run'], conffiles });
  }

  protected render(verification: Verification | Repair): string {
    return 'repaired' in verification ? renderRepair(verification) : renderVerified(verification);
  }

  protected override status(verification: Verification): number {
    return verification.ok ? EXIT.ok : EXIT.untrusted;
  }
}

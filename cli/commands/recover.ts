import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { recoverRoot, type Recovered } from '../workflows/root.js';

export default class Recover extends GtpkgCommand<typeof Recover, Recovered> {
  static override usage = 'recover [--dry-run]';
  static override summary = 'Finish or undo a transaction that was killed.';
  static override description =
    'Every command that changes the root does this first by itself; this one does nothing else. What can be finished is finished, all else is taken back: gtpkg history says which.';
  static override examples = ['<%= config.bin %> recover', '<%= config.bin %> recover --dry-run'];
  static override flags = { 'dry-run': Flags.boolean({ description: 'say whether something is half done' }) };

  protected async work({ context, flags }: Call<typeof Recover>): Promise<Recovered> {
    return recoverRoot(context, flags['dry-run']);
  }

  protected render({ root, dryRun, recovered }: Recovered): string {
    if (!recovered) return `Nothing is half done in ${root}.`;
    return dryRun
      ? `A transaction is half done in ${root}: gtpkg recover finishes or undoes it.`
      : `Nothing is half done in ${root} any more.`;
  }
}

import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { forgetSource } from '../../workflows/sources.js';

export default class SourceRemove extends GtpkgCommand<
  typeof SourceRemove,
  { removed: string; dryRun: boolean }
> {
  static override usage = 'source remove NAME [--dry-run]';
  static override summary = 'Stop using a distribution. Installed packages stay.';
  static override examples = ['<%= config.bin %> source remove acme'];
  static override args = { name: Flags.word({ description: 'the source', required: true }) };
  static override flags = { 'dry-run': Flags.boolean({ description: 'change nothing' }) };

  protected async work({
    context,
    args,
    flags,
  }: Call<typeof SourceRemove>): Promise<{ removed: string; dryRun: boolean }> {
    return forgetSource(context, args.name, flags['dry-run']);
  }

  protected render({ removed, dryRun }: { removed: string; dryRun: boolean }): string {
    return dryRun
      ? `Would remove the source ${removed}.`
      : `Removed the source ${removed}; what was installed from it stays.`;
  }
}

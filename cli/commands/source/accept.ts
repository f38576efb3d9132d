import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderAccepted } from '../../render/histories.js';
import { acceptHistory, type Accepted } from '../../workflows/histories.js';

export default class SourceAccept extends GtpkgCommand<typeof SourceAccept, Accepted> {
  static override usage = 'source accept NAME [COMMIT] [--dry-run]';
  static override summary = 'Decide between two histories that the roots of a source signed.';
  static override description = `Roots that sign two different states with one number make a mistake or an attack. Such a source is neither updated nor
installed from until you decide. Ask its makers first. Without COMMIT both are shown.`;
  static override examples = [
    '<%= config.bin %> source accept acme',
    '<%= config.bin %> source accept acme 4f1c2d3e',
  ];
  static override args = {
    name: Flags.word({ description: 'the source', required: true }),
    commit: Flags.word({ description: 'the commit to go on with, or its first digits' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ description: 'say what would be done' }) };

  protected async work({ context, args, flags }: Call<typeof SourceAccept>): Promise<Accepted> {
    return acceptHistory(context, args.name, { commit: args.commit, dryRun: flags['dry-run'] });
  }

  protected render(accepted: Accepted): string {
    return renderAccepted(accepted);
  }
}

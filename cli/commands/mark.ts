import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderMarked } from '../render/marked.js';
import { markPackages, type Marked } from '../workflows/root.js';

type MarkedAs = Marked & { readonly as: string };

export default class Mark extends GtpkgCommand<typeof Mark, MarkedAs> {
  static override usage = 'mark auto|manual PKG... [--dry-run]';
  static override summary = 'Mark packages as asked for (manual) or as there for others (auto).';
  static override description =
    'autoremove takes automatic packages that nothing needs any more, and never a manual one.';
  static override examples = ['<%= config.bin %> mark manual libjq1', '<%= config.bin %> mark auto libjq1'];
  static override strict = false;
  static override args = {
    as: Flags.word({ description: 'auto or manual', required: true, options: ['auto', 'manual'] }),
  };
  static override flags = { 'dry-run': Flags.boolean({ description: 'say what would be marked' }) };

  protected async work({ context, args, words, flags }: Call<typeof Mark>): Promise<MarkedAs> {
    const marks = { auto: args.as === 'auto', dryRun: flags['dry-run'] };
    return { ...(await markPackages(context, words.slice(1), marks)), as: args.as };
  }

  protected render(marked: MarkedAs): string {
    return renderMarked(marked, {
      now: `is marked ${marked.as}`,
      before: `was marked ${marked.as} already`,
      would: `would be marked ${marked.as}`,
    });
  }
}

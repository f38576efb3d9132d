import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderMarked } from '../render/marked.js';
import { markPackages, type Marked } from '../workflows/root.js';

export default class Hold extends GtpkgCommand<typeof Hold, Marked> {
  static override usage = 'hold PKG... [--dry-run]';
  static override summary = 'Keep packages at the version they have.';
  static override examples = ['<%= config.bin %> hold hello'];
  static override strict = false;
  static override flags = { 'dry-run': Flags.boolean({ description: 'say what would be held' }) };

  protected async work({ context, words, flags }: Call<typeof Hold>): Promise<Marked> {
    return markPackages(context, words, { held: true, dryRun: flags['dry-run'] });
  }

  protected render(marked: Marked): string {
    return renderMarked(marked, {
      now: 'is held at its version',
      before: 'was held already',
      would: 'would be held at its version',
    });
  }
}

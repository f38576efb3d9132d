import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderMarked } from '../render/marked.js';
import { markPackages, type Marked } from '../workflows/root.js';

export default class Unhold extends GtpkgCommand<typeof Unhold, Marked> {
  static override usage = 'unhold PKG... [--dry-run]';
  static override summary = 'Let held packages be upgraded again.';
  static override examples = ['<%= config.bin %> unhold hello'];
  static override strict = false;
  static override flags = { 'dry-run': Flags.boolean({ description: 'say what would be let go' }) };

  protected async work({ context, words, flags }: Call<typeof Unhold>): Promise<Marked> {
    return markPackages(context, words, { held: false, dryRun: flags['dry-run'] });
  }

  protected render(marked: Marked): string {
    return renderMarked(marked, {
      now: 'is free to be upgraded',
      before: 'was not held',
      would: 'would be free to be upgraded',
    });
  }
}

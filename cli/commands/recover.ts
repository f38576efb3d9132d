import { GtpkgCommand, type Call } from '../command.js';
import { recoverRoot } from '../workflows/root.js';

export default class Recover extends GtpkgCommand<typeof Recover, { recovered: boolean }> {
  static override summary = 'Finish or undo a transaction that was killed.';
  static override description = 'Every command that changes the root does this first by itself.';
  static override examples = ['<%= config.bin %> recover'];

  protected async work({ context }: Call<typeof Recover>): Promise<{ recovered: boolean }> {
    return recoverRoot(context);
  }

  protected render({ recovered }: { recovered: boolean }): string {
    return recovered ? 'Nothing is half done any more.' : 'There was nothing to recover.';
  }
}

import { GtpkgError } from '../../model/errors.js';
import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderStatus } from '../render/status.js';
import { swarmStatus, type SwarmStatus } from '../workflows/status.js';

export default class Status extends GtpkgCommand<typeof Status, SwarmStatus | undefined> {
  static override usage = 'status [--watch]';
  static override summary = 'Show peers, rates, seeders, and which releases this home holds.';
  static override description = `Seeders and rates are known while gtpkg seed runs. With --json --watch: one JSON document a line, until ^C.`;
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --watch',
    '<%= config.bin %> status --json',
  ];
  static override flags = {
    watch: Flags.boolean({ description: 'show it again every second, until q or ^C' }),
  };

  protected async work({ context, flags }: Call<typeof Status>): Promise<SwarmStatus | undefined> {
    if (!flags.watch) return swarmStatus(context);
    if (!context.settings.json && !process.stdout.isTTY)
      throw new GtpkgError('USAGE', '--watch draws on a terminal, and this is none', {
        hint: 'Add --json for one document a line, or leave --watch out.',
      });
    const { watchStatus } = await import('../workflows/watch-status.js');
    await watchStatus(context);
    return undefined;
  }

  protected render(status: SwarmStatus | undefined): string {
    return status === undefined ? '' : renderStatus(status);
  }
}

import { GtpkgCommand, type Call } from '../command.js';
import { renderStatus } from '../render/status.js';
import { swarmStatus, type SwarmStatus } from '../workflows/seed.js';

export default class Status extends GtpkgCommand<typeof Status, SwarmStatus> {
  static override usage = 'status';
  static override summary = 'Show peers, and which releases this home holds.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json'];

  protected async work({ context }: Call<typeof Status>): Promise<SwarmStatus> {
    return swarmStatus(context);
  }

  protected render(status: SwarmStatus): string {
    return renderStatus(status);
  }
}

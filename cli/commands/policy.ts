import { GtpkgCommand, type Call } from '../command.js';
import { renderPolicy } from '../render/policy.js';
import { showPolicy, type PolicyReport } from '../workflows/policy.js';

export default class PolicyCommand extends GtpkgCommand<typeof PolicyCommand, PolicyReport> {
  static override usage = 'policy [PKG...]';
  static override summary = 'Pins and sources, and which release of a package they prefer.';
  static override description =
    'Priorities are those of apt_preferences(5): 500 for what no pin is about, below 0 never, below 100 only where nothing is installed, from 1000 on even if that is a downgrade.';
  static override examples = ['<%= config.bin %> policy', '<%= config.bin %> policy hello'];
  static override strict = false;

  protected async work({ context, words }: Call<typeof PolicyCommand>): Promise<PolicyReport> {
    return showPolicy(context, words);
  }

  protected render(report: PolicyReport): string {
    return renderPolicy(report);
  }
}

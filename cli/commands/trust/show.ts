import { GtpkgCommand, type Call } from '../../command.js';
import { policyInForce, type PolicyInForce } from '../../workflows/trust-explain.js';

export default class TrustShow extends GtpkgCommand<typeof TrustShow, PolicyInForce> {
  static override usage = 'trust show';
  static override summary = 'Print the policy that releases are judged by.';
  static override description =
    'The rules in $GTPKG_HOME/policy, and what holds for the sources that they do not speak of. What is printed is a policy file itself.';
  static override examples = ['<%= config.bin %> trust show', '<%= config.bin %> trust show > draft'];

  protected async work({ context }: Call<typeof TrustShow>): Promise<PolicyInForce> {
    return policyInForce(context);
  }

  protected render({ path, text, defaults }: PolicyInForce): string {
    const own =
      text.trim() === '' ? `# there is no ${path}: what the sources accept is accepted` : text.trimEnd();
    const rest = defaults.map((each) => each.text.trimEnd());
    return [
      own,
      ...(text.trim() === '' || rest.length === 0
        ? []
        : ['# what holds for sources that nothing above speaks of']),
      ...rest,
    ].join('\n\n');
  }
}

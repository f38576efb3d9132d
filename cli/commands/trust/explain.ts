import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderExplanation } from '../../render/trust.js';
import { explainTrust, type Explanation } from '../../workflows/trust-explain.js';

export default class TrustExplain extends GtpkgCommand<typeof TrustExplain, Explanation> {
  static override usage = 'trust explain PKG[=VERSION][/SUITE][@SOURCE]';
  static override summary = 'Show why a package may be installed, or may not.';
  static override description =
    'The derivation: which assertion of your policy, of gtpkg and of the index, and which signature, gave the release its value. Values: refuse, stage, manual, install, auto.';
  static override examples = [
    '<%= config.bin %> trust explain hello',
    '<%= config.bin %> trust explain hello=2.10-3@acme --json',
  ];
  static override args = {
    pkg: Flags.word({ description: 'PKG, PKG=VERSION, PKG/SUITE, PKG@SOURCE', required: true }),
  };

  protected async work({ context, args }: Call<typeof TrustExplain>): Promise<Explanation> {
    return explainTrust(context, args.pkg);
  }

  protected render(explanation: Explanation): string {
    return renderExplanation(explanation);
  }
}

import * as Flags from '../../flags.js';
import { EXIT } from '../../../model/errors.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { count, oneLine } from '../../render/table.js';
import { lintPolicy, type LintReport } from '../../workflows/trust-lint.js';

export default class TrustLint extends GtpkgCommand<typeof TrustLint, LintReport> {
  static override usage = 'trust lint [FILE]';
  static override summary = 'Check a KeyNote file for mistakes and traps.';
  static override description =
    'Without FILE, the policy of this home. Assertions by keys are judged as they are before they are signed: Licensees, Conditions, app_domain and a last date must be there, and expressions anchored. Exit status 2 when something is wrong.';
  static override examples = ['<%= config.bin %> trust lint', '<%= config.bin %> trust lint openssl.kn'];
  static override args = { file: Flags.word({ description: 'a file of assertions' }) };

  protected async work({ context, args }: Call<typeof TrustLint>): Promise<LintReport> {
    return lintPolicy(context, args.file);
  }

  protected override status({ findings }: LintReport): number {
    return findings.length === 0 ? EXIT.ok : EXIT.usage;
  }

  protected render({ path, assertions, findings }: LintReport): string {
    if (findings.length === 0) return `${path}: ${count(assertions, 'assertion')}, nothing wrong`;
    return findings.map(({ rule, where, message }) => oneLine(`${where}: [${rule}] ${message}`)).join('\n');
  }
}

import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { whyNot, type WhyNot } from '../workflows/reasons.js';

export default class WhyNotCommand extends GtpkgCommand<typeof WhyNotCommand, WhyNot> {
  static override usage = 'why-not PKG[=VERSION][/SUITE][@SOURCE]';
  static override summary = 'Why a package can not be installed, or not in a newer version.';
  static override description =
    'A reason with nothing left to take away, in at most five sentences; the last one says what would help, and that was tried.';
  static override examples = ['<%= config.bin %> why-not hello', '<%= config.bin %> why-not hello=3.0'];
  static override args = { pkg: Flags.word({ description: 'PKG or PKG=VERSION', required: true }) };

  protected async work({ context, args }: Call<typeof WhyNotCommand>): Promise<WhyNot> {
    return whyNot(context, args.pkg);
  }

  protected render({ sentences }: WhyNot): string {
    return sentences.join('\n');
  }
}

import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { signPolicy } from '../../workflows/trust-sign.js';

export default class TrustSign extends GtpkgCommand<typeof TrustSign, { text: string }> {
  static override usage = 'trust sign FILE [--key FPR]';
  static override summary = 'Print KeyNote assertions with your signature.';
  static override description =
    'For a delegation that several roots must make: each prints a copy, and whoever keeps the index puts all of them into one file for index policy add. Checked as trust lint does, first.';
  static override examples = ['<%= config.bin %> trust sign openssl.kn --key bob@example.org > bob.kn'];
  static override args = { file: Flags.word({ description: 'a file of assertions', required: true }) };
  static override flags = {
    key: Flags.string({
      description: 'the key that signs (default: the only private one here)',
      helpValue: 'FPR',
    }),
    'passphrase-file': Flags.string({
      description: 'its passphrase',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
  };

  protected async work({ context, args, flags }: Call<typeof TrustSign>): Promise<{ text: string }> {
    return signPolicy(context, { file: args.file, key: flags.key, passphraseFile: flags['passphrase-file'] });
  }

  protected render({ text }: { text: string }): string {
    return text;
  }
}

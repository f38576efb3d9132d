import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { exportKey } from '../../workflows/keys.js';

export default class KeyExport extends GtpkgCommand<
  typeof KeyExport,
  { fingerprint: string; armored: string }
> {
  static override usage = 'key export KEY [--secret]';
  static override summary = 'Print a key, armoured.';
  static override examples = [
    '<%= config.bin %> key export ada@example.org > ada.asc',
    '<%= config.bin %> key export --secret 8A2F… > backup.asc',
  ];
  static override args = {
    key: Flags.word({ description: 'fingerprint, its last digits, or an e-mail address', required: true }),
  };
  static override flags = {
    secret: Flags.boolean({ description: 'print the private key, as it is stored (with its passphrase)' }),
  };

  protected async work({
    context,
    args,
    flags,
  }: Call<typeof KeyExport>): Promise<{ fingerprint: string; armored: string }> {
    return exportKey(context, args.key, flags.secret);
  }

  protected render(key: { armored: string }): string {
    return key.armored;
  }
}

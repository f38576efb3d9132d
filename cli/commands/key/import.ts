import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { importKey, type KeySummary } from '../../workflows/keys.js';

type Imported = KeySummary & { readonly dryRun: boolean };

export default class KeyImport extends GtpkgCommand<typeof KeyImport, Imported> {
  static override usage = 'key import FILE [--dry-run]';
  static override summary = 'Take over an OpenPGP key, public or private, from a file.';
  static override description =
    'Prints the fingerprint. A private key keeps the passphrase that it has. What is known of the key already is kept.';
  static override examples = [
    '<%= config.bin %> key import ada.asc',
    'gpg --export-secret-keys ADA | <%= config.bin %> key import -',
  ];
  static override args = {
    file: Flags.word({ description: 'armoured or binary key; - for standard input', required: true }),
  };
  static override flags = { 'dry-run': Flags.boolean({ description: 'read and check it, keep nothing' }) };

  protected async work({ context, args, flags }: Call<typeof KeyImport>): Promise<Imported> {
    return importKey(context, args.file, flags['dry-run']);
  }

  protected render({ fingerprint, dryRun, secret, userIds }: Imported): string {
    return dryRun
      ? `Would import the ${secret ? 'private' : 'public'} key ${fingerprint} of ${userIds.join(', ')}.`
      : fingerprint;
  }
}

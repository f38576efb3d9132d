import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { passphraseFrom } from '../../prompt.js';
import { generateKey, type KeySummary } from '../../workflows/keys.js';

export default class KeyGenerate extends GtpkgCommand<typeof KeyGenerate, KeySummary> {
  static override usage = 'key generate --name N --email E [--passphrase-file F] [--expires-in DAYS]';
  static override summary = 'Make an OpenPGP key for signing releases and indexes.';
  static override description =
    'Prints the fingerprint. The key is an Ed25519 v4 key that gpg and git accept; its private part is stored at mode 0600 in the home.';
  static override examples = [
    '<%= config.bin %> key generate --name "Ada Lovelace" --email ada@example.org',
    '<%= config.bin %> key generate --name Ada --email ada@example.org --passphrase-file secret.txt',
  ];
  static override flags = {
    name: Flags.string({ description: 'who the key belongs to', required: true, helpValue: 'N' }),
    email: Flags.string({ description: 'their e-mail address', required: true, helpValue: 'E' }),
    'passphrase-file': Flags.string({
      description: 'protect the private key with the passphrase in F',
      helpValue: 'F',
    }),
    'expires-in': Flags.integer({
      description: 'let the key expire after so many days',
      helpValue: 'DAYS',
      min: 1,
    }),
  };

  protected async work({ context, flags }: Call<typeof KeyGenerate>): Promise<KeySummary> {
    const passphrase =
      flags['passphrase-file'] === undefined
        ? undefined
        : await passphraseFrom(flags['passphrase-file'], async () => 'the new key')();
    return generateKey(context, {
      name: flags.name,
      email: flags.email,
      passphrase,
      days: flags['expires-in'],
    });
  }

  protected render(key: KeySummary): string {
    return key.fingerprint;
  }
}

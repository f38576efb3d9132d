import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { importKey, type KeySummary } from '../../workflows/keys.js';

export default class KeyImport extends GtpkgCommand<typeof KeyImport, KeySummary> {
  static override usage = 'key import FILE [--dry-run]';
  static override summary = 'Take over an OpenPGP key, public or private, from a file.';
  static override examples = [
    '<%= config.bin %> key import ada.asc',
    'gpg --export-secret-keys ADA | <%= config.bin %> key import -',
  ];
  static override args = {
    file: Flags.word({ description: 'armoured or binary key; - for standard input', required: true }),
  };

  protected async work({ context, args }: Call<typeof KeyImport>): Promise<KeySummary> {
    return importKey(context, args.file);
  }

  protected render(key: KeySummary): string {
    return key.fingerprint;
  }
}

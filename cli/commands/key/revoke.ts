import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { GtpkgError } from '../../../model/errors.js';
import { renderRevoked } from '../../render/revoked.js';
import { revokeKey, type RevokedKey } from '../../workflows/key-revoke.js';

export default class KeyRevoke extends GtpkgCommand<typeof KeyRevoke, RevokedKey> {
  static override usage =
    'key revoke KEY [--reason compromised|superseded|retired] [--message TEXT] [--dry-run]';
  static override summary = 'Revoke a key of yours, and tell it through your indexes.';
  static override description = `compromised (the default): whatever it signed is refused from now on, also what it signed before. superseded, retired: it signs no
more, and releases that an index listed before stay good. The revoked key goes into every index kept here that names it. It cannot be undone.`;
  static override examples = [
    '<%= config.bin %> key revoke 8A2F…',
    '<%= config.bin %> key revoke ada@example.org --reason superseded --message "see 31C0…"',
  ];
  static override args = {
    key: Flags.word({ description: 'fingerprint, its last digits, or an e-mail address', required: true }),
  };
  static override flags = {
    reason: Flags.string({
      description: 'compromised, superseded or retired',
      options: ['compromised', 'superseded', 'retired'],
      default: 'compromised',
      helpValue: 'WHY',
    }),
    message: Flags.string({
      description: 'a word to whoever meets the revocation; public',
      helpValue: 'TEXT',
    }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'say what would be done' }),
  };

  protected async work({ context, args, flags }: Call<typeof KeyRevoke>): Promise<RevokedKey> {
    return revokeKey(context, {
      key: args.key,
      reason: reasonFrom(flags.reason),
      message: flags.message ?? '',
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(revoked: RevokedKey): string {
    return renderRevoked(revoked);
  }
}

function reasonFrom(text: string): 'compromised' | 'superseded' | 'retired' {
  if (text === 'compromised' || text === 'superseded' || text === 'retired') return text;
  throw new GtpkgError('USAGE', `--reason is compromised, superseded or retired, not "${text.slice(0, 40)}"`);
}

import { GtpkgCommand, type Call } from '../../command.js';
import { table } from '../../render/table.js';
import { listKeys, type KeySummary } from '../../workflows/keys.js';

export default class KeyList extends GtpkgCommand<typeof KeyList, { keys: KeySummary[] }> {
  static override usage = 'key list';
  static override summary = 'List the keys in this home.';
  static override examples = ['<%= config.bin %> key list', '<%= config.bin %> key list --json'];

  protected async work({ context }: Call<typeof KeyList>): Promise<{ keys: KeySummary[] }> {
    return { keys: await listKeys(context) };
  }

  protected render({ keys }: { keys: KeySummary[] }): string {
    if (keys.length === 0) return 'No keys yet: gtpkg key generate --name N --email E makes one.';
    return table(
      ['FINGERPRINT', 'KIND', 'STATE', 'USER'],
      keys.map((key) => [
        key.fingerprint,
        key.secret ? (key.protected ? 'private, passphrase' : 'private') : 'public',
        key.state,
        key.userIds.join(', '),
      ]),
    );
  }
}

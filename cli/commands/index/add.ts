import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderPublished } from '../../render/published.js';
import type { Published } from '../../workflows/enlist.js';
import { addFromSource } from '../../workflows/index-add.js';

export default class IndexAdd extends GtpkgCommand<typeof IndexAdd, Published> {
  static override usage = 'index add NAME PKG[=VERSION]@SOURCE... [--suite S] [--dry-run]';
  static override summary = "List other people's releases in an index of yours.";
  static override description =
    'PKG@SOURCE is fetched and verified whole first; then the entry and the public key of its maintainer go into the index. The release keeps its core key, so all its seeders go on serving it.';
  static override examples = [
    '<%= config.bin %> index add acme hello@bob',
    '<%= config.bin %> index add acme hello=2.10-3@bob --suite testing',
  ];
  static override strict = false;
  static override args = { name: Flags.word({ description: 'an index kept here', required: true }) };
  static override flags = {
    suite: Flags.string({ description: "the suite (default: the index's first)", helpValue: 'S' }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the root keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'allow-older': Flags.boolean({ description: 'accept a version lower than the one that is listed' }),
    'dry-run': Flags.boolean({ description: 'say what would be added, change nothing' }),
  };

  protected async work({ context, args, flags, words }: Call<typeof IndexAdd>): Promise<Published> {
    return addFromSource(context, {
      index: args.name,
      packages: words.slice(1),
      suite: flags.suite,
      passphraseFile: flags['passphrase-file'],
      allowOlder: flags['allow-older'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(published: Published): string {
    return renderPublished(published);
  }
}

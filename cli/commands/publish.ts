import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderPublished } from '../render/published.js';
import type { Published } from '../workflows/enlist.js';
import { publish } from '../workflows/publish.js';

export default class Publish extends GtpkgCommand<typeof Publish, Published> {
  static override usage = 'publish PATH... --index NAME [--suite S] [--key FPR] [--dry-run]';
  static override summary = 'Build, sign and list packages in an index of yours.';
  static override description = `Each PATH is a directory as gtpkg package build takes it, a Debian binary package (.deb), or a package repository (.git).
Publishing the same thing twice changes nothing.`;
  static override examples = [
    '<%= config.bin %> publish ./hello --index acme',
    '<%= config.bin %> publish *.deb --index acme --suite stable --key 8A2F…',
  ];
  static override strict = false;
  static override flags = {
    index: Flags.string({ description: 'the index to list them in', required: true, helpValue: 'NAME' }),
    suite: Flags.string({ description: "the suite (default: the index's first)", helpValue: 'S' }),
    key: Flags.string({
      description: "signs the releases (default: the index's root key)",
      helpValue: 'FPR',
    }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the signing keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    compression: Flags.integer({
      description: 'zstd level of the payload (default: 19, or 20 for more than 8 MiB)',
      min: 1,
      max: 22,
      helpValue: 'LEVEL',
    }),
    deltas: Flags.integer({
      description: 'make deltas from this many older releases of the same package',
      default: 2,
      min: 0,
      max: 8,
      helpValue: 'N',
    }),
    'allow-older': Flags.boolean({ description: 'accept a version lower than the one that is listed' }),
    'dry-run': Flags.boolean({ description: 'say what would be published, change nothing' }),
  };

  protected async work({ context, flags, words }: Call<typeof Publish>): Promise<Published> {
    return publish(context, {
      paths: words,
      index: flags.index,
      suite: flags.suite,
      key: flags.key,
      passphraseFile: flags['passphrase-file'],
      compression: flags.compression,
      deltas: flags.deltas,
      allowOlder: flags['allow-older'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(published: Published): string {
    return renderPublished(published);
  }
}

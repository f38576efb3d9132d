import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { pendingNote } from '../../render/pending.js';
import { count } from '../../render/table.js';
import { removeFromIndex, type RemovedEntries } from '../../workflows/indexes.js';

export default class IndexRemove extends GtpkgCommand<typeof IndexRemove, RemovedEntries> {
  static override usage = 'index remove NAME PKG[=VERSION]... [--suite S] [--dry-run]';
  static override summary = 'Take packages out of an index of yours.';
  static override description =
    'The releases stay where they are seeded; clients only stop being offered them.';
  static override examples = [
    '<%= config.bin %> index remove acme hello',
    '<%= config.bin %> index remove acme hello=2.10-3',
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
    'dry-run': Flags.boolean({ description: 'say what would be removed, change nothing' }),
  };

  protected async work({ context, args, flags, words }: Call<typeof IndexRemove>): Promise<RemovedEntries> {
    return removeFromIndex(context, {
      index: args.name,
      packages: words.slice(1),
      suite: flags.suite,
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render({ index, sequence, removed, dryRun, pending }: RemovedEntries): string {
    const what = removed.map((each) => `  ${each.name} ${each.version} (${each.architecture})`).join('\n');
    if (pending.length > 0)
      return [
        `Proposed to take ${count(removed.length, 'release')} out of ${index}:`,
        what,
        ...pendingNote(index, pending),
      ].join('\n');
    return `${dryRun ? 'Would take' : 'Took'} ${count(removed.length, 'release')} out of ${index}${dryRun ? '' : `, now at sequence ${sequence}`}:\n${what}`;
  }
}

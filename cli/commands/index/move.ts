import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { pendingNote } from '../../render/pending.js';
import { moveIndex, type MovedIndex } from '../../workflows/index-move.js';

export default class IndexMove extends GtpkgCommand<typeof IndexMove, MovedIndex> {
  static override usage = 'index move NAME [--dry-run]';
  static override summary = 'Publish an index on a new index core, signed by its roots.';
  static override description = `For when the key of the index core is lost with its home, or stolen. NAME is an index kept here, or a source of whose roots this home has
a private key: it is kept here from then on. Users are led on by the peers of the old index core; the introduction printed is for new ones.`;
  static override examples = ['<%= config.bin %> index move acme'];
  static override args = {
    name: Flags.word({ description: 'an index kept here, or a source', required: true }),
  };
  static override flags = {
    'passphrase-file': Flags.string({
      description: 'passphrase of the root keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'say what would be done' }),
  };

  protected async work({ context, args, flags }: Call<typeof IndexMove>): Promise<MovedIndex> {
    return moveIndex(context, {
      name: args.name,
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render({ name, dryRun, adopted, sequence, from, introduction, pending }: MovedIndex): string {
    if (dryRun) return `Would move ${name} from the index core ${from}, in number ${sequence}.`;
    const kept = adopted ? [`${name} is kept in this home from now on.`] : [];
    if (pending.length > 0) return [...kept, ...pendingNote(name, pending)].join('\n');
    return [
      ...kept,
      `Moved ${name} in number ${sequence}. Those who follow it are led on while gtpkg seed runs here.`,
      `New users add it with: gtpkg source add '${introduction}'`,
    ].join('\n');
  }
}

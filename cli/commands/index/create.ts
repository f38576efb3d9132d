import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderNewIndex } from '../../render/new-index.js';
import { createIndex, type IndexSummary } from '../../workflows/indexes.js';

export default class IndexCreate extends GtpkgCommand<typeof IndexCreate, IndexSummary> {
  static override usage =
    'index create NAME --key FPR... [--threshold K] [--suite S]... [--valid-for DAYS] [--dry-run]';
  static override summary = 'Start a distribution: a signed index with nothing in it yet.';
  static override description =
    'Prints the introduction: the one line that users need to trust and find this distribution.';
  static override examples = [
    '<%= config.bin %> index create acme --key 8A2F…',
    '<%= config.bin %> index create acme --key 8A2F… --key 31C0… --threshold 2 --suite stable --suite testing',
  ];
  static override args = { name: Flags.word({ description: 'name of the distribution', required: true }) };
  static override flags = {
    key: Flags.string({
      description: 'root key (repeatable)',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FPR',
    }),
    threshold: Flags.integer({
      description: 'how many root keys must sign a change',
      default: 1,
      min: 1,
      helpValue: 'K',
    }),
    suite: Flags.string({
      description: 'suite (repeatable, default: stable)',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'S',
    }),
    'valid-for': Flags.integer({
      description: 'days until clients want a newer index',
      min: 1,
      helpValue: 'DAYS',
    }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the root keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'check everything, sign and keep nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof IndexCreate>): Promise<IndexSummary> {
    return createIndex(context, {
      name: args.name,
      keys: flags.key,
      threshold: flags.threshold,
      suites: flags.suite ?? ['stable'],
      days: flags['valid-for'],
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(index: IndexSummary): string {
    return renderNewIndex(index);
  }
}

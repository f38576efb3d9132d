import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderNewIndex } from '../../render/new-index.js';
import { forkIndex } from '../../workflows/fork.js';
import type { IndexSummary } from '../../workflows/indexes.js';

export default class IndexFork extends GtpkgCommand<typeof IndexFork, IndexSummary> {
  static override usage =
    'index fork SOURCE NAME --key FPR... [--threshold K] [--valid-for DAYS] [--dry-run]';
  static override summary = 'Fork a whole distribution under keys of your own.';
  static override description = `Signs one small commit on top of the source's index. No package is copied: the fork names the same release cores.
Prints the new introduction.`;
  static override examples = ['<%= config.bin %> index fork acme acme-ng --key 8A2F…'];
  static override args = {
    source: Flags.word({ description: 'a source of this machine', required: true }),
    name: Flags.word({ description: 'name of the new distribution', required: true }),
  };
  static override flags = {
    key: Flags.string({
      description: 'root key of the fork (repeatable)',
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

  protected async work({ context, args, flags }: Call<typeof IndexFork>): Promise<IndexSummary> {
    return forkIndex(context, {
      source: args.source,
      name: args.name,
      keys: flags.key,
      threshold: flags.threshold,
      days: flags['valid-for'],
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render(index: IndexSummary): string {
    return renderNewIndex(index);
  }
}

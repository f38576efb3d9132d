import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { pendingNote } from '../../render/pending.js';
import { table } from '../../render/table.js';
import { indexRoots, type IndexRoots as Roots } from '../../workflows/index-roots.js';

export default class IndexRoots extends GtpkgCommand<typeof IndexRoots, Roots> {
  static override usage = 'index roots NAME [--add FPR]... [--remove FPR]... [--threshold K] [--dry-run]';
  static override summary = 'Show who may sign an index of yours, or change it.';
  static override description = `A change is signed by as many of the old roots as they need, and by as many of the new ones: what cannot be signed here is pending
until the others have (index sign). Users follow it by themselves; the introduction printed is for new ones.`;
  static override examples = [
    '<%= config.bin %> index roots acme',
    '<%= config.bin %> index roots acme --add bob@example.org --threshold 2',
    '<%= config.bin %> index roots acme --remove 8A2F…',
  ];
  static override args = { name: Flags.word({ description: 'an index kept here', required: true }) };
  static override flags = {
    add: Flags.string({
      description: 'a key of this home that becomes a root (repeatable)',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FPR',
    }),
    remove: Flags.string({
      description: 'a root that is one no longer (repeatable)',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FPR',
    }),
    threshold: Flags.integer({ description: 'how many roots must sign a change', min: 1, helpValue: 'K' }),
    'passphrase-file': Flags.string({
      description: 'passphrase of the root keys',
      helpValue: 'F',
      env: 'GTPKG_PASSPHRASE_FILE',
    }),
    'dry-run': Flags.boolean({ description: 'say what would be, sign nothing' }),
  };

  protected async work({ context, args, flags }: Call<typeof IndexRoots>): Promise<Roots> {
    return indexRoots(context, {
      index: args.name,
      add: flags.add ?? [],
      remove: flags.remove ?? [],
      threshold: flags.threshold,
      passphraseFile: flags['passphrase-file'],
      dryRun: flags['dry-run'],
    });
  }

  protected render({ index, threshold, roots, changed, dryRun, introduction, pending }: Roots): string {
    const rows = table(
      ['ROOT KEY', 'STATE', 'PRIVATE PART', 'USER'],
      roots.map((root) => [
        root.fingerprint,
        root.weakFrom === null ? root.state : `${root.state}, refused from ${root.weakFrom.slice(0, 10)}`,
        root.here ? 'here' : '',
        root.userId,
      ]),
    );
    const must = `${threshold} of ${roots.length} ${dryRun ? 'would have to' : 'must'} sign a change of ${index}.`;
    if (!changed) return `${rows}\n${must}`;
    const tail =
      pending.length > 0
        ? pendingNote(index, pending)
        : [`New users add it with: gtpkg source add '${introduction}'`];
    return [rows, must, ...tail].join('\n');
  }
}

import { GtpkgError } from '../../../model/errors.js';
import * as Flags from '../../flags.js';
import { GtpkgCommand, type Call } from '../../command.js';
import { renderExported } from '../../render/bundle.js';
import type { BundleChoice } from '../../workflows/bundle-choose.js';
import { exportBundle, type Exported } from '../../workflows/bundle-export.js';

export default class BundleExport extends GtpkgCommand<typeof BundleExport, Exported> {
  static override usage =
    'bundle export FILE [PKG[=VERSION]... | --suite S] [--contents] [--no-recommends] [--no-deps] [--dry-run]';
  static override summary = 'Write indexes and releases into one file, as for a memory stick.';
  static override description = `With packages: these and all that they need on an empty machine. With --suite: everything in it. With neither: every release that this
home holds. What is not held is fetched first. Names are written as for install; FILE may be -, standard output.`;
  static override examples = [
    '<%= config.bin %> bundle export /media/stick/tools vim git',
    '<%= config.bin %> bundle export /media/stick/acme --suite stable@acme',
    '<%= config.bin %> bundle export - hello | ssh host tee hello.bundle',
  ];
  static override strict = false;
  static override args = { file: Flags.word({ description: 'the file to write', required: true }) };
  static override flags = {
    suite: Flags.string({ description: 'all of a suite (of one source: S@SOURCE)', helpValue: 'S' }),
    contents: Flags.boolean({
      description: 'also which paths all packages of these indexes have, for owns and files',
    }),
    'no-recommends': Flags.boolean({ description: 'leave recommended packages out' }),
    'no-deps': Flags.boolean({ description: 'take only the named packages, whatever they depend on' }),
    'dry-run': Flags.boolean({ description: 'say what would be written and fetched' }),
  };

  protected async work({ context, args, words, flags }: Call<typeof BundleExport>): Promise<Exported> {
    const packages = words.slice(1);
    const { suite } = flags;
    if (suite !== undefined && packages.length > 0)
      throw new GtpkgError('USAGE', 'packages and --suite cannot be given together');
    const choice: BundleChoice =
      suite !== undefined
        ? { kind: 'suite', suite }
        : packages.length === 0
          ? { kind: 'held' }
          : {
              kind: 'packages',
              words: packages,
              recommends: !flags['no-recommends'],
              dependencies: !flags['no-deps'],
            };
    return exportBundle(context, args.file, { choice, contents: flags.contents, dryRun: flags['dry-run'] });
  }

  protected render(exported: Exported): string {
    return exported.file === null && !exported.dryRun ? '' : renderExported(exported);
  }
}

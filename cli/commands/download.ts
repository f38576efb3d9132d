import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { size } from '../render/table.js';
import { downloadPackages, type Downloaded } from '../workflows/download.js';

export default class Download extends GtpkgCommand<typeof Download, Downloaded> {
  static override usage = 'download PKG[=VERSION]... [--dry-run]';
  static override summary = 'Fetch and verify releases without installing them.';
  static override examples = [
    '<%= config.bin %> download hello',
    '<%= config.bin %> download hello=2.10-3 --tar .',
  ];
  static override strict = false;
  static override flags = {
    tar: Flags.string({ description: 'also write each as a plain tar archive into DIR', helpValue: 'DIR' }),
    'dry-run': Flags.boolean({ description: 'say what would be fetched' }),
  };

  protected async work({ context, words, flags }: Call<typeof Download>): Promise<Downloaded> {
    return downloadPackages(context, words, { dryRun: flags['dry-run'], tar: flags.tar });
  }

  protected render({ releases }: Downloaded): string {
    return releases
      .map((each) => `${each.name} ${each.version} (${each.architecture})  ${size(each.size)}  ${each.core}`)
      .join('\n');
  }
}

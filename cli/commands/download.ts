import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { count, size } from '../render/table.js';
import { downloadPackages, type Downloaded } from '../workflows/download.js';

export default class Download extends GtpkgCommand<typeof Download, Downloaded> {
  static override usage = 'download PKG[=VERSION]... [--tar DIR] [--dry-run]';
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

  protected render({ dryRun, releases }: Downloaded): string {
    const lines = releases.map(
      ({ name, version, architecture, size: bytes, core }) =>
        `${name} ${version} (${architecture})  ${size(bytes)}  ${core}`,
    );
    const end = dryRun
      ? 'Nothing was fetched (--dry-run).'
      : `Verified and held: ${count(releases.length, 'release')}.`;
    return [...lines, end].join('\n');
  }
}

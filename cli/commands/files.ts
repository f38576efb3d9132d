import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { oneLine } from '../render/table.js';
import { filesOfPackage, type PackageFiles } from '../workflows/paths.js';

export default class Files extends GtpkgCommand<typeof Files, PackageFiles> {
  static override usage = 'files PKG';
  static override summary = 'List the paths of a package.';
  static override description =
    'Of an installed package, what is in the root; of another one, what its source says is in the newest release, or in the one that is named.';
  static override examples = ['<%= config.bin %> files hello', '<%= config.bin %> files hello=2.0'];
  static override args = {
    pkg: Flags.word({ description: 'a package, installed or offered', required: true }),
  };

  protected async work({ context, args }: Call<typeof Files>): Promise<PackageFiles> {
    return filesOfPackage(context, args.pkg);
  }

  protected render({ files }: PackageFiles): string {
    return files.map(oneLine).join('\n');
  }
}

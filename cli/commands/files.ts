import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { oneLine } from '../render/table.js';
import { filesOfPackage } from '../workflows/query.js';

export default class Files extends GtpkgCommand<typeof Files, { name: string; files: string[] }> {
  static override usage = 'files PKG';
  static override summary = 'List the paths of an installed package.';
  static override examples = ['<%= config.bin %> files hello'];
  static override args = { pkg: Flags.word({ description: 'an installed package', required: true }) };

  protected async work({ context, args }: Call<typeof Files>): Promise<{ name: string; files: string[] }> {
    return filesOfPackage(context, args.pkg);
  }

  protected render({ files }: { files: string[] }): string {
    return files.map(oneLine).join('\n');
  }
}

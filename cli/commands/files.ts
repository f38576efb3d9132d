import * as Args from '@oclif/core/args';
import { GtpkgCommand, type Call } from '../command.js';
import { printable } from '../../model/index.js';
import { filesOfPackage } from '../workflows/query.js';

export default class Files extends GtpkgCommand<typeof Files, { name: string; files: string[] }> {
  static override summary = 'List the paths of an installed package.';
  static override examples = ['<%= config.bin %> files hello'];
  static override args = { package: Args.string({ description: 'an installed package', required: true }) };

  protected async work({ context, args }: Call<typeof Files>): Promise<{ name: string; files: string[] }> {
    return filesOfPackage(context, args.package);
  }

  protected render({ files }: { files: string[] }): string {
    return files.map(printable).join('\n');
  }
}

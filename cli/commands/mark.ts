import * as Args from '@oclif/core/args';
import { GtpkgCommand, type Call } from '../command.js';
import { markPackages } from '../workflows/root.js';

export default class Mark extends GtpkgCommand<typeof Mark, { packages: string[]; as: string }> {
  static override summary = 'Mark packages as asked for (manual) or as there for others (auto).';
  static override description =
    'autoremove takes automatic packages that nothing needs any more, and never a manual one.';
  static override examples = ['<%= config.bin %> mark manual libjq1', '<%= config.bin %> mark auto libjq1'];
  static override strict = false;
  static override usage = ['mark auto|manual PKG...'];
  static override args = {
    as: Args.string({ description: 'auto or manual', required: true, options: ['auto', 'manual'] }),
  };

  protected async work({
    context,
    args,
    words,
  }: Call<typeof Mark>): Promise<{ packages: string[]; as: string }> {
    const { packages } = await markPackages(context, words.slice(1), { auto: args.as === 'auto' });
    return { packages, as: args.as };
  }

  protected render({ packages, as }: { packages: string[]; as: string }): string {
    return packages.map((name) => `${name} is marked ${as}.`).join('\n');
  }
}

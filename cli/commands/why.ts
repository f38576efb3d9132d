import { GtpkgCommand, type Call } from '../command.js';
import { whyPackages, type WhyInstalled } from '../workflows/reasons.js';

export default class WhyCommand extends GtpkgCommand<typeof WhyCommand, { packages: WhyInstalled[] }> {
  static override usage = 'why PKG...';
  static override summary = 'Why an installed package is there.';
  static override description =
    'The shortest way to it from a package that you installed, hold, or that is essential.';
  static override examples = ['<%= config.bin %> why libssl3'];
  static override strict = false;

  protected async work({ context, words }: Call<typeof WhyCommand>): Promise<{ packages: WhyInstalled[] }> {
    return { packages: await whyPackages(context, words) };
  }

  protected render({ packages }: { packages: WhyInstalled[] }): string {
    return packages.map(({ text }) => text).join('\n');
  }
}

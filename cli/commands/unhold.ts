import { GtpkgCommand, type Call } from '../command.js';
import { markPackages } from '../workflows/root.js';

export default class Unhold extends GtpkgCommand<typeof Unhold, { packages: string[] }> {
  static override summary = 'Let held packages be upgraded again.';
  static override examples = ['<%= config.bin %> unhold hello'];
  static override strict = false;
  static override usage = ['unhold PKG...'];

  protected async work({ context, words }: Call<typeof Unhold>): Promise<{ packages: string[] }> {
    return markPackages(context, words, { held: false });
  }

  protected render({ packages }: { packages: string[] }): string {
    return packages.map((name) => `${name} is free to be upgraded.`).join('\n');
  }
}

import { GtpkgCommand, type Call } from '../command.js';
import { markPackages } from '../workflows/root.js';

export default class Hold extends GtpkgCommand<typeof Hold, { packages: string[] }> {
  static override summary = 'Keep packages at the version they have.';
  static override examples = ['<%= config.bin %> hold hello'];
  static override strict = false;
  static override usage = ['hold PKG...'];

  protected async work({ context, words }: Call<typeof Hold>): Promise<{ packages: string[] }> {
    return markPackages(context, words, { held: true });
  }

  protected render({ packages }: { packages: string[] }): string {
    return packages.map((name) => `${name} is held at its version.`).join('\n');
  }
}

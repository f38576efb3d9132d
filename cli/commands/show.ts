import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { renderPackage } from '../render/package.js';
import { showPackages, type PackageDetails } from '../workflows/query.js';

export default class Show extends GtpkgCommand<typeof Show, { packages: PackageDetails[] }> {
  static override usage = 'show PKG[=VERSION]';
  static override summary = 'Show a package: control fields, signer, core, state.';
  static override description =
    'Every version that a source offers, the newest first, and what is installed.';
  static override examples = ['<%= config.bin %> show hello', '<%= config.bin %> show hello=2.10-3'];
  static override args = { pkg: Flags.word({ description: 'PKG or PKG=VERSION', required: true }) };

  protected async work({ context, args }: Call<typeof Show>): Promise<{ packages: PackageDetails[] }> {
    return { packages: await showPackages(context, args.pkg) };
  }

  protected render({ packages }: { packages: PackageDetails[] }): string {
    return packages.map(renderPackage).join('\n\n');
  }
}

import * as Flags from '../flags.js';
import { GtpkgCommand, type Call } from '../command.js';
import { oneLine } from '../render/table.js';
import { ownersOf, type PathOwners } from '../workflows/paths.js';

export default class Owns extends GtpkgCommand<typeof Owns, PathOwners> {
  static override usage = 'owns PATH';
  static override summary = 'Say which package a path belongs to.';
  static override description =
    'Installed packages are asked first; when none has the path, the sources are, for packages that could be installed.';
  static override examples = ['<%= config.bin %> owns /usr/bin/hello'];
  static override args = {
    path: Flags.word({ description: 'a path, as it is below the root', required: true }),
  };

  protected async work({ context, args }: Call<typeof Owns>): Promise<PathOwners> {
    return ownersOf(context, args.path);
  }

  protected render({ path, packages, offered }: PathOwners): string {
    if (packages.length > 0) return `${packages.join(', ')}: ${oneLine(path)}`;
    return offered
      .map(
        ({ name, version, source, suite }) =>
          `${name} ${version} (${source}/${suite}, not installed): ${oneLine(path)}`,
      )
      .join('\n');
  }
}
